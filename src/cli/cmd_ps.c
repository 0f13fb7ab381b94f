#include "base/cleanup.h"
#include "base/clock.h"
#include "commands.h"
#include "container/container.h"
#include "container/port.h"
#include "container_info.h"
#include "listing.h"
#include "log.h"
#include "oci/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct listing_column columns[] = {
        { "ID", "CONTAINER ID" },    { "Image", "IMAGE" },   { "Command", "COMMAND" },
        { "RunningFor", "CREATED" }, { "Status", "STATUS" }, { "Ports", "PORTS" },
        { "Names", "NAMES" },
};

static const struct listing_column more_columns[] = {
        { "CreatedAt", "CREATED AT" }, { "State", "STATE" },       { "Labels", "LABELS" },
        { "Mounts", "MOUNTS" },        { "Networks", "NETWORKS" },
};

struct ps_flags {
        struct strv filters;
        const char *format;
        const char *last;
        bool all;
        bool quiet;
        bool whole;
        bool latest;
};

/* ---- filters ---- */

static bool fits_label(const struct container *container, const char *value)
{
        _cleanup_free_ char *key = strndup(value, strcspn(value, "="));
        const char *label = key ? strmap_get(&container->spec.labels, key) : NULL;

        return label && (!value[strlen(key)] || strcmp(label, value + strlen(key) + 1) == 0);
}

static bool fits_volume(const struct container *container, const char *value)
{
        for (size_t i = 0; i < container->spec.mount_count; i++) {
                const struct container_mount *mount = &container->spec.mounts[i];

                if ((mount->source && strcmp(mount->source, value) == 0) ||
                    strcmp(mount->target, value) == 0)
                        return true;
        }
        return false;
}

static bool fits(const struct container *container, const char *key, const char *value)
{
        const struct container_spec *spec = &container->spec;
        const struct container_state *state = &container->state;
        char id[32];

        if (strcmp(key, "id") == 0)
                return strncmp(spec->id, value, strlen(value)) == 0;
        if (strcmp(key, "name") == 0)
                return strstr(spec->name, value + (*value == '/')) != NULL;
        if (strcmp(key, "label") == 0)
                return fits_label(container, value);
        if (strcmp(key, "status") == 0)
                return strcmp(container_status_name(state->status), value) == 0;
        if (strcmp(key, "exited") == 0) {
                snprintf(id, sizeof(id), "%lld", (long long)state->exit_code);
                return state->status == CONTAINER_EXITED && strcmp(id, value) == 0;
        }
        if (strcmp(key, "ancestor") == 0)
                return strcmp(spec->image, value) == 0 ||
                       strncmp(strchr(spec->image_id, ':') + 1, value, strlen(value)) == 0;
        return fits_volume(container, value);
}

static int check_filters(const struct strv *filters, bool *ret_status, struct error *err)
{
        static const char *const keys[] = { "id",     "name",     "label", "status",
                                            "exited", "ancestor", "volume" };

        *ret_status = false;
        for (size_t i = 0; i < filters->count; i++) {
                const char *filter = filters->items[i];
                bool known = false;

                for (size_t j = 0; j < ARRAY_SIZE(keys); j++)
                        known |= strncmp(filter, keys[j], strlen(keys[j])) == 0 &&
                                 filter[strlen(keys[j])] == '=';
                if (!known) {
                        error_set(err, -EINVAL, "invalid filter '%s'", filter);
                        return error_hint(err, "Filters are id=, name=, label=, status=, exited=, "
                                               "ancestor= and volume=.");
                }
                *ret_status |=
                        strncmp(filter, "status=", 7) == 0 || strncmp(filter, "exited=", 7) == 0;
        }
        return 0;
}

