#include "base/cleanup.h"
#include "base/clock.h"
#include "commands.h"
#include "confirm.h"
#include "container/volume.h"
#include "dockerfile/value.h"
#include "image_filters.h"
#include "listing.h"
#include "oci/json.h"
#include "template.h"
#include "volume_info.h"

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

/* Whether a volume passes a filter: 1, 0, or -EINVAL. */
static int passes(struct store *store, const struct volume *volume, const char *filter,
                  struct error *err)
{
        const char *value = strchr(filter, '=');
        char id[65];
        bool wanted;
        int r;

        value = value ? value + 1 : "";
        if (strncmp(filter, "name=", 5) == 0)
                return strstr(volume->name, value) != NULL;
        if (strncmp(filter, "label=", 6) == 0)
                return labels_fit(&volume->labels, value);
        if (strncmp(filter, "label!=", 7) == 0)
                return !labels_fit(&volume->labels, value);
        if (strncmp(filter, "driver=", 7) == 0)
                return strcmp(value, "local") == 0;
        if (strncmp(filter, "dangling=", 9) == 0 && value_parse_bool(value, &wanted) == 0) {
                r = volume_user(store, volume->name, id, err);
                return r < 0 ? r : wanted == !*id;
        }
        error_set(err, -EINVAL, "invalid filter '%s'", filter);
        return error_hint(err, "Filters are name=, label=, label!=, driver=local and "
                               "dangling=true.");
}

/* All of them have to let it pass. */
static int passes_all(struct store *store, const struct volume *volume, const struct strv *filters,
                      struct error *err)
{
        int r = 1;

        for (size_t i = 0; i < filters->count && r > 0; i++)
                r = passes(store, volume, filters->items[i], err);
        return r;
}

static int check_filters(struct store *store, const struct strv *filters, struct error *err)
{
        char none[] = "";
        const struct volume nothing = { .name = none };
        int r = 0;

        for (size_t i = 0; i < filters->count && r >= 0; i++)
                r = passes(store, &nothing, filters->items[i], err);
        return r < 0 ? r : 0;
}

static int list_volumes(struct store *store, const struct listing *listing,
                        const struct strv *filters, struct error *err)
{
        _cleanup_json_ json_t *rows = json_array();
        struct volumes all;
        int r = rows ? check_filters(store, filters, err) : error_set_oom(err);

        if (r == 0)
                r = volumes_read(store, &all, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < all.count && r >= 0; i++) {
                r = passes_all(store, &all.items[i], filters, err);
                if (r > 0)
                        r = add_row(rows, &all.items[i]) < 0 ? error_set_oom(err) : 0;
        }
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
        struct strv filters = STRV_INIT;
        bool quiet = false;
        const struct option_spec options[] = {
                { OPTION_LIST, 'f', "filter", &filters, "KEY=VALUE",
                  "Only those with this name, label or driver, or that are dangling" },
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
        if (list_volumes(store, &listing, &filters, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        strv_done(&filters);
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

int volumes_prune(struct store *store, bool all, const struct strv *filters, size_t *ret_count,
                  struct error *err)
{
        struct volumes volumes;
        int r = check_filters(store, filters, err);

        *ret_count = 0;
        if (r == 0)
                r = volumes_read(store, &volumes, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < volumes.count && r >= 0; i++) {
                const char *name = volumes.items[i].name;
                char id[65];

                if (!all && !volume_is_anonymous(name))
                        continue;
                r = passes_all(store, &volumes.items[i], filters, err);
                if (r > 0)
                        r = volume_user(store, name, id, err) < 0 ? err->code : !*id;
                if (r <= 0)
                        continue;
                r = volume_remove(store, name, err);
                if (r == 0) {
                        printf("%s\n", name);
                        ++*ret_count;
                }
        }
        volumes_done(&volumes);
        return r < 0 ? r : 0;
}

static int prune(const struct command *command, int argc, char **argv)
{
        struct strv filters = STRV_INIT;
        bool all = false, force = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'a', "all", &all, NULL, "Those that have a name, too" },
                { OPTION_LIST, 0, "filter", &filters, "KEY=VALUE", "Only those: label, label!" },
                FORCE_OPTION(&force),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        size_t count;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        if (!force && !confirm(all ? "This will remove all volumes that no container has."
                                   : "This will remove anonymous volumes that no container "
                                     "has."))
                status = EXIT_SUCCESS;
        else if (volumes_prune(store, all, &filters, &count, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        strv_done(&filters);
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

int volume_to_json(struct store *store, const char *name, json_t **ret, struct error *err)
{
        json_t *object = json_object();
        struct volume volume;
        int r = object ? volume_find(store, name, &volume, err) : error_set_oom(err);

        if (r < 0) {
                json_decref(object);
                return r;
        }
        if (json_put_time(object, "CreatedAt", &volume.created) < 0 ||
            json_put_string(object, "Driver", "local") < 0 ||
            (volume.labels.count > 0 ? json_put_strmap(object, "Labels", &volume.labels)
                                     : json_put(object, "Labels", json_object())) < 0 ||
            json_put_string(object, "Mountpoint", volume.path) < 0 ||
            json_put_string(object, "Name", volume.name) < 0 ||
            json_put_string(object, "Scope", "local") < 0)
                r = error_set_oom(err);
        volume_done(&volume);
        if (r < 0)
                json_decref(object);
        else
                *ret = object;
        return r;
}

static int put_volume(struct store *store, const char *name, json_t *list, struct error *err)
{
        json_t *object;
        int r = volume_to_json(store, name, &object, err);

        return r < 0 ? r : json_append(list, object) < 0 ? error_set_oom(err) : 0;
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
