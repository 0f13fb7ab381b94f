#include "names.h"

#include "base/cleanup.h"

#include <stdio.h>

static const char *const adjectives[] = {
        "agile",   "amber",   "bold",   "brave",   "bright",  "brisk",  "calm",     "candid",
        "clever",  "cosmic",  "crisp",  "curious", "daring",  "deft",   "eager",    "earnest",
        "elegant", "fair",    "fluent", "fond",    "frosty",  "gentle", "glad",     "golden",
        "happy",   "hardy",   "honest", "humble",  "jolly",   "keen",   "kind",     "lively",
        "loyal",   "lucid",   "mellow", "merry",   "mild",    "modest", "neat",     "nimble",
        "noble",   "patient", "placid", "plucky",  "polite",  "proud",  "quick",    "quiet",
        "ready",   "serene",  "sharp",  "silent",  "sincere", "smooth", "spry",     "steady",
        "stoic",   "sturdy",  "sunny",  "swift",   "tender",  "tidy",   "tranquil", "upbeat",
        "vivid",   "warm",    "wise",   "witty",   "zealous", "zesty",
};

/* Who has looked at what was laid down long ago, and what they found. */
static const char *const nouns[] = {
        "agassiz",  "agricola", "albatross", "ammonite",  "anning",   "arkose",   "barrow",
        "basalt",   "bascom",   "bowen",     "breccia",   "buckland", "chert",    "clarke",
        "corliss",  "cuvier",   "dana",      "dawson",    "de_geer",  "dolomite", "eocene",
        "ewing",    "feldspar", "flint",     "gabbro",    "garnet",   "gneiss",   "granite",
        "gressly",  "gypsum",   "halite",    "hess",      "holmes",   "hutton",   "ichthyosaur",
        "jasper",   "lapworth", "lehmann",   "loess",     "lyell",    "mantell",  "marl",
        "mica",     "moraine",  "murchison", "nautilus",  "obsidian", "olivine",  "opal",
        "playfair", "powell",   "pumice",    "pyrite",    "quartz",   "rhyolite", "schist",
        "sedgwick", "shale",    "silt",      "slate",     "smith",    "steno",    "suess",
        "tektite",  "tharp",    "topaz",     "trilobite", "tuff",     "varve",    "wegener",
        "werner",   "zircon",
};

void name_make(unsigned adjective, unsigned noun, unsigned attempt, char ret[static NAME_MAX_BYTES])
{
        const char *first = adjectives[adjective % ARRAY_SIZE(adjectives)];
        const char *second = nouns[noun % ARRAY_SIZE(nouns)];

        if (attempt == 0)
                snprintf(ret, NAME_MAX_BYTES, "%s_%s", first, second);
        else
                snprintf(ret, NAME_MAX_BYTES, "%s_%s%u", first, second, attempt);
}
