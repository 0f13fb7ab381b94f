#include "base/cleanup.h"
#include "commands.h"
#include "oci/reference.h"
#include "store/images.h"

#include <errno.h>
#include <stdlib.h>

static int tag(struct store *store, const char *from, const char *to, struct error *err)
{
        _cleanup_free_ char *name = NULL;
        struct stored_image image;
        int r;

        r = store_name_new(store, to, &name, err);
        if (r == 0)
                r = store_image_find(store, from, NULL, &image, err);
        if (r < 0)
                return r;
        r = store_images_put(store, name, &image.root, err);
        stored_image_done(&image);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, NULL, 0, argc, argv, 2, 2, &arguments, &store, &status))
                return status;
        if (tag(store, arguments.items[0], arguments.items[1], &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_tag = {
        .name = "tag",
        .arguments = "IMAGE NAME[:TAG]",
        .summary = "Give an image one more name",
        .details = "Example:\n  varve tag app:1.0 registry.example:5000/team/app:1.0",
        .run = run,
};
