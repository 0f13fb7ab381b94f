#include "base/cleanup.h"
#include "commands.h"
#include "container/channel.h"
#include "container/exec.h"
#include "env_flags.h"
#include "launch.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct exec_flags {
        struct env_flags env;
        const char *workdir;
        const char *user;
        const char *detach_keys;
        bool interactive;
        bool terminal;
        bool detach;
};

static int make_request(const struct exec_flags *flags, const struct arguments *arguments,
                        struct exec_request *request, struct error *err)
{
        uint16_t rows, columns;
        int r = 0;

        for (size_t i = 1; i < arguments->count && r == 0; i++)
                r = strv_add(&request->argv, arguments->items[i]);
        if (r == 0 && env_flags_read(&flags->env, &request->env, err) < 0)
                return err->code;
        if (r == 0 && flags->terminal && !strv_env_get(&request->env, "TERM"))
                r = strv_env_set(&request->env, "TERM", "xterm");
        if (r == 0 && flags->workdir)
                r = (request->workdir = strdup(flags->workdir)) ? 0 : -ENOMEM;
        if (r == 0 && flags->user)
                r = (request->user = strdup(flags->user)) ? 0 : -ENOMEM;
        terminal_size(&rows, &columns);
        request->terminal = flags->terminal;
        request->rows = rows;
        request->columns = columns;
        return r < 0 ? error_set_oom(err) : 0;
}

static int follow(int fd, const struct exec_flags *flags, int *ret_status, struct error *err)
{
        struct attachment attachment = { .channel_fd = fd,
                                         .terminal_fd = -1,
                                         .terminal = flags->terminal,
                                         .input = flags->terminal && flags->interactive };
        int r = detach_keys_parse(flags->detach_keys, &attachment.keys, err);

        if (r < 0)
                return r;
        r = attachment_run(&attachment, ret_status, err);
        cleanup_close(&attachment.terminal_fd);
        if (r == -ECANCELED && !error_is_set(err)) {
                *ret_status = EXIT_SUCCESS;
                return 0;
        }
        return r;
}

/* With a terminal the command has no use for streams; without, they are passed on as they are. */
static int run_beside(struct container *container, const struct exec_flags *flags,
                      const struct exec_request *request, int *ret_status, struct error *err)
{
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), fd = -1;
        const bool passed = !flags->terminal && !flags->detach;
        struct streams streams = STREAMS_INIT;
        struct error failure = ERROR_INIT;
        int stdio[3] = { null_fd, null_fd, null_fd };
        int r = streams_open(&streams, passed && flags->interactive, passed, err);

        if (passed)
                memcpy(stdio, streams.stdio, sizeof(stdio));
        if (!flags->interactive)
                stdio[STDIN_FILENO] = null_fd;
        if (r == 0)
                r = exec_begin(container, request, stdio, &fd, err);
        if (r == 0 && !flags->detach)
                r = follow(fd, flags, ret_status, err);
        else if (r == 0)
                *ret_status = EXIT_SUCCESS;
        if (streams_close(&streams, &failure) < 0 && r == 0) {
                *err = failure;
                r = err->code;
        }
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct exec_flags flags = { .detach = false };
        const struct option_spec options[] = {
                { OPTION_FLAG, 'd', "detach", &flags.detach, NULL, "Do not wait for its end" },
                { OPTION_FLAG, 'i', "interactive", &flags.interactive, NULL,
                  "Give standard input to the command" },
                { OPTION_FLAG, 't', "tty", &flags.terminal, NULL, "Give the command a terminal" },
                ENV_OPTIONS(&flags.env),
                { OPTION_STRING, 'w', "workdir", &flags.workdir, "DIR",
                  "The working directory (the container's)" },
                { OPTION_STRING, 'u', "user", &flags.user, "USER[:GROUP]",
                  "The user, by name or number (the container's)" },
                { OPTION_STRING, 0, "detach-keys", &flags.detach_keys, "KEYS",
                  "What to press to leave it running (ctrl-p,ctrl-q)" },
        };
        struct exec_request request = EXEC_REQUEST_INIT;
        struct container container = CONTAINER_INIT;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 2, SIZE_MAX, &arguments,
                       &store, &status))
                return status == EXIT_SUCCESS ? status : CLI_EXIT_USAGE;
        status = EXIT_FAILURE;
        r = flags.terminal && flags.interactive && !isatty(STDIN_FILENO)
                    ? error_set(&err, -EINVAL, "the input device is not a TTY")
                    : make_request(&flags, &arguments, &request, &err);
        if (r == 0)
                r = container_find(store, arguments.items[0], &container, &err);
        if (r == 0)
                r = run_beside(&container, &flags, &request, &status, &err);
        if (r < 0)
                cli_fail(&err, status);
        container_done(&container);
        exec_request_done(&request);
        env_flags_done(&flags.env);
        store_free(store);
        return status;
}

const struct command cmd_exec = {
        .name = "exec",
        .arguments = "[OPTIONS] CONTAINER COMMAND [ARGUMENT...]",
        .summary = "Run one more command in a container that runs",
        .details = "The exit status is the command's, as of `varve run`; 1 when there is no such "
                   "container,\nor it does not run.\n\n"
                   "Examples:\n"
                   "  varve exec -it web sh\n"
                   "  varve exec -u www-data web cat /etc/hosts",
        .options_first = true,
        .run = run,
};

/* ---- attach ---- */

static int attach_to(struct container *container, bool input, const char *keys, int *ret_status,
                     struct error *err)
{
        _cleanup_close_ int fd = -1;
        struct attachment attachment = { .terminal_fd = -1,
                                         .terminal = container->spec.terminal,
                                         .input = input && container->spec.open_stdin,
                                         .signal = launch_pass_signal,
                                         .context = container };
        int r = detach_keys_parse(keys, &attachment.keys, err);

        if (r == 0 && container->state.status != CONTAINER_RUNNING)
                r = error_set(err, -EINVAL,
                              "You cannot attach to a stopped container, start it first");
        if (r < 0)
                return r;
        attachment.channel_fd = fd = channel_connect(container->dir_fd);
        r = fd < 0 ? fd : channel_send(fd, CHANNEL_ATTACH, NULL, 0, NULL, 0);
        if (r < 0)
                return error_set_errno(err, r, "cannot reach the container's process");
        r = attachment_run(&attachment, ret_status, err);
        if (r == -ECANCELED && !error_is_set(err)) {
                *ret_status = EXIT_SUCCESS;
                return 0;
        }
        return r;
}

static int attach(const struct command *command, int argc, char **argv)
{
        const char *keys = NULL;
        bool no_input = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 0, "no-stdin", &no_input, NULL, "Give it no input" },
                { OPTION_STRING, 0, "detach-keys", &keys, "KEYS",
                  "What to press to leave it running (ctrl-p,ctrl-q)" },
        };
        struct container container = CONTAINER_INIT;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 1, &arguments, &store,
                       &status))
                return status;
        status = EXIT_FAILURE;
        r = container_find(store, arguments.items[0], &container, &err);
        if (r == 0)
                r = attach_to(&container, !no_input, keys, &status, &err);
        if (r < 0)
                cli_fail(&err, status);
        container_done(&container);
        store_free(store);
        return status;
}

const struct command cmd_attach = {
        .name = "attach",
        .arguments = "[OPTIONS] CONTAINER",
        .summary = "Show what a container prints from now on, and type into it",
        .details = "Examples:\n"
                   "  varve attach web",
        .run = attach,
};
