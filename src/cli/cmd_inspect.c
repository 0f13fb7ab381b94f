#include "base/cleanup.h"
#include "commands.h"
#include "container/container.h"
#include "container_info.h"
#include "image_info.h"
#include "oci/json.h"
#include "template.h"
#include "volume_info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int inspect(struct store *store, const char *name, const char *type, bool sizes,
                   json_t **ret, struct error *err)
{
        struct container container;
        struct stored_image image;
        int r = -ENOENT;

        if (type && strcmp(type, "volume") == 0)
                return volume_to_json(store, name, ret, err);
        if (!type || strcmp(type, "container") == 0)
                r = container_find(store, name, &container, err);
        if (r == 0) {
                r = container_to_json(store, &container, sizes, ret, err);
                container_done(&container);
                return r;
        }
        if (type && strcmp(type, "container") == 0)
                return r;
        *err = ERROR_INIT;
        r = store_image_find(store, name, NULL, &image, err);
        if (r < 0)
                return r;
        r = image_to_json(store, &image, ret, err);
        stored_image_done(&image);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        const char *format = NULL, *type = NULL;
        bool sizes = false;
        const struct option_spec options[] = {
                { OPTION_STRING, 'f', "format", &format, "TEMPLATE",
                  "Print \"{{.Field}}\", \"{{json .}}\"" },
                { OPTION_STRING, 0, "type", &type, "TYPE",
                  "Only a container, an image or a volume" },
                { OPTION_FLAG, 's', "size", &sizes, NULL,
                  "How much a container has changed by its last stop or commit, too" },
        };
        _cleanup_json_ json_t *list = json_array();
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r = list ? 0 : error_set_oom(&err);

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, SIZE_MAX, &arguments,
                       &store, &status))
                return status;
        if (type && strcmp(type, "container") != 0 && strcmp(type, "image") != 0 &&
            strcmp(type, "volume") != 0)
                r = error_set(&err, -EINVAL, "--type is container, image or volume, not %s", type);
        for (size_t i = 0; i < arguments.count && r == 0; i++) {
                json_t *object;

                r = inspect(store, arguments.items[i], type, sizes, &object, &err);
                if (r == 0 && json_append(list, object) < 0)
                        r = error_set_oom(&err);
        }
        if (r == 0)
                r = template_print(format, list, &err);
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_inspect = {
        .name = "inspect",
        .arguments = "[OPTIONS] CONTAINER|IMAGE...",
        .summary = "Show all that is known of containers and images, as JSON",
        .details = "Examples:\n"
                   "  varve inspect debian:12\n"
                   "  varve inspect --format '{{json .Config.Env}}' app",
        .run = run,
};