/* Of several with one key, but for labels, one is enough. */
static bool passes(const struct container *container, const struct strv *filters)
{
        for (size_t i = 0; i < filters->count; i++) {
                size_t len = strcspn(filters->items[i], "=");
                _cleanup_free_ char *key = strndup(filters->items[i], len);
                bool any = false;

                if (!key)
                        return false;
                for (size_t j = 0; j < filters->count; j++)
                        if (strncmp(filters->items[j], filters->items[i], len + 1) == 0 &&
                            (strcmp(key, "label") != 0 || i == j))
                                any |= fits(container, key, filters->items[j] + len + 1);
                if (!any)
                        return false;
        }
        return true;
}

/* ---- rows ---- */

static int add_row(json_t *rows, const struct container *container, bool whole)
{
        json_t *row = json_object();
        int r = row ? container_row(container, whole, row) : -ENOMEM;

        if (r < 0) {
                json_decref(row);
                return r;
        }
        return json_append(rows, row);
}

static int list(struct store *store, const struct ps_flags *flags, struct error *err)
{
        const struct listing listing = { .columns = columns,
                                         .column_count = ARRAY_SIZE(columns),
                                         .more = more_columns,
                                         .more_count = ARRAY_SIZE(more_columns),
                                         .format = flags->format,
                                         .quiet = flags->quiet ? "ID" : NULL };
        _cleanup_json_ json_t *rows = json_array();
        struct containers all = { .items = NULL };
        long left = flags->latest ? 1 : flags->last ? strtol(flags->last, NULL, 10) : -1;
        size_t broken = 0;
        bool by_status;
        int r = check_filters(&flags->filters, &by_status, err);

        if (r == 0 && store)
                r = containers_read(store, &all, &broken, err);
        for (size_t i = 0; i < all.count && r == 0; i++) {
                const struct container *container = &all.items[i];

                if (!flags->all && !by_status && left < 0 &&
                    container->state.status != CONTAINER_RUNNING)
                        continue;
                if (left == 0 || !passes(container, &flags->filters))
                        continue;
                left -= left > 0;
                if (!rows || add_row(rows, container, flags->whole) < 0)
                        r = error_set_oom(err);
        }
        containers_done(&all);
        if (broken > 0)
                log_print(LOG_LEVEL_WARNING, "%zu containers cannot be read", broken);
        return r < 0 ? r : listing_print(&listing, rows, err);
}

static int run(const struct command *command, int argc, char **argv)
{
        struct ps_flags flags = { .all = false };
        const struct option_spec options[] = {
                { OPTION_FLAG, 'a', "all", &flags.all, NULL, "List those that do not run, too" },
                { OPTION_LIST, 'f', "filter", &flags.filters, "KEY=VALUE",
                  "Only those with this id, name, label, status, exited, ancestor or volume" },
                { OPTION_STRING, 0, "format", &flags.format, "TEMPLATE",
                  "\"table {{.ID}}\\t{{.Names}}\", \"{{.ID}}\" or json" },
                { OPTION_STRING, 'n', "last", &flags.last, "NUMBER",
                  "The last ones that were made, whatever became of them" },
                { OPTION_FLAG, 'l', "latest", &flags.latest, NULL, "The last one" },
                { OPTION_FLAG, 'q', "quiet", &flags.quiet, NULL, "Print the IDs alone" },
                { OPTION_FLAG, 0, "no-trunc", &flags.whole, NULL, "Print whole IDs and commands" },
        };
        struct error err = ERROR_INIT, none = ERROR_INIT;
        struct arguments arguments;
        struct store *store = NULL;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, NULL,
                       &status))
                return status;
        r = cli_open_store(arguments.root, false, &store, &none);
        if (r == 0 || r == -ENXIO)
                r = list(store, &flags, &err);
        else
                err = none;
        store_free(store);
        strv_done(&flags.filters);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_ps = {
        .name = "ps",
        .arguments = "[OPTIONS]",
        .summary = "List containers",
        .details = "A container whose process was killed, or whose machine was, is shown as Dead: "
                   "what it\nhad changed since it was started is lost.\n\n"
                   "Examples:\n"
                   "  varve ps -a\n"
                   "  varve ps --filter status=exited -q\n"
                   "  varve ps --format 'table {{.Names}}\\t{{.Status}}'",
        .run = run,
};
