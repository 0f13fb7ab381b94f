/*
 * What the build cache holds, and what of it goes.
 */
#include "base/cleanup.h"
#include "commands.h"
#include "confirm.h"
#include "prune_flags.h"
#include "store/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_DIGITS     12
#define ID_DIGITS_MIN 4

/* ---- ls ---- */

static const char *step_of(const struct cache_entry *entry)
{
        if (entry->is_mount)
                return "RUN --mount=type=cache";
        return *entry->step ? entry->step : "?";
}

static int add_row(struct table *table, const struct cache_entry *entry)
{
        char id[DIGEST_HEX_MAX], age[PRINT_AGE_MAX], size[PRINT_SIZE_MAX];

        digest_format_hex(&entry->id, id);
        id[ID_DIGITS] = '\0';
        print_age(entry->used.tv_sec, age);
        print_size(entry->size_bytes, size);
        if (table_add(table, id) < 0 || table_add(table, age) < 0 || table_add(table, size) < 0 ||
            table_add(table, entry->in_use     ? "now"
                             : entry->in_image ? "image"
                                               : "") < 0)
                return -ENOMEM;
        return table_add(table, step_of(entry));
}

static int list(struct store *store, struct error *err)
{
        static const char *const heads[] = { "ID", "USED", "SIZE", "BY", "STEP" };
        struct table table = { .columns = ARRAY_SIZE(heads) };
        struct cache_entry *entries;
        size_t count;
        int r = cache_list(store, &entries, &count, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(heads) && r == 0; i++)
                r = table_add(&table, heads[i]);
        for (size_t i = 0; i < count && r == 0; i++)
                r = add_row(&table, &entries[i]);
        cache_entries_free(entries, count);
        if (r < 0) {
                strv_done(&table.cells);
                return error_set_oom(err);
        }
        table_print(&table);
        return 0;
}

static int run_ls(const struct command *command, int argc, char **argv)
{
        return cli_show(command, argc, argv, list);
}

const struct command cmd_cache_ls = {
        .name = "cache ls",
        .arguments = "",
        .summary = "List the steps of the build cache",
        .details = "What was used last comes first. SIZE is what a step alone keeps; what an image "
                   "has too\n"
                   "is counted with the image.\n\n"
                   "Example:\n  varve cache ls",
        .run = run_ls,
};

/* ---- rm ---- */

/* The one entry whose ID begins so. */
static int find(const struct cache_entry *entries, size_t count, const char *text, size_t *ret,
                struct error *err)
{
        size_t len = strlen(text), found = 0;

        for (size_t i = 0; i < count; i++) {
                char id[DIGEST_HEX_MAX];

                digest_format_hex(&entries[i].id, id);
                if (len < ID_DIGITS_MIN || strncmp(id, text, len) != 0)
                        continue;
                *ret = i;
                found++;
        }
        if (found == 1)
                return 0;
        error_set(err, found ? -EINVAL : -ENOENT,
                  found ? "more than one step's ID begins with %s"
                        : "there is no step %s in the cache",
                  text);
        return error_hint(err, "`varve cache ls` lists all.");
}

static int remove_steps(struct store *store, const struct arguments *arguments, struct error *err)
{
        struct cache_entry *entries;
        size_t count, at = 0;
        uint64_t freed;
        int r = cache_list(store, &entries, &count, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < arguments->count && r == 0; i++) {
                r = find(entries, count, arguments->items[i], &at, err);
                if (r == 0)
                        r = cache_remove(store, &entries[at], err);
                if (r == 0)
                        printf("Removed: %s\n", arguments->items[i]);
        }
        cache_entries_free(entries, count);
        return r < 0 ? r : store_collect(store, &freed, err);
}

static int run_rm(const struct command *command, int argc, char **argv)
{
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        if (!cli_begin(command, NULL, 0, argc, argv, 1, SIZE_MAX, &arguments, &store, &status))
                return status;
        r = remove_steps(store, &arguments, &err);
        store_free(store);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_cache_rm = {
        .name = "cache rm",
        .arguments = "ID...",
        .summary = "Remove steps from the build cache",
        .details = "Example:\n  varve cache rm 94d60db588dc",
        .run = run_rm,
};

/* ---- prune ---- */

static int run_prune(const struct command *command, int argc, char **argv)
{
        struct prune_flags flags = { .keep_storage = NULL };
        bool all = false, force = false;
        const struct option_spec options[] = {
                PRUNE_OPTIONS(&flags),
                { OPTION_FLAG, 'a', "all", &all, NULL,
                  "Remove steps that images have, too (as is done anyway)" },
                FORCE_OPTION(&force),
        };
        struct cache_prune_options what;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        char size[PRINT_SIZE_MAX];
        struct store *store;
        uint64_t freed = 0;
        size_t count = 0;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        r = prune_flags_parse(&flags, &what, &err);
        if (r == 0 && !force && !confirm("This will remove the build cache."))
                r = -ECANCELED;
        if (r == 0)
                r = cache_prune(store, &what, &count, &freed, &err);
        print_size(freed, size);
        if (r == 0)
                printf("Removed %zu steps, freed %s.\n", count, size);
        strv_done(&flags.filters);
        store_free(store);
        return error_is_set(&err) ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_cache_prune = {
        .name = "cache prune",
        .arguments = "[OPTIONS]",
        .summary = "Empty the build cache, or what of it was not used for long",
        .details =
                "The least recently used steps go first, and none that a running build needs.\n\n"
                "Examples:\n"
                "  varve cache prune\n"
                "  varve cache prune --keep-storage 10g --filter until=24h",
        .run = run_prune,
};
