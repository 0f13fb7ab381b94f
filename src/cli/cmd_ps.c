#include "base/cleanup.h"
#include "base/clock.h"
#include "commands.h"
#include "container/container.h"
#include "container_filters.h"
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
        { "Names", "NAMES" },        { "Size", "SIZE" }, /* with -s alone */
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
        bool size;
};

/* ---- rows ---- */

static int add_row(json_t *rows, struct store *store, const struct container *container,
                   const struct ps_flags *flags)
{
        json_t *row = json_object();
        int r = row ? container_row(container, flags->whole, row) : -ENOMEM;

        if (r == 0)
                r = flags->size ? container_put_size_text(store, container, row)
                                : json_put(row, "Size", json_string(""));

        if (r < 0) {
                json_decref(row);
                return r;
        }
        return json_append(rows, row);
}

static int parse_last(const char *text, long *ret, struct error *err)
{
        char *end;

        *ret = strtol(text, &end, 10);
        if (!*text || *end || *ret < -1)
                return error_set(err, -EINVAL, "--last %s is no number", text);
        return 0;
}

static int list(struct store *store, const struct ps_flags *flags, struct error *err)
{
        const struct listing listing = { .columns = columns,
                                         .column_count = ARRAY_SIZE(columns) - !flags->size,
                                         .more = more_columns,
                                         .more_count = ARRAY_SIZE(more_columns),
                                         .format = flags->format,
                                         .quiet = flags->quiet ? "ID" : NULL };
        _cleanup_json_ json_t *rows = json_array();
        struct containers all = { .items = NULL };
        struct container_filters filters;
        size_t broken = 0;
        long left = -1;
        int r = flags->last ? parse_last(flags->last, &left, err) : 0;

        if (flags->latest)
                left = 1;
        if (r == 0 && store)
                r = containers_read(store, &all, &broken, err);
        if (r == 0)
                r = container_filters_init(&filters, &flags->filters, &all, err);
        for (size_t i = 0; i < all.count && r == 0; i++) {
                const struct container *container = &all.items[i];

                if (!flags->all && !filters.by_status && left < 0 &&
                    container->state.status != CONTAINER_RUNNING)
                        continue;
                if (left == 0 || !container_filters_pass(&filters, container))
                        continue;
                left -= left > 0;
                if (!rows || add_row(rows, store, container, flags) < 0)
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
                  "Only those with this id, name, label, status, exited, ancestor, volume, "
                  "network,\n"
                  "                                publish, expose or health, or before or since "
                  "one" },
                { OPTION_STRING, 0, "format", &flags.format, "TEMPLATE",
                  "\"table {{.ID}}\\t{{.Names}}\", \"{{.ID}}\" or json" },
                { OPTION_STRING, 'n', "last", &flags.last, "NUMBER",
                  "The last ones that were made, whatever became of them" },
                { OPTION_FLAG, 'l', "latest", &flags.latest, NULL, "The last one" },
                { OPTION_FLAG, 'q', "quiet", &flags.quiet, NULL, "Print the IDs alone" },
                { OPTION_FLAG, 's', "size", &flags.size, NULL,
                  "Show how much each has changed by its last stop or commit" },
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
