/*
 * RUN, and WORKDIR.
 */
#include "base/cleanup.h"
#include "base/path.h"
#include "build/execute.h"
#include "key.h"
#include "run_mounts.h"
#include "users.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *hostname_of(const struct worker *worker)
{
        const char *hostname = worker->plan->builder_args.hostname;

        return hostname ? hostname : "varve";
}

static int make_argv(const struct worker *worker, const struct instruction_run *run,
                     struct strv *ret, struct error *err)
{
        const struct strv *shell = &worker->state.config.shell;
        int r = 0;

        if (run->script)
                return strv_add(ret, EXECUTE_SCRIPT_PATH) < 0 ? error_set_oom(err) : 0;
        if (!run->command.exec_form && shell->count > 0)
                r = strv_extend(ret, shell);
        else if (!run->command.exec_form &&
                 (strv_add(ret, "/bin/sh") < 0 || strv_add(ret, "-c") < 0))
                r = -ENOMEM;
        for (size_t i = 0; i < run->command.argv.count && r == 0; i++)
                r = strv_add(ret, run->command.argv.items[i]);
        return r < 0 ? error_set_oom(err) : 0;
}

/* What the command line says goes for all steps that say nothing. */
static struct network_options network_of(const struct worker *worker)
{
        struct network_options network = worker->options->network;

        switch (worker->instruction->run.network) {
        case RUN_NETWORK_DEFAULT:
                break;
        case RUN_NETWORK_NONE:
                network.mode = SANDBOX_NETWORK_NONE;
                break;
        case RUN_NETWORK_HOST:
                network.mode = SANDBOX_NETWORK_HOST;
                break;
        }
        return network;
}

/* How a command is run, as far as it can tell. */
static void key_add_manner(const struct worker *worker, struct key *key)
{
        const struct execution_bounds *bounds = worker->options->bounds;
        enum sandbox_network network = network_of(worker).mode;

        /* Of a network of its own it makes no difference which program leads out. */
        if (network != SANDBOX_NETWORK_NONE && network != SANDBOX_NETWORK_HOST)
                network = SANDBOX_NETWORK_PRIVATE;
        key_add_number(key, network);
        key_add_strv(key, &worker->options->network.hosts);
        key_add_number(key, worker->instruction->run.security);
        key_add_text(key, hostname_of(worker));
        key_add_number(key, bounds ? bounds->limit_count : 0);
        for (size_t i = 0; bounds && i < bounds->limit_count; i++) {
                key_add_number(key, (uint64_t)bounds->limits[i].resource);
                key_add_number(key, bounds->limits[i].value.rlim_cur);
                key_add_number(key, bounds->limits[i].value.rlim_max);
        }
        key_add_number(key, bounds ? bounds->shm_size_bytes : 0);
        key_add_number(key, bounds && bounds->no_new_privileges);
        key_add_number(key, bounds && bounds->unfiltered);
}

/* The same, in words. */
static int add_manner(const struct worker *worker, struct strv *ret)
{
        const struct execution_bounds *bounds = worker->options->bounds;
        const struct strv *hosts = &worker->options->network.hosts;
        enum sandbox_network network = network_of(worker).mode;
        int r = strv_addf(ret, "--network %s",
                          network == SANDBOX_NETWORK_NONE   ? "none"
                          : network == SANDBOX_NETWORK_HOST ? "host"
                                                            : "private");

        for (size_t i = 0; i < hosts->count && r == 0; i++) {
                size_t address = strcspn(hosts->items[i], " ");

                r = strv_addf(ret, "--add-host %s=%.*s", hosts->items[i] + address + 1,
                              (int)address, hosts->items[i]);
        }
        for (size_t i = 0; bounds && i < bounds->limit_count && r == 0; i++)
                r = strv_addf(ret, "--ulimit %d=%" PRIu64 ":%" PRIu64, bounds->limits[i].resource,
                              (uint64_t)bounds->limits[i].value.rlim_cur,
                              (uint64_t)bounds->limits[i].value.rlim_max);
        if (r == 0 && bounds && bounds->shm_size_bytes > 0)
                r = strv_addf(ret, "--shm-size %" PRIu64, bounds->shm_size_bytes);
        if (r == 0 && bounds && bounds->no_new_privileges)
                r = strv_add(ret, "--security-opt no-new-privileges");
        if (r == 0 && bounds && bounds->unfiltered)
                r = strv_add(ret, "--security-opt seccomp=unconfined");
        return r;
}

