#include "base/cleanup.h"
#include "commands.h"
#include "image_filters.h"
#include "image_info.h"
#include "listing.h"
#include "log.h"
#include "oci/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_DIGITS 12

struct shown_image {
        struct stored_image image;
        const char *name; /* borrowed from the image */
};

static int compare_age(const void *a, const void *b)
{
        const struct shown_image *left = a, *right = b;
        const struct timespec *l = &left->image.config.created, *r = &right->image.config.created;

        if (l->tv_sec != r->tv_sec)
                return l->tv_sec > r->tv_sec ? -1 : 1;
        if (l->tv_nsec != r->tv_nsec)
                return l->tv_nsec > r->tv_nsec ? -1 : 1;
        return strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

struct images_flags {
        struct strv filters;
        const char *format;
        bool all; /* steps are no images here, so this is all that is listed anyway */
        bool digests;
        bool quiet;
        bool whole;
};

static const struct listing_column columns[] = {
        { "Repository", "REPOSITORY" }, { "Tag", "TAG" },   { "ID", "IMAGE ID" },
        { "CreatedSince", "CREATED" },  { "Size", "SIZE" },
};

static const struct listing_column digest_columns[] = {
        { "Repository", "REPOSITORY" }, { "Tag", "TAG" },
        { "Digest", "DIGEST" },         { "ID", "IMAGE ID" },
        { "CreatedSince", "CREATED" },  { "Size", "SIZE" },
};

static const struct listing_column more_columns[] = {
        { "Digest", "DIGEST" },          { "CreatedAt", "CREATED AT" },
        { "Containers", "CONTAINERS" },  { "SharedSize", "SHARED SIZE" },
        { "UniqueSize", "UNIQUE SIZE" },
};

/* What only a format asks for. */
static int put_more(const struct shown_image *shown, json_t *row)
{
        const struct image_config *config = &shown->image.config;
        char when[PRINT_TIME_MAX] = "N/A";
        int r = 0;

        if (config->has_created)
                print_time(config->created.tv_sec, when);
        r = row_put(row, "CreatedAt", when);
        for (size_t i = 2; i < ARRAY_SIZE(more_columns) && r == 0; i++)
                r = row_put(row, more_columns[i].field, "N/A");
        return r;
}

static int fill_row(struct store *store, const struct images_flags *flags,
                    const struct shown_image *shown, json_t *row)
{
        const struct image_config *config = &shown->image.config;
        char id[DIGEST_TEXT_MAX], digest[DIGEST_TEXT_MAX];
        char size[PRINT_SIZE_MAX], age[PRINT_AGE_MAX] = "N/A";
        _cleanup_free_ char *repository = NULL, *tag = NULL;

        digest_format(&shown->image.parsed.config.digest, id);
        digest_format(&shown->image.root.digest, digest);
        if (!flags->whole) {
                digest_format_hex(&shown->image.parsed.config.digest, id);
                id[ID_DIGITS] = '\0';
        }
        if (flags->quiet && !flags->format)
                return row_put(row, "ID", id);
        if (config->has_created)
                print_age(config->created.tv_sec, age);
        print_size(image_size(store, &shown->image), size);
        if (image_split_name(store, shown->name, &repository, &tag) < 0 ||
            row_put(row, "CreatedSince", age) < 0 || row_put(row, "Digest", digest) < 0 ||
            row_put(row, "ID", id) < 0 || row_put(row, "Repository", repository) < 0 ||
            row_put(row, "Size", size) < 0 || row_put(row, "Tag", tag) < 0)
                return -ENOMEM;
        return flags->format ? put_more(shown, row) : 0;
}

static int print_images(struct store *store, struct shown_image *images, size_t count,
                        const struct images_flags *flags, struct error *err)
{
        const struct listing listing = {
                .columns = flags->digests ? digest_columns : columns,
                .column_count = flags->digests ? ARRAY_SIZE(digest_columns) : ARRAY_SIZE(columns),
                .more = more_columns,
                .more_count = ARRAY_SIZE(more_columns),
                .format = flags->format,
                .quiet = flags->quiet ? "ID" : NULL,
        };
        _cleanup_json_ json_t *rows = json_array();

        if (count > 1)
                qsort(images, count, sizeof(*images), compare_age);
        for (size_t i = 0; i < count; i++) {
                json_t *row = json_object();

                if (json_append(rows, row) < 0 || fill_row(store, flags, &images[i], row) < 0)
                        return error_set_oom(err);
        }
        return rows ? listing_print(&listing, rows, err) : error_set_oom(err);
}

/* Those of the list that pass the filters. One that cannot be read does not hide the others. */
static int choose_images(struct store *store, const struct image_index *list,
                         const struct image_filters *filters, struct shown_image *ret,
                         size_t *ret_count, struct error *err)
{
        *ret_count = 0;
        for (size_t i = 0; i < list->manifests.count; i++) {
                struct shown_image *shown = &ret[*ret_count];
                struct error broken = ERROR_INIT;
                int passes;

                if (store_image_load(store, &list->manifests.items[i], NULL, &shown->image,
                                     &broken) < 0) {
                        log_print(LOG_LEVEL_WARNING, "%s", broken.message);
                        continue;
                }
                shown->name = store_image_name(&shown->image.root);
                passes = image_filters_pass(filters, store, &shown->image, shown->name, err);
                *ret_count += passes > 0;
                if (passes <= 0)
                        stored_image_done(&shown->image);
                if (passes < 0)
                        return passes;
        }
        return 0;
}

static int list_images(struct store *store, const struct images_flags *flags, struct error *err)
{
        _cleanup_(image_filters_done) struct image_filters filters = IMAGE_FILTERS_INIT;
        struct image_index list = IMAGE_INDEX_INIT;
        struct shown_image *images = NULL;
        size_t count = 0;
        int r = image_filters_parse(store, &flags->filters, &filters, err);

        if (r == 0 && store)
                r = store_images_read(store, &list, err);
        if (r == 0) {
                images = calloc(list.manifests.count + 1, sizeof(*images));
                r = images ? choose_images(store, &list, &filters, images, &count, err)
                           : error_set_oom(err);
        }
        if (r == 0)
                r = print_images(store, images, count, flags, err);
        for (size_t i = 0; i < count; i++)
                stored_image_done(&images[i].image);
        free(images);
        image_index_done(&list);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct images_flags flags = { .all = false };
        const struct option_spec options[] = {
                { OPTION_FLAG, 'a', "all", &flags.all, NULL,
                  "List those without a name, too (as is done anyway)" },
                { OPTION_FLAG, 0, "digests", &flags.digests, NULL, "Show digests of manifests" },
                { OPTION_LIST, 'f', "filter", &flags.filters, "KEY=VALUE",
                  "Only those of which this is true: dangling, reference, label, before, since, "
                  "until" },
                { OPTION_STRING, 0, "format", &flags.format, "TEMPLATE",
                  "\"table {{.ID}}\\t{{.Repository}}\", \"{{.ID}}\" or json" },
                { OPTION_FLAG, 0, "no-trunc", &flags.whole, NULL, "Print whole IDs" },
                { OPTION_FLAG, 'q', "quiet", &flags.quiet, NULL, "Print the IDs alone" },
        };
        struct error err = ERROR_INIT, none = ERROR_INIT;
        struct arguments arguments;
        struct store *store = NULL;
        int status, r = 0;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 1, &arguments, NULL,
                       &status))
                return status;
        if (arguments.count > 0 &&
            strv_addf(&flags.filters, "reference=%s", arguments.items[0]) < 0)
                r = error_set_oom(&err);
        if (r == 0)
                r = cli_open_store(arguments.root, false, &store, &none);
        if (r == 0 || r == -ENXIO)
                r = list_images(store, &flags, &err);
        else if (!error_is_set(&err))
                err = none;
        store_free(store);
        strv_done(&flags.filters);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_images = {
        .name = "images",
        .arguments = "[OPTIONS] [REPOSITORY[:TAG]]",
        .summary = "List the images of the store",
        .details = "The newest come first. SIZE is that of all layers, uncompressed; layers that "
                   "images\n"
                   "share are stored once. An image without a name is shown as <none>.\n\n"
                   "Examples:\n"
                   "  varve images\n"
                   "  varve images --filter dangling=true -q\n"
                   "  varve images --format 'table {{.Repository}}\\t{{.Size}}' 'deb*'",
        .run = run,
};
