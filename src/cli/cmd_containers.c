/*
 * Starting containers, ending and removing them.
 */
#include "base/cleanup.h"
#include "commands.h"
#include "container/container.h"
#include "container/stop.h"
#include "dockerfile/value.h"
#include "each_container.h"
#include "launch.h"
#include "oci/reference.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int each_container(struct store *store, const struct arguments *arguments,
                   int (*act)(struct store *store, struct container *container, void *context,
                              struct error *err),
                   void *context)
{
        int status = EXIT_SUCCESS;

        for (size_t i = 0; i < arguments->count; i++) {
                struct container container = CONTAINER_INIT;
                struct error err = ERROR_INIT;
                int r = container_find(store, arguments->items[i], &container, &err);

                if (r == 0)
                        r = act(store, &container, context, &err);
                if (r == 0)
                        printf("%s\n", arguments->items[i]);
                else if (r < 0)
                        status = cli_fail(&err, EXIT_FAILURE);
                container_done(&container);
        }
        return status;
}

static int parse_signal(const char *text, int *ret, struct error *err)
{
        *ret = 0;
        if (text && (value_parse_signal(text, ret) < 0 || *ret < 1 || *ret > 64))
                return error_set(err, -EINVAL, "invalid signal: %s", text);
        return 0;
}

static int parse_seconds(const char *text, int64_t *ret, struct error *err)
{
        char *end;

        *ret = text ? strtol(text, &end, 10) : 0;
        if (text && (!*text || *end || *ret < -1))
                return error_set(err, -EINVAL, "--time %s is no number of seconds", text);
        return 0;
}