/* The digest of the command as it is, where a here-document has a say in it. */
static int add_heredoc(const struct worker *worker, struct strv *ret)
{
        const struct instruction_run *run = &worker->instruction->run;
        struct error ignored = ERROR_INIT;
        char text[DIGEST_HEX_MAX];
        struct digest digest;
        struct key key;
        int r;

        if (!strstr(worker->instruction->text, "<<"))
                return 0;
        r = key_begin(&key, "command", &ignored);
        if (r < 0)
                return r;
        key_add_text(&key, run->script);
        for (size_t i = 0; i < run->command.argv.count; i++)
                key_add_text(&key, run->command.argv.items[i]);
        r = key_finish(&key, &digest, &ignored);
        if (r < 0)
                return r;
        digest_format_hex(&digest, text);
        return strv_addf(ret, "here-document %.12s", text);
}

static int add_shell(const struct worker *worker, struct strv *ret)
{
        const struct strv *shell = &worker->state.config.shell;
        struct buf text = BUF_INIT;
        int r = shell->count > 0 ? buf_append_str(&text, "SHELL") : 0;

        for (size_t i = 0; i < shell->count && r == 0; i++)
                r = buf_appendf(&text, " %s", shell->items[i]);
        if (r == 0 && shell->count > 0)
                r = strv_add(ret, buf_str(&text));
        buf_done(&text);
        return r;
}

int worker_run_with(const struct worker *worker, struct strv *ret)
{
        int r = add_heredoc(worker, ret);

        if (r == 0)
                r = add_shell(worker, ret);
        return r < 0 ? r : add_manner(worker, ret);
}

static int run_group(const struct worker *worker, const struct strv *argv, struct digest *ret,
                     struct error *err)
{
        const struct instruction_run *run = &worker->instruction->run;
        _cleanup_free_ char *platform = platform_format(&worker->state.config.platform);
        struct key key;
        int r = worker_begin_group(worker, "RUN", &key, err);

        if (r < 0)
                return r;
        key_add_text(&key, platform);
        key_add_strv(&key, argv);
        /* Not the predefined proxy ARGs: they say how to get at something, not what it is. */
        key_add_strv(&key, &worker->state.config.env);
        key_add_strv(&key, &worker->state.args);
        key_add_text(&key, worker_workdir(worker));
        key_add_text(&key, worker->state.config.user);
        key_add_text(&key, run->script);
        key_add_manner(worker, &key);
        run_mounts_key(run, &key);
        return key_finish(&key, ret, err);
}

/* ---- carrying out ---- */

/* Passes on what a step writes, until its last process is gone. */
struct relay {
        struct worker *worker;
        int fd;
        pthread_t thread;
};

static void *relay(void *userdata)
{
        const struct relay *self = userdata;
        char data[3072];
        ssize_t n;

        while ((n = read(self->fd, data, sizeof(data))) != 0)
                if (n > 0)
                        message_send(self->worker->events_fd, MESSAGE_OUTPUT,
                                     (uint32_t)(self->worker->step - self->worker->stage->steps),
                                     data, (size_t)n);
                else if (errno != EINTR)
                        break;
        return NULL;
}

/* A step may run for hours; those before it are in the cache even if it is killed. */
static int record_steps(void *context, struct error *err)
{
        return worker_join_sealed(context, err);
}

static void tell_notice(void *context, const char *text)
{
        const struct worker *worker = context;

        message_send(worker->events_fd, MESSAGE_WARNING, 0, text, strlen(text));
}

/* Where it is the device that is missing, something else serves as well: to be known all the same.
 */
