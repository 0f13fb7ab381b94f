/*
 * The options that say what of the build cache stays. Private to src/cli/.
 */
#pragma once

#include "build/cache.h"
#include "cli.h"

struct prune_flags {
        const char *keep_storage;
        struct strv filters;
};

/* Lines for a command's table of options. */
/* clang-format off */
#define PRUNE_OPTIONS(flags) \
        { OPTION_STRING, 0, "keep-storage", &(flags)->keep_storage, "BYTES", \
          "Keep so much of what was used last, such as 10g" }, \
        { OPTION_LIST, 0, "filter", &(flags)->filters, "FILTER", \
          "Remove only what was not used for a time (until=24h), or what no image has\n" \
          "                                (unused); may be repeated" }
/* clang-format on */

/* -EINVAL for what cannot be understood. */
int prune_flags_parse(const struct prune_flags *flags, struct cache_prune_options *ret,
                      struct error *err);
