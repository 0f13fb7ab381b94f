/*
 * The store as a whole.
 */
#include "base/cleanup.h"
#include "commands.h"
#include "confirm.h"
#include "image_filters.h"
#include "prune_flags.h"
#include "store/images.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- df ---- */

static int add_row(struct table *table, const char *what, uint64_t count, bool counted,
                   const struct store_share *share)
{
        char number[24] = "", files[24], size[PRINT_SIZE_MAX];

        if (counted)
                snprintf(number, sizeof(number), "%" PRIu64, count);
        snprintf(files, sizeof(files), "%" PRIu64, share->files);
        print_size(share->size_bytes, size);
        if (table_add(table, what) < 0 || table_add(table, number) < 0 ||
            table_add(table, files) < 0)
                return -1;
        return table_add(table, size);
}

static int print_usage(struct store *store, struct error *err)
{
        struct table table = { .columns = 4 };
        struct store_usage usage;
        int r = store_measure(store, &usage, err);

        if (r < 0)
                return r;
        if (table_add(&table, "TYPE") < 0 || table_add(&table, "COUNT") < 0 ||
            table_add(&table, "FILES") < 0 || table_add(&table, "SIZE") < 0 ||
            add_row(&table, "images", usage.image_count, true, &usage.images) < 0 ||
            add_row(&table, "build cache", usage.record_count, true, &usage.cache) < 0 ||
            add_row(&table, "unused", 0, false, &usage.unused) < 0) {
                strv_done(&table.cells);
                return error_set_oom(err);
        }
        table_print(&table);
        return 0;
}

static int run_df(const struct command *command, int argc, char **argv)
{
        return cli_show(command, argc, argv, print_usage);
}

const struct command cmd_system_df = {
        .name = "system df",
        .arguments = "",
        .summary = "Show what uses the space of the store",
        .details =
                "Files that both an image and the build cache need count as the image's. What is "
                "unused\n"
                "goes with the next `varve system prune`.\n\n"
                "Example:\n  varve system df",
        .run = run_df,
};

/* ---- prune ---- */

static int run_prune(const struct command *command, int argc, char **argv)
{
        struct prune_flags flags = { .keep_storage = NULL };
        bool all = false, force = false;
        const struct option_spec options[] = {
                PRUNE_OPTIONS(&flags),
                { OPTION_FLAG, 'a', "all", &all, NULL,
                  "Remove images that have names, too, but are no container's" },
                FORCE_OPTION(&force),
        };
        struct image_filters filters = IMAGE_FILTERS_INIT;
        struct cache_prune_options what;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        char size[PRINT_SIZE_MAX];
        struct store *store;
        size_t images = 0, steps = 0;
        uint64_t freed = 0;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        r = prune_flags_parse(&flags, &what, &err);
        if (r == 0 && !force &&
            !confirm(all ? "This will remove all images without at least one container associated "
                           "to them, and the build cache."
                         : "This will remove all dangling images and the build cache."))
                r = -ECANCELED;
        filters.dangling = all ? -1 : 1;
        if (r == 0)
                r = image_prune(store, &filters, &images, &err);
        what.forget = true;
        if (r == 0)
                r = cache_prune(store, &what, &steps, &freed, &err);
        print_size(freed, size);
        if (r == 0)
                printf("Removed %zu images%s and %zu steps, freed %s.\n", images,
                       all ? "" : " without a name", steps, size);
        strv_done(&flags.filters);
        store_free(store);
        return error_is_set(&err) ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_system_prune = {
        .name = "system prune",
        .arguments = "[OPTIONS]",
        .summary = "Remove images without a name, the build cache, and what nobody needs",
        .details =
                "The options say what of the build cache stays; `varve cache prune` leaves images "
                "alone.\n\n"
                "Examples:\n"
                "  varve system prune\n"
                "  varve system prune -af --filter until=24h",
        .run = run_prune,
};