static void tell_tun(struct worker *worker)
{
        const int code = sandbox_host_tun(worker->host);
        char text[256];

        if (code == 0 || network_of(worker).mode != SANDBOX_NETWORK_PRIVATE)
                return;
        snprintf(text, sizeof(text),
                 "/dev/net/tun cannot be opened (%s): a pair of interfaces is used for the network "
                 "of steps",
                 strerrordesc_np(-code));
        message_send(worker->events_fd, MESSAGE_NOTE, 0, text, strlen(text));
}

static int run_command(struct worker *worker, const struct strv *argv,
                       const struct run_mounts *mounts, int output_fd, int *ret_status,
                       struct error *err)
{
        _cleanup_close_ int input_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        const struct network_options network = network_of(worker);
        struct strv env = STRV_INIT;
        struct execution execution = {
                .tree = worker->tree,
                .copied = worker->copied,
                .host = worker->host,
                .argv = argv,
                .env = &env,
                .workdir = worker_workdir(worker),
                .user = worker->state.config.user,
                .hostname = hostname_of(worker),
                .network = &network,
                .bounds = worker->options->bounds,
                .insecure = worker->instruction->run.security == RUN_SECURITY_INSECURE,
                .stdio = { input_fd, output_fd, output_fd },
                .trace = worker->trace,
                .script = worker->instruction->run.script,
                .meanwhile = record_steps,
                .notice = tell_notice,
                .context = worker,
                .mounts = mounts->items,
                .mount_count = mounts->count,
        };
        int r;

        if (input_fd < 0)
                return error_set_errno(err, -errno, "cannot open /dev/null");
        r = worker_environment(worker, &env, err);
        if (r == 0 && strv_env_merge(&env, &mounts->env) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = execute(&execution, ret_status, err);
        strv_done(&env);
        return r;
}

static int run_and_relay(struct worker *worker, const struct strv *argv,
                         const struct run_mounts *mounts, int *ret_status, struct error *err)
{
        struct relay relayed = { .worker = worker };
        int pipe_fds[2], r;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot make a pipe");
        /* For a command that is not root, and opens /dev/stdout. */
        fchmod(pipe_fds[1], 0666);
        relayed.fd = pipe_fds[0];
        r = -pthread_create(&relayed.thread, NULL, relay, &relayed);
        if (r < 0) {
                close(pipe_fds[0]);
                close(pipe_fds[1]);
                return error_set_errno(err, r, "cannot start a thread");
        }
        r = run_command(worker, argv, mounts, pipe_fds[1], ret_status, err);
        close(pipe_fds[1]);
        pthread_join(relayed.thread, NULL);
        close(pipe_fds[0]);
        return r;
}

static int explain_status(int status, struct error *err)
{
        if (status == 0)
                return 0;
        if (status > 128 && status < 128 + NSIG) {
                const char *name = sigabbrev_np(status - 128);

                return error_set(err, -ECHILD, "the command was ended by signal %d (SIG%s)",
                                 status - 128, name ? name : "?");
        }
        error_set(err, -ECHILD, "the command has exited with status %d", status);
        if (status == 127)
                error_hint(err, "That is what a shell says of a program that is not there: install "
                                "it in a step before, or start from an image that has it.");
        if (status == 126)
                error_hint(err, "That is what a shell says of a file that it may not execute: "
                                "chmod +x it, or look at its first line.");
        return -ECHILD;
}

/* Why what the step reads is not known from its own filesystem alone; NULL where it is. */
static const char *unobservable(const struct worker *worker)
{
        if (worker->instruction->run.security == RUN_SECURITY_INSECURE)
                return "it runs with --security=insecure";
        return worker->options->chain_only ? "it was carried out with --cache-precision=chain"
                                           : NULL;
}

/* What a cache holds is kept also of a step that fails. */
static int run_with_mounts(struct worker *worker, const struct strv *argv,
                           struct run_mounts *mounts, struct error *err)
{
        struct error ignored = ERROR_INIT;
        int status = 0;
        int r = run_and_relay(worker, argv, mounts, &status, err);