/* The usual beginning and end of these commands. */
static int run_each(const struct command *command, const struct option_spec *options, size_t count,
                    int argc, char **argv, int (*prepare)(void *context, struct error *err),
                    int (*act)(struct store *store, struct container *container, void *context,
                               struct error *err),
                    void *context)
{
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, options, count, argc, argv, 1, SIZE_MAX, &arguments, &store,
                       &status))
                return status;
        if (prepare && prepare(context, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        else
                status = each_container(store, &arguments, act, context);
        store_free(store);
        return status;
}

/* ---- start ---- */

struct start_flags {
        bool attach;
        bool interactive;
        const char *detach_keys;
        struct launch launch;
        int status;
        bool attached; /* it is over, and its name is not printed */
};

static int prepare_start(void *context, struct error *err)
{
        struct start_flags *flags = context;

        flags->launch.attach = flags->attach || flags->interactive;
        flags->launch.input = flags->interactive;
        return detach_keys_parse(flags->detach_keys, &flags->launch.keys, err);
}

static int start_one(struct store *store, struct container *container, void *context,
                     struct error *err)
{
        struct start_flags *flags = context;
        int r;

        if (container->state.status == CONTAINER_RUNNING)
                return 0;
        flags->status = CLI_EXIT_USAGE;
        r = launch_apart(store, container, &flags->launch, &flags->status, err);
        /* Another one was faster. */
        if (r == -EALREADY && !flags->launch.attach) {
                *err = ERROR_INIT;
                return 0;
        }
        if (r == -ECANCELED && !error_is_set(err)) {
                flags->status = EXIT_SUCCESS;
                return 1;
        }
        return r == 0 && flags->launch.attach ? 1 : r;
}

static int start(const struct command *command, int argc, char **argv)
{
        struct start_flags flags = { .attach = false };
        const struct option_spec options[] = {
                { OPTION_FLAG, 'a', "attach", &flags.attach, NULL,
                  "Show what it prints, and wait for its end" },
                { OPTION_FLAG, 'i', "interactive", &flags.interactive, NULL,
                  "The same, and give it standard input" },
                { OPTION_STRING, 0, "detach-keys", &flags.detach_keys, "KEYS",
                  "What to press to leave it running (ctrl-p,ctrl-q)" },
        };
        int status = run_each(command, options, ARRAY_SIZE(options), argc, argv, prepare_start,
                              start_one, &flags);

        return status == EXIT_SUCCESS && flags.launch.attach ? flags.status : status;
}

const struct command cmd_start = {
        .name = "start",
        .arguments = "[OPTIONS] CONTAINER...",
        .summary = "Start containers that have stopped",
        .details = "Each goes on with what it had changed when it stopped.\n\n"
                   "Examples:\n"
                   "  varve start web\n"
                   "  varve start -ai shell",
        .run = start,
};

/* ---- stop ---- */

struct stop_flags {
        const char *signal;
        const char *time;
        int number;
        int64_t seconds;
};

static int prepare_stop(void *context, struct error *err)
{
        struct stop_flags *flags = context;
        int r = parse_signal(flags->signal, &flags->number, err);

        return r < 0 ? r : parse_seconds(flags->time, &flags->seconds, err);
}

static int stop_one(struct store *store, struct container *container, void *context,
                    struct error *err)
{
        const struct stop_flags *flags = context;

        return container_stop(store, container, flags->number,
                              flags->time ? flags->seconds : container->spec.stop_timeout_s, err);
}

#define STOP_OPTIONS(flags)                                                                   \
        {                                                                                     \
                OPTION_STRING, 's',                                                           \
                "signal",      &(flags).signal,                                               \
                "SIGNAL",      "What to send first (the container's stop signal, or SIGTERM)" \
        },                                                                                    \
                { OPTION_STRING,                                                              \
                  't',                                                                        \
                  "time",                                                                     \
                  &(flags).time,                                                              \
                  "SECONDS",                                                                  \
                  "How long to wait before it is killed (the container's, or 10); -1: for "   \
                  "ever" },                                                                   \
        {                                                                                     \
                OPTION_STRING, 0, "timeout", &(flags).time, "SECONDS", "The same"             \
        }

static int stop(const struct command *command, int argc, char **argv)
{
        struct stop_flags flags = { .signal = NULL };
        const struct option_spec options[] = { STOP_OPTIONS(flags) };

        return run_each(command, options, ARRAY_SIZE(options), argc, argv, prepare_stop, stop_one,
                        &flags);
}

const struct command cmd_stop = {
        .name = "stop",
        .arguments = "[OPTIONS] CONTAINER...",
        .summary = "Stop containers",
        .details = "Examples:\n"
                   "  varve stop web\n"
                   "  varve stop -t 2 web db",
        .run = stop,
};

/* ---- restart ---- */

static int restart_one(struct store *store, struct container *container, void *context,
                       struct error *err)
{
        const struct launch launch = { .attach = false };
        int status = CLI_EXIT_USAGE, r = stop_one(store, container, context, err);

        return r < 0 ? r : launch_apart(store, container, &launch, &status, err);
}

static int restart(const struct command *command, int argc, char **argv)
{
        struct stop_flags flags = { .signal = NULL };
        const struct option_spec options[] = { STOP_OPTIONS(flags) };

        return run_each(command, options, ARRAY_SIZE(options), argc, argv, prepare_stop,
                        restart_one, &flags);
}

const struct command cmd_restart = {
        .name = "restart",
        .arguments = "[OPTIONS] CONTAINER...",
        .summary = "Stop containers, if they run, and start them",
        .details = "Examples:\n"
                   "  varve restart web",
        .run = restart,
};

/* ---- kill ---- */

static int prepare_kill(void *context, struct error *err)
{
        struct stop_flags *flags = context;
        int r = parse_signal(flags->signal, &flags->number, err);

        if (r == 0 && !flags->signal)
                flags->number = SIGKILL;
        return r;
}

static int kill_one(struct store *store, struct container *container, void *context,
                    struct error *err)
{
        const struct stop_flags *flags = context;

        if (container->state.status != CONTAINER_RUNNING)
                return error_set(err, -ESRCH,
                                 "Cannot kill container: %s: container %s is not "
                                 "running",
                                 container->spec.name, container->spec.id);
        return flags->number == SIGKILL ? container_kill(store, container, err)
                                        : container_signal(container, flags->number, err);
}

static int kill_them(const struct command *command, int argc, char **argv)
{
        struct stop_flags flags = { .signal = NULL };
        const struct option_spec options[] = {
                { OPTION_STRING, 's', "signal", &flags.signal, "SIGNAL", "What to send (SIGKILL)" },
        };

        return run_each(command, options, ARRAY_SIZE(options), argc, argv, prepare_kill, kill_one,
                        &flags);
}

const struct command cmd_kill = {
        .name = "kill",
        .arguments = "[OPTIONS] CONTAINER...",
        .summary = "Send a signal to the commands of containers",
        .details = "Examples:\n"
                   "  varve kill web\n"
                   "  varve kill -s HUP web",
        .run = kill_them,
};

/* ---- wait ---- */

static int wait_one(struct store *store, struct container *container, void *context,
                    struct error *err)
{
        int status = 0, r = container_wait(store, container, -1, &status, err);

        (void)context;
        if (r < 0)
                return r;
        printf("%d\n", status);
        return 1;
}

static int wait_for_them(const struct command *command, int argc, char **argv)
{
        return run_each(command, NULL, 0, argc, argv, NULL, wait_one, NULL);
}

const struct command cmd_wait = {
        .name = "wait",
        .arguments = "CONTAINER...",
        .summary = "Wait until containers stop, and print their exit codes",
        .details = "Examples:\n"
                   "  varve wait job",
        .run = wait_for_them,
};

/* ---- rm ---- */

struct rm_flags {
        bool force;
        bool volumes;
};

static int remove_one(struct store *store, struct container *container, void *context,
                      struct error *err)
{
        const struct rm_flags *flags = context;
        struct store_lock lock = STORE_LOCK_INIT;
        int r;

        if (container->state.status == CONTAINER_RUNNING && !flags->force) {
                error_set(err, -EBUSY, "cannot remove container \"/%s\": container is running",
                          container->spec.name);
                return error_hint(err,
                                  "Stop the container before removing or force remove: varve "
                                  "rm -f %s",
                                  container->spec.name);
        }
        r = container_kill(store, container, err);
        if (r == 0)
                r = container_lock(store, container, flags->force, &lock, err);
        if (r == -EAGAIN)
                return error_set(err, -EBUSY, "the container %s is being started or removed",
                                 container->spec.name);
        /* One of --rm has removed itself. */
        if (r == -ENOENT && flags->force) {
                *err = ERROR_INIT;
                return 0;
        }
        if (r == 0)
                r = container_remove(store, container, flags->volumes || container->spec.remove,
                                     err);
        store_lock_release(store, &lock);
        return r;
}

static int remove_them(const struct command *command, int argc, char **argv)
{
        struct rm_flags flags = { .force = false };
        const struct option_spec options[] = {
                { OPTION_FLAG, 'f', "force", &flags.force, NULL, "Kill those that run" },
                { OPTION_FLAG, 'v', "volumes", &flags.volumes, NULL,
                  "Remove their volumes that have no name, too" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        uint64_t freed;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, SIZE_MAX, &arguments,
                       &store, &status))
                return status;
        status = each_container(store, &arguments, remove_one, &flags);
        if (store_collect(store, &freed, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_rm = {
        .name = "rm",
        .arguments = "[OPTIONS] CONTAINER...",
        .summary = "Remove containers",
        .details = "What they have changed goes with them; volumes stay, unless -v.\n\n"
                   "Examples:\n"
                   "  varve rm web\n"
                   "  varve rm -f $(varve ps -aq)",
        .run = remove_them,
};

/* ---- rename ---- */

static int rename_one(const struct command *command, int argc, char **argv)
{
        struct container container = CONTAINER_INIT;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        if (!cli_begin(command, NULL, 0, argc, argv, 2, 2, &arguments, &store, &status))
                return status;
        r = container_find(store, arguments.items[0], &container, &err);
        if (r == 0)
                r = container_rename(store, &container, arguments.items[1], &err);
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        container_done(&container);
        store_free(store);
        return status;
}

const struct command cmd_rename = {
        .name = "rename",
        .arguments = "CONTAINER NAME",
        .summary = "Give a container another name",
        .details = "Examples:\n"
                   "  varve rename web web-old",
        .run = rename_one,
};
