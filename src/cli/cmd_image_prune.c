#include "base/cleanup.h"
#include "commands.h"
#include "confirm.h"
#include "container/container.h"
#include "image_filters.h"
#include "image_info.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Takes all names of an image away that has any, and tells them. */
static int remove_image(struct store *store, const struct image_index *list,
                        const struct stored_image *image, struct error *err)
{
        char id[DIGEST_TEXT_MAX];
        bool gone;
        int r;

        for (size_t i = 0; i < list->manifests.count; i++) {
                const char *name = store_image_name(&list->manifests.items[i]);
                _cleanup_free_ char *repository = NULL, *tag = NULL;

                if (!name || !digest_equal(&list->manifests.items[i].digest, &image->root.digest))
                        continue;
                if (image_split_name(store, name, &repository, &tag) < 0)
                        return error_set_oom(err);
                printf("untagged: %s:%s\n", repository, tag);
        }
        r = store_images_remove(store, NULL, &image->root.digest, &gone, err);
        if (r < 0)
                return r;
        digest_format(&image->parsed.config.digest, id);
        printf("deleted: %s\n", id);
        return 0;
}

static bool is_used(struct store *store, const struct stored_image *image)
{
        char id[DIGEST_TEXT_MAX], container[CONTAINER_ID_SHORT + 1];
        bool running;

        digest_format(&image->parsed.config.digest, id);
        return containers_use_image(store, id, container, &running);
}

/* Whether the image stands before in the list, under another name. */
static bool was_seen(const struct image_index *list, size_t at)
{
        for (size_t i = 0; i < at; i++)
                if (digest_equal(&list->manifests.items[i].digest,
                                 &list->manifests.items[at].digest))
                        return true;
        return false;
}

int image_prune(struct store *store, const struct image_filters *filters, size_t *ret_count,
                struct error *err)
{
        struct image_index list;
        size_t count = 0;
        int r = store_images_read(store, &list, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < list.manifests.count && r == 0; i++) {
                const char *name = store_image_name(&list.manifests.items[i]);
                struct error broken = ERROR_INIT;
                struct stored_image image;

                if (was_seen(&list, i) ||
                    store_image_load(store, &list.manifests.items[i], NULL, &image, &broken) < 0)
                        continue;
                r = image_filters_pass(filters, store, &image, name, err);
                if (r > 0 && is_used(store, &image))
                        r = 0;
                if (r > 0 && count++ == 0)
                        printf("Deleted Images:\n");
                if (r > 0)
                        r = remove_image(store, &list, &image, err);
                stored_image_done(&image);
        }
        image_index_done(&list);
        if (count > 0)
                printf("\n");
        *ret_count = count;
        return r;
}

static int prune_and_collect(struct store *store, const struct strv *written, bool all,
                             struct error *err)
{
        _cleanup_(image_filters_done) struct image_filters filters = { .dangling = all ? -1 : 1 };
        char size[PRINT_SIZE_MAX];
        uint64_t freed = 0;
        size_t count;
        int r;

        r = image_filters_parse(store, written, &filters, err);
        if (r == 0)
                r = image_prune(store, &filters, &count, err);
        if (r == 0)
                r = store_collect(store, &freed, err);
        if (r < 0)
                return r;
        print_size(freed, size);
        printf("Total reclaimed space: %s\n", size);
        return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct strv filters = STRV_INIT;
        bool all = false, force = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'a', "all", &all, NULL,
                  "Remove images that have names, too, but are no container's" },
                { OPTION_LIST, 0, "filter", &filters, "KEY=VALUE",
                  "Only those of which this is true: until, label, label!, dangling, reference" },
                FORCE_OPTION(&force),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r = 0;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        if (force || confirm(all ? "This will remove all images without at least one container "
                                   "associated to them."
                                 : "This will remove all dangling images."))
                r = prune_and_collect(store, &filters, all, &err);
        strv_done(&filters);
        store_free(store);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_image_prune = {
        .name = "image prune",
        .arguments = "[OPTIONS]",
        .summary = "Remove images without a name",
        .details = "What the build cache needs of them stays; `varve cache prune` removes that.\n"
                   "It asks before, if standard input is a terminal.\n\n"
                   "Examples:\n"
                   "  varve image prune\n"
                   "  varve image prune -af --filter until=24h",
        .run = run,
};