        if (r == 0)
                r = explain_status(status, err);
        if (r == 0)
                return run_mounts_keep(mounts, err);
        run_mounts_keep(mounts, &ignored);
        return r;
}

static int open_host(struct worker *worker, struct error *err)
{
        enum sandbox_users users = worker->options->users;
        char notice[EXECUTE_NOTICE_MAX];
        int r = execute_choose_files(worker->options->files, &users, &worker->copied, notice, err);

        if (r == 0 && *notice)
                message_send(worker->events_fd, MESSAGE_NOTE, 0, notice, strlen(notice));
        return r == 0 ? sandbox_host_new(users, &worker->host, err) : r;
}

static int carry_out(struct worker *worker, const struct strv *argv, struct digest *ret_input,
                     struct error *err)
{
        struct run_mounts mounts = RUN_MOUNTS_INIT;
        int r = 0;

        if (!worker->host)
                r = open_host(worker, err);
        if (r == 0)
                r = worker_open_tree(worker, err);
        if (r == 0)
                tell_tun(worker);
        if (r == 0)
                r = run_mounts_open(worker, false, &mounts, ret_input, err);
        if (r == 0)
                r = worker_user_digest(worker, worker->tree, &worker->user, err);
        worker->unobserved = unobservable(worker);
        if (r == 0 && !worker->unobserved)
                r = trace_new(&worker->trace, err);
        if (r == 0 && worker->trace)
                r = run_mounts_trace(&mounts, err);
        if (r == 0)
                r = run_with_mounts(worker, argv, &mounts, err);
        if (r == 0 && worker->trace)
                r = run_mounts_observed(&mounts, &worker->mounts, err);
        run_mounts_done(&mounts);
        return r;
}

int worker_run(struct worker *worker, bool *ret_cached, struct error *err)
{
        struct strv argv = STRV_INIT;
        struct digest group, input = { .bytes = { 0 } };
        bool empty = false;
        int r;

        r = make_argv(worker, &worker->instruction->run, &argv, err);
        if (r == 0)
                r = run_group(worker, &argv, &group, err);
        if (r == 0 && worker_may_be_cached(worker, &group))
                r = run_mounts_digest(worker, &input, err);
        if (r == 0)
                r = worker_try_cache(worker, &group, &input, &empty, err);
        *ret_cached = r > 0;
        if (r == 0)
                r = carry_out(worker, &argv, &input, err);
        if (r == 0 && !*ret_cached)
                r = worker_finish_step(worker, &group, &input, &empty, err);
        if (r >= 0)
                r = worker_add_run_history(worker, &argv, empty, err);
        strv_done(&argv);
        return r;
}

/* ---- WORKDIR ---- */

static int make_directory(struct worker *worker, const char *path, struct error *err)
{
        const char *user = worker->state.config.user;
        struct tree_owner owner = { .uid = 0 };
        struct tree_attr attr;
        int r;

        r = worker_open_tree(worker, err);
        /* What is made belongs to the USER. */
        if (r == 0 && user)
                r = user_find_owner(worker->tree, user, &owner, err);
        if (r < 0)
                return r;
        r = tree_make_path(worker->tree, path, 0755, &owner, &attr);
        if (r < 0)
                return error_set_errno(err, r, "cannot make the directory %s", path);
        return 0;
}

int worker_workdir_step(struct worker *worker, bool *ret_cached, struct error *err)
{
        static const struct digest no_input;
        _cleanup_free_ char *path =
                path_resolve(worker_workdir(worker), worker->instruction->value);
        struct digest group;
        bool empty = false;
        struct key key;
        int r;

        if (!path || image_config_set(&worker->state.config.working_dir, path) < 0)
                return error_set_oom(err);
        r = worker_begin_group(worker, "WORKDIR", &key, err);
        if (r < 0)
                return r;
        key_add_text(&key, path);
        key_add_text(&key, worker->state.config.user);
        r = key_finish(&key, &group, err);
        if (r == 0)
                r = worker_try_cache(worker, &group, &no_input, &empty, err);
        *ret_cached = r > 0;
        if (r == 0)
                r = make_directory(worker, path, err);
        if (r == 0 && !*ret_cached)
                r = worker_finish_step(worker, &group, &no_input, &empty, err);
        return r < 0 ? r : worker_add_history(worker, empty, err, "WORKDIR %s", path);
}
