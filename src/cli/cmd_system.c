/*
 * The store as a whole.
 */
#include "base/cleanup.h"
#include "commands.h"
#include "confirm.h"
#include "container/volume.h"
#include "container_info.h"
#include "containers_prune.h"
#include "image_filters.h"
#include "image_info.h"
#include "listing.h"
#include "oci/json.h"
#include "prune_flags.h"
#include "store/images.h"
#include "volume_info.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- df ---- */

struct usage {
        const char *type;
        uint64_t total;
        uint64_t active; /* those that something uses */
        uint64_t bytes;
        uint64_t reclaimable;
};

/* What containers have of their own, and which of them run. */
static void count_containers(struct store *store, const struct containers *all, struct usage *usage)
{
        for (size_t i = 0; i < all->count; i++) {
                const uint64_t own = container_size(store, &all->items[i], NULL);
                const bool runs = all->items[i].state.status == CONTAINER_RUNNING;

                usage->total++;
                usage->active += runs;
                usage->bytes += own;
                usage->reclaimable += runs ? 0 : own;
        }
}

static bool is_used(const struct containers *all, const char *image_id)
{
        for (size_t i = 0; i < all->count; i++)
                if (strcmp(all->items[i].spec.image_id, image_id) == 0)
                        return true;
        return false;
}

/* Images, whose bytes are known; of them a layer counts as used where one of a container's has it.
 */
static int count_images(struct store *store, const struct containers *all, struct usage *usage,
                        struct error *err)
{
        struct strv seen = STRV_INIT; /* layers: those of used images come first */
        uint64_t all_bytes = 0, unused_bytes = 0;
        struct image_index list;
        int r = store_images_read(store, &list, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < 2 * list.manifests.count && r == 0; i++) {
                const size_t at = i % list.manifests.count;
                const bool used_ones = i < list.manifests.count;
                struct error broken = ERROR_INIT;
                char id[DIGEST_TEXT_MAX];
                struct stored_image image;

                if (store_image_load(store, &list.manifests.items[at], NULL, &image, &broken) < 0)
                        continue;
                digest_format(&image.parsed.config.digest, id);
                if (is_used(all, id) == used_ones) {
                        usage->active += used_ones;
                        for (size_t k = 0; k < image.config.diff_id_count && r == 0; k++) {
                                const struct digest *layer = &image.config.diff_ids[k];

                                digest_format(layer, id);
                                if (strv_contains(&seen, id))
                                        continue;
                                all_bytes += image_layer_size(store, layer);
                                if (!used_ones)
                                        unused_bytes += image_layer_size(store, layer);
                                r = strv_add(&seen, id) < 0 ? error_set_oom(err) : 0;
                        }
                }
                stored_image_done(&image);
        }
        /* Blobs and indexes go with the layers that they are of. */
        usage->reclaimable = usage->bytes;
        if (all_bytes > 0)
                usage->reclaimable =
                        (uint64_t)((double)usage->bytes * (double)unused_bytes / (double)all_bytes);
        image_index_done(&list);
        strv_done(&seen);
        return r;
}

static int count_volumes(struct store *store, struct usage *usage, struct error *err)
{
        struct volumes volumes;
        int r = volumes_read(store, &volumes, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < volumes.count && r == 0; i++) {
                const uint64_t bytes = volume_size(&volumes.items[i]);
                char id[65];

                r = volume_user(store, volumes.items[i].name, id, err);
                usage->total++;
                usage->active += *id != '\0';
                usage->bytes += bytes;
                usage->reclaimable += *id ? 0 : bytes;
        }
        volumes_done(&volumes);
        return r;
}

static int add_row(json_t *rows, const struct usage *usage)
{
        char total[24], active[24], size[PRINT_SIZE_MAX], reclaimable[PRINT_SIZE_MAX + 16];
        const uint64_t freed =
                usage->reclaimable < usage->bytes ? usage->reclaimable : usage->bytes;
        json_t *row = json_object();
        size_t len;

        snprintf(total, sizeof(total), "%" PRIu64, usage->total);
        snprintf(active, sizeof(active), "%" PRIu64, usage->active);
        print_size(usage->bytes, size);
        print_size(freed, reclaimable);
        len = strlen(reclaimable);
        if (usage->bytes > 0)
                snprintf(reclaimable + len, sizeof(reclaimable) - len, " (%" PRIu64 "%%)",
                         freed * 100 / usage->bytes);
        if (json_append(rows, row) < 0 || row_put(row, "Type", usage->type) < 0 ||
            row_put(row, "TotalCount", total) < 0 || row_put(row, "Active", active) < 0 ||
            row_put(row, "Size", size) < 0 || row_put(row, "Reclaimable", reclaimable) < 0)
                return -ENOMEM;
        return 0;
}

