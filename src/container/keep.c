#include "container/keep.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "container/capabilities.h"
#include "container/changes.h"
#include "container/channel.h"
#include "container/port.h"
#include "hub.h"
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_KILLED (128 + SIGKILL)
#define STATUS_LOST   125

struct keep {
        struct store *store;
        struct container *container;
        const struct keep_options *options;
        struct tree *tree;
        struct hub *hub;
        struct strv argv;
        struct strv env;
        struct mounts mounts;
        struct sandbox_port *ports;
        size_t port_count;
        size_t layers_before;
        int stdio[3]; /* for the command; those that are ours are closed once it runs */
        bool own[3];
        bool started;
};

/* ---- streams ---- */

static int make_pipe(struct keep *keep, int number, int *ret_ours, struct error *err)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot make a pipe");
        keep->stdio[number] = ends[number == STDIN_FILENO ? 0 : 1];
        keep->own[number] = true;
        *ret_ours = ends[number == STDIN_FILENO ? 1 : 0];
        /* For a command that is not root, and opens /dev/stdout. */
        fchmod(keep->stdio[number], 0666);
        return 0;
}

static int open_null(struct keep *keep, int number, struct error *err)
{
        keep->stdio[number] = open("/dev/null", O_RDWR | O_CLOEXEC);
        keep->own[number] = true;
        return keep->stdio[number] < 0 ? error_set_errno(err, -errno, "cannot open /dev/null") : 0;
}

static int open_streams(struct keep *keep, struct hub_options *hub, struct error *err)
{
        const struct container_spec *spec = &keep->container->spec;
        int r = 0;

        for (int i = 0; i < 3 && r == 0; i++) {
                keep->stdio[i] = keep->options->stdio[i];
                if (keep->stdio[i] >= 0)
                        continue;
                if (spec->terminal || (i == STDIN_FILENO && !spec->open_stdin))
                        r = open_null(keep, i, err);
                else
                        r = make_pipe(keep, i,
                                      i == STDIN_FILENO ? &hub->input_fd : &hub->output_fds[i - 1],
                                      err);
        }
        return r;
}

static void close_streams(struct keep *keep)
{
        for (int i = 0; i < 3; i++)
                if (keep->own[i]) {
                        cleanup_close(&keep->stdio[i]);
                        keep->own[i] = false;
                }
}

/* ---- the hub ---- */

static int checkpoint(void *context, struct error *err)
{
        struct keep *keep = context;

        if (keep->options->copied) {
                error_set(err, -EOPNOTSUPP,
                          "the container runs in a copy of its files, which is looked at when it "
                          "stops");
                return error_hint(err, "Stop it before: varve stop %s", keep->container->spec.name);
        }
        return container_seal(keep->store, keep->container, keep->tree, false, err);
}

static int start_hub(struct keep *keep, struct error *err)
{
        struct hub_options options = { .client_fd = keep->options->client_fd,
                                       .output_fds = { -1, -1 },
                                       .local_fds = { keep->options->local_fds[0],
                                                      keep->options->local_fds[1] },
                                       .input_fd = -1,
                                       .checkpoint = checkpoint,
                                       .context = keep };
        int r = open_streams(keep, &options, err);

        options.listen_fd = channel_listen(keep->container->dir_fd);
        if (r == 0 && options.listen_fd < 0 && keep->options->notice)
                keep->options->notice(keep->options->context,
                                      "no socket can be made in the store: other commands cannot "
                                      "reach the container");
        if (r == 0)
                r = log_writer_new(keep->container->dir_fd, &options.log, err);
        return r < 0 ? r : hub_start(&options, &keep->hub, err);
}

static void hear_start(void *context, struct execution_live *live)
{
        struct keep *keep = context;
        struct container_state *state = &keep->container->state;
        struct error ignored = ERROR_INIT;

        if (live) {
                keep->started = true;
                close_streams(keep);
                state->status = CONTAINER_RUNNING;
                state->started = clock_now();
                state->finished = (struct timespec){ .tv_sec = 0 };
                state->exit_code = 0;
                if (!keep->container->spec.remove)
                        container_reserve_state(keep->container);
                container_write_state(keep->container, &ignored);
        }
        hub_set_live(keep->hub, live);
        if (keep->options->started)
                keep->options->started(keep->options->context, live);
}

static void hear_child(void *context, const struct sandbox_child_event *event)
{
        struct keep *keep = context;

        hub_child(keep->hub, event);
}

static void hear_notice(void *context, const char *text)
{
        const struct keep *keep = context;

        if (keep->options->notice)
                keep->options->notice(keep->options->context, text);
}

/* ---- running ---- */

/* The command, and what every container has in its environment. */
static int prepare_command(struct keep *keep, struct error *err)
{
        const struct container_spec *spec = &keep->container->spec;
        int r = container_spec_argv(spec, &keep->argv);

        if (r == 0)
                r = strv_extend(&keep->env, &spec->env);
        if (r == 0 && !strv_env_get(&keep->env, "HOSTNAME"))
                r = strv_env_set(&keep->env, "HOSTNAME", spec->hostname);
        if (r == 0 && spec->terminal && !strv_env_get(&keep->env, "TERM"))
                r = strv_env_set(&keep->env, "TERM", "xterm");
        return r < 0 ? error_set_oom(err) : 0;
}

