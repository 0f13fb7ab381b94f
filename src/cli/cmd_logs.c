#include "base/cleanup.h"
#include "base/clock.h"
#include "commands.h"
#include "container/container.h"
#include "container/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct logs {
        struct store *store;
        struct container container;
        struct log_options options;
};

static int print_line(void *context, enum log_stream stream, const char *time, const char *text,
                      struct error *err)
{
        const struct logs *logs = context;
        FILE *file = stream == LOG_STDERR ? stderr : stdout;

        if (logs->options.timestamps)
                fprintf(file, "%s ", time);
        if (fputs(text, file) < 0 || (logs->options.follow && fflush(file) != 0))
                return error_set_errno(err, -errno, "cannot write to standard output");
        return 0;
}

static bool lives(void *context)
{
        struct logs *logs = context;
        struct error ignored = ERROR_INIT;

        return container_refresh(logs->store, &logs->container, &ignored) == 0 &&
               logs->container.state.status == CONTAINER_RUNNING;
}

/* RFC 3339, seconds since 1970, or a time ago: "10m", "1h30m". */
static int parse_time(const char *option, const char *text, struct timespec *ret, struct error *err)
{
        static const struct {
                char letter;
                double seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
        double ago = 0;
        const char *at = text;
        char *end;

        if (!text || clock_parse(text, ret) == 0)
                return 0;
        ret->tv_sec = strtol(text, &end, 10);
        if (*text >= '0' && *text <= '9' && !*end)
                return 0;
        while (*at >= '0' && *at <= '9') {
                double number = strtod(at, &end);
                size_t i;

                for (i = 0; i < ARRAY_SIZE(units) && *end != units[i].letter; i++)
                        ;
                if (i == ARRAY_SIZE(units))
                        break;
                ago += number * units[i].seconds;
                at = end + 1;
        }
        if (*at || at == text) {
                error_set(err, -EINVAL, "%s %s is no time", option, text);
                return error_hint(err,
                                  "Times are written as 2026-01-02T13:23:37Z, or as 10m or 1h30m "
                                  "for so long ago.");
        }
        *ret = clock_now();
        ret->tv_sec -= (time_t)ago;
        return 0;
}

static int show(struct logs *logs, const char *name, struct error *err)
{
        const struct log_reader reader = { .line = print_line, .lives = lives, .context = logs };
        int r = container_find(logs->store, name, &logs->container, err);

        if (r == 0)
                r = log_read(logs->container.dir_fd, &logs->options, &reader, err);
        container_done(&logs->container);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct logs logs = { .container = CONTAINER_INIT, .options.tail = -1 };
        const char *tail = NULL, *since = NULL, *until = NULL;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'f', "follow", &logs.options.follow, NULL,
                  "Go on with what is printed from now on" },
                { OPTION_STRING, 'n', "tail", &tail, "NUMBER", "Only the last lines, or all" },
                { OPTION_FLAG, 't', "timestamps", &logs.options.timestamps, NULL,
                  "Say when each line was printed" },
                { OPTION_STRING, 0, "since", &since, "TIME",
                  "Only what was printed since then, such as 10m for ten minutes ago" },
                { OPTION_STRING, 0, "until", &until, "TIME", "Only what was printed until then" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        char *end = NULL;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 1, &arguments,
                       &logs.store, &status))
                return status;
        if (tail && strcmp(tail, "all") != 0)
                logs.options.tail = strtol(tail, &end, 10);
        r = end && (*end || end == tail || logs.options.tail < 0)
                    ? error_set(&err, -EINVAL, "--tail %s is no number of lines", tail)
                    : parse_time("--since", since, &logs.options.since, &err);
        if (r == 0)
                r = parse_time("--until", until, &logs.options.until, &err);
        if (r == 0)
                r = show(&logs, arguments.items[0], &err);
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(logs.store);
        return status;
}

const struct command cmd_logs = {
        .name = "logs",
        .arguments = "[OPTIONS] CONTAINER",
        .summary = "Print what the command of a container has printed",
        .details = "What goes to standard error in the container goes there here. Of one that runs "
                   "with\n--rm and neither -d nor -t there is no log.\n\n"
                   "Examples:\n"
                   "  varve logs -f --tail 20 web\n"
                   "  varve logs --since 10m web",
        .run = run,
};