static int count_all(struct store *store, struct usage usage[static 5], struct error *err)
{
        struct store_usage files;
        struct containers all;
        int r = store_measure(store, &files, err);

        if (r == 0)
                r = containers_read(store, &all, NULL, err);
        if (r < 0)
                return r;
        usage[0] = (struct usage){ "Images", .total = files.image_count };
        usage[1] = (struct usage){ .type = "Containers" };
        usage[2] = (struct usage){ .type = "Local Volumes" };
        usage[3] = (struct usage){ "Build Cache", .total = files.record_count };
        usage[4] = (struct usage){ "Unused", .total = files.unused.files };
        usage[3].bytes = usage[3].reclaimable = files.cache.size_bytes;
        usage[4].bytes = usage[4].reclaimable = files.unused.size_bytes;
        count_containers(store, &all, &usage[1]);
        usage[0].bytes = files.images.size_bytes > usage[1].bytes
                                 ? files.images.size_bytes - usage[1].bytes
                                 : 0;
        r = count_images(store, &all, &usage[0], err);
        if (r == 0)
                r = count_volumes(store, &usage[2], err);
        containers_done(&all);
        return r;
}

static int print_usage(struct store *store, const struct listing *listing, struct error *err)
{
        _cleanup_json_ json_t *rows = json_array();
        struct usage usage[5];
        int r = rows ? count_all(store, usage, err) : error_set_oom(err);

        for (size_t i = 0; i < ARRAY_SIZE(usage) && r == 0; i++)
                r = add_row(rows, &usage[i]) < 0 ? error_set_oom(err) : 0;
        return r < 0 ? r : listing_print(listing, rows, err);
}

static int run_df(const struct command *command, int argc, char **argv)
{
        static const struct listing_column columns[] = { { "Type", "TYPE" },
                                                         { "TotalCount", "TOTAL" },
                                                         { "Active", "ACTIVE" },
                                                         { "Size", "SIZE" },
                                                         { "Reclaimable", "RECLAIMABLE" } };
        struct listing listing = { .columns = columns, .column_count = ARRAY_SIZE(columns) };
        const struct option_spec options[] = {
                { OPTION_STRING, 0, "format", &listing.format, "TEMPLATE",
                  "\"{{.Type}} {{.Size}}\" or json" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        if (print_usage(store, &listing, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_system_df = {
        .name = "system df",
        .arguments = "[OPTIONS]",
        .summary = "Show what uses the space of the store",
        .details =
                "An image is active while a container is made of it, a container while it runs, a "
                "volume\n"
                "while a container has it. Files that both an image and the build cache need count "
                "as the\nimage's. What is unused goes with the next `varve system prune`.\n\n"
                "Example:\n  varve system df",
        .run = run_df,
};

/* ---- prune ---- */

/* A time holds for them as for the cache; what else is said is of the cache alone. */
static int prune_containers(struct store *store, const struct strv *written, size_t *ret_count,
                            struct error *err)
{
        struct strv filters = STRV_INIT;
        int r = 0;

        for (size_t i = 0; i < written->count && r == 0; i++)
                if (strncmp(written->items[i], "until=", strlen("until=")) == 0)
                        r = strv_add(&filters, written->items[i]) < 0 ? error_set_oom(err) : 0;
        if (r == 0)
                r = containers_prune(store, &filters, ret_count, err);
        strv_done(&filters);
        return r;
}

static int run_prune(const struct command *command, int argc, char **argv)
{
        struct prune_flags flags = { .keep_storage = NULL };
        bool all = false, force = false, volumes = false;
        const struct option_spec options[] = {
                PRUNE_OPTIONS(&flags),
                { OPTION_FLAG, 'a', "all", &all, NULL,
                  "Remove images that have names, too, but are no container's" },
                { OPTION_FLAG, 0, "volumes", &volumes, NULL,
                  "Remove volumes that have no name and no container, too" },
                FORCE_OPTION(&force),
        };
        struct image_filters filters = IMAGE_FILTERS_INIT;
        struct cache_prune_options what;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        char size[PRINT_SIZE_MAX];
        struct store *store;
        const struct strv none = STRV_INIT;
        size_t images = 0, steps = 0, containers, removed_volumes;
        uint64_t freed = 0;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        r = prune_flags_parse(&flags, &what, &err);
        if (r == 0 && !force &&
            !confirm(all ? "This will remove all stopped containers, all images without at least "
                           "one "
                           "container associated to them, and the build cache."
                         : "This will remove all stopped containers, all dangling images and the "
                           "build cache."))
                r = -ECANCELED;
        filters.dangling = all ? -1 : 1;
        if (r == 0)
                r = prune_containers(store, &flags.filters, &containers, &err);
        if (r == 0 && volumes)
                r = volumes_prune(store, false, &none, &removed_volumes, &err);
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
        .summary = "Remove stopped containers, images without a name, and the build cache",
        .details =
                "The options say what of the build cache stays; `varve cache prune` leaves images "
                "alone.\n\n"
                "Examples:\n"
                "  varve system prune\n"
                "  varve system prune -af --filter until=24h",
        .run = run_prune,
};
