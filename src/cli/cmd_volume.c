#include "base/cleanup.h"
#include "base/clock.h"
#include "commands.h"
#include "confirm.h"
#include "container/volume.h"
#include "listing.h"
#include "oci/json.h"
#include "template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- create ---- */

static int create_volume(struct store *store, const char *given, const struct strv *labels,
                         struct error *err)
{
        struct strmap map = STRMAP_INIT;
        char name[VOLUME_NAME_RANDOM];
        int r = given ? 0 : volume_random_name(name, err);

        for (size_t i = 0; i < labels->count && r == 0; i++) {
                const char *item = labels->items[i];
                _cleanup_free_ char *key = strndup(item, strcspn(item, "="));

                if (!key || strmap_set(&map, key, item[strlen(key)] ? item + strlen(key) + 1 : ""))
                        r = error_set_oom(err);
        }
        if (r == 0)
                r = volume_make(store, given ? given : name, &map, err);
        if (r == 0)
                printf("%s\n", given ? given : name);
        strmap_done(&map);
        return r;
}

static int create(const struct command *command, int argc, char **argv)
{
        struct strv labels = STRV_INIT;
        const struct option_spec options[] = {
                { OPTION_LIST, 0, "label", &labels, "NAME[=VALUE]",
                  "Add a label; may be repeated" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 1, &arguments, &store,
                       &status))
                return status;
        if (create_volume(store, arguments.count > 0 ? arguments.items[0] : NULL, &labels, &err) <
            0)
                status = cli_fail(&err, EXIT_FAILURE);
        strv_done(&labels);
        store_free(store);
        return status;
}

const struct command cmd_volume_create = {
        .name = "volume create",
        .arguments = "[OPTIONS] [NAME]",
        .summary = "Make a volume: a directory that outlives containers",
        .details = "`varve run -v NAME:TARGET` makes one that is not there, too. Without NAME it "
                   "gets one.\n\n"
                   "Examples:\n"
                   "  varve volume create data",
        .makes_store = true,
        .run = create,
};

/* ---- ls ---- */

static int add_row(json_t *rows, const struct volume *volume)
{
        struct buf labels = BUF_INIT;
        json_t *row = json_object();
        int r = row ? json_append(rows, row) : -ENOMEM;

        for (size_t i = 0; i < volume->labels.count && r == 0; i++)
                r = buf_appendf(&labels, "%s%s=%s", i > 0 ? "," : "", volume->labels.items[i].key,
                                volume->labels.items[i].value);
        if (r == 0)
                r = json_put_string(row, "Driver", "local");
        if (r == 0)
                r = json_put_string(row, "Name", volume->name);
        if (r == 0)
                r = json_put_string(row, "Mountpoint", volume->path);
        if (r == 0)
                r = json_put_string(row, "Scope", "local");
        if (r == 0)
                r = json_put(row, "Labels", json_string(buf_str(&labels)));
        buf_done(&labels);
        return r;
}

static int list_volumes(struct store *store, const struct listing *listing, struct error *err)
{
        _cleanup_json_ json_t *rows = json_array();
        struct volumes all;
        int r = rows ? volumes_read(store, &all, err) : error_set_oom(err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < all.count && r == 0; i++)
                r = add_row(rows, &all.items[i]) < 0 ? error_set_oom(err) : 0;
        volumes_done(&all);
        return r < 0 ? r : listing_print(listing, rows, err);
}

