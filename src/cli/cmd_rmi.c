#include "base/cleanup.h"
#include "commands.h"
#include "container/container.h"
#include "oci/reference.h"
#include "store/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many names the image has. */
static int count_names(struct store *store, const struct digest *image, size_t *ret,
                       struct error *err)
{
        struct image_index list;
        int r = store_images_read(store, &list, err);

        if (r < 0)
                return r;
        *ret = 0;
        for (size_t i = 0; i < list.manifests.count; i++)
                *ret += digest_equal(&list.manifests.items[i].digest, image) &&
                        store_image_name(&list.manifests.items[i]);
        image_index_done(&list);
        return 0;
}

/* The name that `text` is in the store, or NULL where it is an ID. */
static char *name_in_store(struct store *store, const struct stored_image *image, const char *text)
{
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        const char *stored = store_image_name(&image->root);
        char *name = NULL;

        if (stored && store_name_read(store, text, &reference, &ignored) == 0) {
                reference_pin(&reference);
                name = reference_format(&reference);
        }
        reference_done(&reference);
        if (name && strcmp(name, stored) != 0) {
                free(name);
                name = NULL;
        }
        return name;
}

/* An image whose last name goes must be no container's; with force a name goes all the same, and an
 * image that was given by its ID if the container does not run. */
static int check_use(struct store *store, const char *text, const char *id, bool by_name,
                     bool force, struct error *err)
{
        char container[CONTAINER_ID_SHORT + 1];
        bool running;

        if (!containers_use_image(store, id, container, &running))
                return 0;
        if (force && (by_name || !running))
                return 0;
        if (force) {
                error_set(err, -EBUSY,
                          "conflict: unable to delete %s (cannot be forced) - image is being used "
                          "by running container %s",
                          text, container);
                return error_hint(err, "Stop that container first: varve stop %s", container);
        }
        error_set(err, -EBUSY,
                  "conflict: unable to remove repository reference \"%s\" (must force) - container "
                  "%s "
                  "is using its referenced image",
                  text, container);
        return error_hint(err,
                          "Remove that container first, `varve rm%s %s`, or take the name away "
                          "with -f.",
                          running ? " -f" : "", container);
}

static int remove_image(struct store *store, const char *text, bool force, struct error *err)
{
        _cleanup_free_ char *name = NULL;
        char id[DIGEST_TEXT_MAX];
        struct stored_image image;
        size_t names;
        bool gone = false;
        int r;

        r = store_image_find(store, text, NULL, &image, err);
        if (r < 0)
                return r;
        name = name_in_store(store, &image, text);
        digest_format(&image.parsed.config.digest, id);
        r = count_names(store, &image.root.digest, &names, err);
        if (r == 0 && !name && names > 1 && !force) {
                error_set(err, -EBUSY, "the image %s has %zu names", text, names);
                error_hint(err, "Remove them one by one, or all of them with -f.");
                r = -EBUSY;
        }
        if (r == 0 && (names <= 1 || !name))
                r = check_use(store, text, id, name, force, err);
        if (r == 0)
                r = store_images_remove(store, name, &image.root.digest, &gone, err);
        stored_image_done(&image);
        if (r < 0)
                return r;
        if (name)
                printf("Untagged: %s\n", text);
        if (gone)
                printf("Deleted: %s\n", id);
        return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
        bool force = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'f', "force", &force, NULL,
                  "Remove all names of an image given by its ID, though containers have it" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        uint64_t freed;
        int status, r = 0;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, SIZE_MAX, &arguments,
                       &store, &status))
                return status;
        for (size_t i = 0; i < arguments.count && r == 0; i++)
                r = remove_image(store, arguments.items[i], force, &err);
        if (r == 0)
                r = store_collect(store, &freed, &err);
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_rmi = {
        .name = "rmi",
        .arguments = "[OPTIONS] IMAGE...",
        .summary = "Remove names, and images that have no other",
        .details = "What no image, no record of the build cache and no running varve needs is "
                   "freed.\n\n"
                   "Examples:\n"
                   "  varve rmi app:1.0\n"
                   "  varve rmi -f 94d60db588dc",
        .run = run,
};
