#include "base/cleanup.h"
#include "commands.h"
#include "image_info.h"

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
        return strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

static int add_row(struct store *store, struct table *table, const struct shown_image *shown,
                   bool whole)
{
        char id[DIGEST_TEXT_MAX], size[PRINT_SIZE_MAX], age[PRINT_AGE_MAX] = "N/A";
        _cleanup_free_ char *repository = NULL, *tag = NULL;

        digest_format(&shown->image.parsed.config.digest, id);
        if (!whole) {
                digest_format_hex(&shown->image.parsed.config.digest, id);
                id[ID_DIGITS] = '\0';
        }
        if (shown->image.config.has_created)
                print_age(shown->image.config.created.tv_sec, age);
        print_size(image_size(store, &shown->image), size);
        if (image_split_name(shown->name, &repository, &tag) < 0 ||
            table_add(table, repository) < 0 || table_add(table, tag) < 0 ||
            table_add(table, id) < 0 || table_add(table, age) < 0 || table_add(table, size) < 0)
                return -1;
        return 0;
}

static int print_images(struct store *store, struct shown_image *images, size_t count, bool quiet,
                        bool whole, struct error *err)
{
        struct table table = { .columns = 5 };
        static const char *const heads[] = { "REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE" };
        int r = 0;

        if (count > 1)
                qsort(images, count, sizeof(*images), compare_age);
        for (size_t i = 0; i < ARRAY_SIZE(heads) && r == 0; i++)
                r = table_add(&table, heads[i]);
        for (size_t i = 0; i < count && r == 0; i++) {
                char id[DIGEST_TEXT_MAX];

                if (!quiet) {
                        r = add_row(store, &table, &images[i], whole);
                        continue;
                }
                digest_format(&images[i].image.parsed.config.digest, id);
                printf("%.*s\n", whole ? (int)sizeof(id) : ID_DIGITS,
                       whole ? id : strchr(id, ':') + 1);
        }
        if (r < 0 || quiet)
                strv_done(&table.cells);
        else
                table_print(&table);
        return r < 0 ? error_set_oom(err) : 0;
}

static int list_images(struct store *store, bool quiet, bool whole, struct error *err)
{
        struct shown_image *images;
        struct image_index list;
        size_t count = 0;
        int r;

        r = store_images_read(store, &list, err);
        if (r < 0)
                return r;
        images = calloc(list.manifests.count + 1, sizeof(*images));
        if (!images)
                r = error_set_oom(err);
        for (size_t i = 0; i < list.manifests.count && r == 0; i++) {
                struct error broken = ERROR_INIT;

                /* One that cannot be read does not hide the others. */
                if (store_image_load(store, &list.manifests.items[i], NULL, &images[count].image,
                                     &broken) < 0) {
                        fprintf(stderr, "varve: warning: %s\n", broken.message);
                        continue;
                }
                images[count].name = store_image_name(&images[count].image.root);
                count++;
        }
        if (r == 0)
                r = print_images(store, images, count, quiet, whole, err);
        for (size_t i = 0; i < count; i++)
                stored_image_done(&images[i].image);
        free(images);
        image_index_done(&list);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        bool quiet = false, whole = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'q', "quiet", &quiet, NULL, "Print the IDs alone" },
                { OPTION_FLAG, 0, "no-trunc", &whole, NULL, "Print whole IDs" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct error none = ERROR_INIT;
        struct store *store = NULL;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, NULL,
                       &status))
                return status;
        r = store_open_existing(arguments.root, &store, &none);
        if (r == 0)
                r = list_images(store, quiet, whole, &err);
        else if (r == -ENXIO)
                r = print_images(NULL, NULL, 0, quiet, whole, &err);
        else
                err = none;
        store_free(store);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_images = {
        .name = "images",
        .arguments = "[OPTIONS]",
        .summary = "List the images of the store",
        .details = "The newest come first. SIZE is that of all layers, uncompressed; layers that "
                   "images\n"
                   "share are stored once. An image without a name is shown as <none>.\n\n"
                   "Examples:\n"
                   "  varve images\n"
                   "  varve images -q --no-trunc",
        .run = run,
};