static int list(const struct command *command, int argc, char **argv)
{
        static const struct listing_column columns[] = { { "Driver", "DRIVER" },
                                                         { "Name", "VOLUME NAME" } };
        static const struct listing_column more[] = { { "Mountpoint", "MOUNTPOINT" },
                                                      { "Scope", "SCOPE" },
                                                      { "Labels", "LABELS" } };
        struct listing listing = { .columns = columns,
                                   .column_count = ARRAY_SIZE(columns),
                                   .more = more,
                                   .more_count = ARRAY_SIZE(more) };
        bool quiet = false;
        const struct option_spec options[] = {
                { OPTION_STRING, 0, "format", &listing.format, "TEMPLATE",
                  "\"{{.Name}} {{.Mountpoint}}\" or json" },
                { OPTION_FLAG, 'q', "quiet", &quiet, NULL, "Print the names alone" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        listing.quiet = quiet ? "Name" : NULL;
        if (list_volumes(store, &listing, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_volume_ls = {
        .name = "volume ls",
        .arguments = "[OPTIONS]",
        .summary = "List volumes",
        .details = "Examples:\n"
                   "  varve volume ls -q",
        .makes_store = true,
        .run = list,
};

/* ---- rm, prune ---- */

static int remove_volumes(const struct command *command, int argc, char **argv)
{
        bool force = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'f', "force", &force, NULL, "One that is not there is no error" },
        };
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, SIZE_MAX, &arguments,
                       &store, &status))
                return status;
        for (size_t i = 0; i < arguments.count; i++) {
                struct error err = ERROR_INIT;
                int r = volume_remove(store, arguments.items[i], &err);

                if (r == 0 || (r == -ENOENT && force))
                        printf("%s\n", arguments.items[i]);
                else
                        status = cli_fail(&err, EXIT_FAILURE);
        }
        store_free(store);
        return status;
}

const struct command cmd_volume_rm = {
        .name = "volume rm",
        .arguments = "[OPTIONS] VOLUME...",
        .summary = "Remove volumes, with what is in them",
        .details = "One that a container has is not removed.\n\n"
                   "Examples:\n"
                   "  varve volume rm data",
        .run = remove_volumes,
};

/* Those without a name of their own, unless `all`; that no container has. */
static int prune_volumes(struct store *store, bool all, struct error *err)
{
        struct volumes volumes;
        int r = volumes_read(store, &volumes, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < volumes.count && r == 0; i++) {
                const char *name = volumes.items[i].name;
                char id[65];

                if (!all && !volume_is_anonymous(name))
                        continue;
                r = volume_user(store, name, id, err);
                if (r < 0 || *id)
                        continue;
                r = volume_remove(store, name, err);
                if (r == 0)
                        printf("%s\n", name);
        }
        volumes_done(&volumes);
        return r;
}

static int prune(const struct command *command, int argc, char **argv)
{
        bool all = false, force = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'a', "all", &all, NULL, "Those that have a name, too" },
                FORCE_OPTION(&force),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        if (!force && !confirm(all ? "This will remove all volumes that no container has."
                                   : "This will remove anonymous volumes that no container "
                                     "has."))
                status = EXIT_SUCCESS;
        else if (prune_volumes(store, all, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_volume_prune = {
        .name = "volume prune",
        .arguments = "[OPTIONS]",
        .summary = "Remove volumes that no container has",
        .details = "Examples:\n"
                   "  varve volume prune -f\n"
                   "  varve volume prune -af",
        .run = prune,
};

/* ---- inspect ---- */

static int put_volume(struct store *store, const char *name, json_t *list, struct error *err)
{
        struct volume volume;
        json_t *object = json_object();
        int r = object ? json_append(list, object) : -ENOMEM;

        r = r < 0 ? error_set_oom(err) : volume_find(store, name, &volume, err);
        if (r < 0)
                return r;
        if (json_put_time(object, "CreatedAt", &volume.created) < 0 ||
            json_put_string(object, "Driver", "local") < 0 ||
            (volume.labels.count > 0 ? json_put_strmap(object, "Labels", &volume.labels)
                                     : json_put(object, "Labels", json_object())) < 0 ||
            json_put_string(object, "Mountpoint", volume.path) < 0 ||
            json_put_string(object, "Name", volume.name) < 0 ||
            json_put_string(object, "Scope", "local") < 0)
                r = error_set_oom(err);
        volume_done(&volume);
        return r;
}

static int inspect(const struct command *command, int argc, char **argv)
{
        const char *format = NULL;
        const struct option_spec options[] = {
                { OPTION_STRING, 'f', "format", &format, "TEMPLATE", "Print \"{{.Mountpoint}}\"" },
        };
        _cleanup_json_ json_t *list = json_array();
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r = 0;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, SIZE_MAX, &arguments,
                       &store, &status))
                return status;
        for (size_t i = 0; i < arguments.count && r == 0; i++)
                r = put_volume(store, arguments.items[i], list, &err);
        if (r == 0)
                r = template_print(format, list, &err);
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_volume_inspect = {
        .name = "volume inspect",
        .arguments = "[OPTIONS] VOLUME...",
        .summary = "Show all that is known of volumes, as JSON",
        .details = "Examples:\n"
                   "  varve volume inspect -f '{{.Mountpoint}}' data",
        .run = inspect,
};