static int prepare(struct keep *keep, struct error *err)
{
        struct container_state *state = &keep->container->state;
        const char *name = store_process_name(keep->store, err);
        int r = name ? 0 : err->code;

        if (r == 0)
                r = prepare_command(keep, err);
        if (r == 0)
                r = container_open_tree(keep->store, keep->container, &keep->tree, err);
        if (r == 0)
                r = mounts_open(keep->store, &keep->container->spec, &keep->mounts, err);
        if (r == 0)
                r = ports_to_sandbox(&keep->container->spec.ports, &keep->ports, &keep->port_count,
                                     err);
        if (r == 0)
                r = ports_check(keep->ports, keep->port_count, err);
        if (r == 0)
                r = start_hub(keep, err);
        if (r < 0)
                return r;
        free(state->keeper);
        free(TAKE_PTR(state->failure));
        state->lost = false;
        state->keeper = strdup(name);
        state->pid = getpid();
        keep->layers_before = state->layer_count;
        return state->keeper ? 0 : error_set_oom(err);
}

static int run(struct keep *keep, int *ret_status, struct error *err)
{
        const struct container_spec *spec = &keep->container->spec;
        struct execution execution = {
                .tree = keep->tree,
                .copied = keep->options->copied,
                .keeps_all = true,
                .discarded = spec->remove,
                .host = keep->options->host,
                .argv = &keep->argv,
                .env = &keep->env,
                .workdir = spec->workdir,
                .user = spec->user,
                .hostname = spec->hostname,
                .network = keep->options->network,
                .bounds = keep->options->bounds,
                .terminal = spec->terminal,
                .rows = keep->options->rows,
                .columns = keep->options->columns,
                .executes = true,
                .read_only = spec->read_only,
                .ports = keep->ports,
                .port_count = keep->port_count,
                .mounts = keep->mounts.items,
                .mount_count = keep->mounts.count,
                .started = hear_start,
                .child = hear_child,
                .notice = hear_notice,
                .context = keep,
        };
        int r;

        memcpy(execution.stdio, keep->stdio, sizeof(execution.stdio));
        r = capabilities_parse(&spec->add_capabilities, &spec->drop_capabilities,
                               &execution.add_capabilities, &execution.drop_capabilities, err);
        if (r == 0)
                r = execute(&execution, ret_status, err);
        /* That it was killed is no fault. */
        if (r == -ECHILD && keep->started) {
                *err = ERROR_INIT;
                *ret_status = STATUS_KILLED;
                r = 0;
        }
        return r;
}

/* What it has changed goes to the end of its own layers, or into the last where nothing was sealed
 * while it ran. */
static int keep_changes(struct keep *keep, struct error *err)
{
        struct container_state *state = &keep->container->state;
        size_t count = state->layer_count;
        int r = container_seal(keep->store, keep->container, keep->tree,
                               count > 0 && count == keep->layers_before, err);

        if (r == 0)
                return 0;
        state->lost = true;
        error_wrap(err, "what the container has changed is lost");
        return store_explain_full(keep->store, err);
}

static int write_end(struct keep *keep, int status, const struct error *why, struct error *err)
{
        struct container_state *state = &keep->container->state;
        struct error full = ERROR_INIT;

        if (keep->started) {
                state->status = CONTAINER_EXITED;
                state->finished = clock_now();
        }
        state->exit_code = status;
        if (error_is_set(why))
                state->failure = strdup(why->message);
        if (container_write_state(keep->container, &full) == 0)
                return 0;
        return container_write_state_in_room(keep->container, err);
}

/* All that is to be done when no process of it is left; the first that fails is told. */
static int finish(struct keep *keep, int *status, int r, struct error *err)
{
        struct container *container = keep->container;
        const bool removed = container->spec.remove;
        struct error failure = ERROR_INIT;

        if (keep->started && !removed && keep_changes(keep, &failure) < 0) {
                if (*status == 0)
                        *status = STATUS_LOST;
                if (r == 0) {
                        *err = failure;
                        r = err->code;
                }
        }
        failure = ERROR_INIT;
        if (removed)
                container_remove(keep->store, container, true, &failure);
        else if (write_end(keep, *status, err, &failure) < 0 && r == 0) {
                *err = failure;
                r = err->code;
        }
        return r;
}

static void keep_done(struct keep *keep)
{
        close_streams(keep);
        strv_done(&keep->argv);
        strv_done(&keep->env);
        mounts_done(&keep->mounts);
        free(keep->ports);
        tree_free(keep->tree);
}

/* To who waits for a container that has come to nothing. */
static void tell_failure(int client_fd, int status, const struct error *err)
{
        const struct channel_end end = { .status = status, .err = *err };

        channel_send(client_fd, CHANNEL_END, &end, sizeof(end), NULL, 0);
        close(client_fd);
}

int container_keep(struct store *store, struct container *container, struct store_lock *lock,
                   const struct keep_options *options, int *ret_status, struct error *err)
{
        struct keep keep = { .store = store,
                             .container = container,
                             .options = options,
                             .mounts = MOUNTS_INIT,
                             .stdio = { -1, -1, -1 } };
        int status = *ret_status, r = prepare(&keep, err);

        if (r == 0)
                r = run(&keep, &status, err);
        if (keep.hub)
                hub_drain(keep.hub);
        r = finish(&keep, &status, r, err);
        keep_done(&keep);
        store_lock_release(store, lock);
        store_leave(store);
        if (keep.hub)
                hub_end(keep.hub, status, err);
        else if (options->client_fd >= 0)
                tell_failure(options->client_fd, status, err);
        *ret_status = status;
        return r;
}
