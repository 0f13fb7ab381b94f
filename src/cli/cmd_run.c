#include "base/cleanup.h"
#include "bounds.h"
#include "build/execute.h"
#include "build/layers.h"
#include "build/transfer.h"
#include "commands.h"
#include "network_flags.h"
#include "store/images.h"
#include "streams.h"
#include "transfer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOSTNAME_DIGITS 12

struct run_flags {
        struct strv env;
        const char *workdir;
        const char *user;
        const char *entrypoint;
        const char *userns;
        const char *pull;
        const char *files;
        struct network_flags network;
        struct bounds_flags bounds;
        bool rm;
        bool quiet;
};

static void run_flags_done(struct run_flags *flags)
{
        strv_done(&flags->env);
        network_flags_done(&flags->network);
        bounds_flags_done(&flags->bounds);
}

/* ---- signals: those that come to varve are the command's ---- */

static const int passed_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

struct signals {
        sigset_t set;
        pthread_mutex_t lock;
        struct sandbox *sandbox; /* NULL: there is nobody to pass them on to */
        int pending;             /* one that came before there was, or 0 */
        pthread_t thread;
};

static void *pass_signals(void *userdata)
{
        struct signals *signals = userdata;
        int number;

        while (sigwait(&signals->set, &number) == 0 && number != SIGALRM) {
                pthread_mutex_lock(&signals->lock);
                if (signals->sandbox)
                        sandbox_signal(signals->sandbox, number);
                else
                        signals->pending = number;
                pthread_mutex_unlock(&signals->lock);
        }
        return NULL;
}

static void note_sandbox(void *context, struct sandbox *sandbox)
{
        struct signals *signals = context;

        pthread_mutex_lock(&signals->lock);
        signals->sandbox = sandbox;
        if (sandbox && signals->pending)
                sandbox_signal(sandbox, signals->pending);
        pthread_mutex_unlock(&signals->lock);
}

/* From here on signals wait for the thread; SIGALRM ends it. */
static int begin_signals(struct signals *signals, struct error *err)
{
        int r;

        sigemptyset(&signals->set);
        sigaddset(&signals->set, SIGALRM);
        for (size_t i = 0; i < ARRAY_SIZE(passed_signals); i++)
                sigaddset(&signals->set, passed_signals[i]);
        pthread_sigmask(SIG_BLOCK, &signals->set, NULL);
        pthread_mutex_init(&signals->lock, NULL);
        r = -pthread_create(&signals->thread, NULL, pass_signals, signals);
        return r < 0 ? error_set_errno(err, r, "cannot start a thread") : 0;
}

static void end_signals(struct signals *signals)
{
        pthread_kill(signals->thread, SIGALRM);
        pthread_join(signals->thread, NULL);
        pthread_mutex_destroy(&signals->lock);
}

/* ---- the command ---- */

static int make_argv(const struct run_flags *flags, const struct image_config *config,
                     const struct arguments *arguments, struct strv *ret, struct error *err)
{
        int r = 0;

        if (flags->entrypoint)
                r = *flags->entrypoint ? strv_add(ret, flags->entrypoint) : 0;
        else
                r = strv_extend(ret, &config->entrypoint);
        for (size_t i = 1; i < arguments->count && r == 0; i++)
                r = strv_add(ret, arguments->items[i]);
        if (r == 0 && arguments->count == 1 && !flags->entrypoint)
                r = strv_extend(ret, &config->cmd);
        if (r < 0)
                return error_set_oom(err);
        if (ret->count > 0)
                return 0;
        error_set(err, -EINVAL, "the image says no command, and none was given");
        return error_hint(err, "Give one: varve run --rm %s COMMAND", arguments->items[0]);
}

static int make_env(const struct run_flags *flags, const struct image_config *config,
                    struct strv *ret, struct error *err)
{
        int r = strv_extend(ret, &config->env);

        for (size_t i = 0; i < flags->env.count && r == 0; i++) {
                const char *item = flags->env.items[i], *equals = strchr(item, '=');
                _cleanup_free_ char *name =
                        strndup(item, equals ? (size_t)(equals - item) : strlen(item));
                const char *value = equals ? equals + 1 : name ? getenv(name) : NULL;

                if (name && !*name)
                        return error_set(err, -EINVAL, "--env %s has no name", item);
                if (!name)
                        r = -ENOMEM;
                else if (value)
                        r = strv_env_set(ret, name, value);
        }
        return r < 0 ? error_set_oom(err) : 0;
}

/* `ret_status` is untouched where not even an attempt was made to execute the command. */
static int execute_with_streams(struct execution *execution, int *ret_status, struct error *err)
{
        struct streams streams = STREAMS_INIT;
        struct error failure = ERROR_INIT;
        int status = *ret_status, r, closed;

        r = streams_open(&streams, err);
        memcpy(execution->stdio, streams.stdio, sizeof(streams.stdio));
        if (r == 0)
                r = execute(execution, &status, err);
        closed = streams_close(&streams, &failure);
        if (r == 0 && closed < 0) {
                *err = failure;
                return closed;
        }
        *ret_status = status;
        return r;
}

static void tell_notice(void *context, const char *text)
{
        (void)context;
        fprintf(stderr, "varve: warning: %s\n", text);
}

static int run_image(struct store *store, const struct run_flags *flags,
                     const struct arguments *arguments, const struct stored_image *image,
                     enum sandbox_users users, bool copied, const struct execution_bounds *bounds,
                     int *ret_status, struct error *err)
{
        _cleanup_(cleanup_sandbox_host) struct sandbox_host *host = NULL;
        const struct image_config *config = &image->config;
        struct strv argv = STRV_INIT, env = STRV_INIT;
        struct layers layers = { .items = NULL };
        struct signals signals = { .sandbox = NULL };
        char hostname[DIGEST_HEX_MAX];
        struct network_options network = { .or_host = false };
        struct tree *tree = NULL;
        struct execution execution = {
                .copied = copied,
                .discarded = true,
                .argv = &argv,
                .env = &env,
                .workdir = flags->workdir ? flags->workdir : config->working_dir,
                .user = flags->user ? flags->user : config->user,
                .hostname = hostname,
                .network = &network,
                .bounds = bounds,
                .started = note_sandbox,
                .notice = tell_notice,
                .context = &signals,
        };
        int r;

        digest_format_hex(&image->parsed.config.digest, hostname);
        hostname[HOSTNAME_DIGITS] = '\0';
        r = begin_signals(&signals, err);
        if (r < 0)
                return r;
        r = make_argv(flags, config, arguments, &argv, err);
        if (r == 0)
                r = network_flags_parse(&flags->network, &network, err);
        if (r == 0)
                r = make_env(flags, config, &env, err);
        if (r == 0)
                r = sandbox_host_new(users, &host, err);
        if (r == 0)
                r = layers_of_image(&image->parsed, config, &layers, err);
        if (r == 0)
                r = layers_open(store, &layers, &tree, err);
        layers_done(&layers);
        execution.tree = tree;
        execution.host = host;
        if (r == 0)
                r = execute_with_streams(&execution, ret_status, err);
        end_signals(&signals);
        tree_free(tree);
        network_options_done(&network);
        strv_done(&argv);
        strv_done(&env);
        return r;
}

/* Pulls the image where that is wanted, and fetches those of its layers that the store lacks. */
static int provide_image(struct store *store, const char *name, const struct run_flags *flags,
                         struct stored_image *ret, struct error *err)
{
        _cleanup_(transfer_view_done) struct transfer_view view = { .lines = NULL };
        struct pull_options options = { .policy = PULL_MISSING,
                                        .without_layers = true,
                                        .watcher = { transfer_view_event, &view } };
        struct layers layers = { .items = NULL };
        int r = flags->pull ? pull_policy_parse(flags->pull, &options.policy, err) : 0;

        if (r == 0)
                r = transfer_view_init(&view, NULL, flags->quiet, err);
        if (r == 0)
                r = image_pull(store, name, &options, ret, err);
        if (r == -ENOENT && options.policy == PULL_NEVER)
                error_hint(err, "Bring it in with `varve pull %s`.", name);
        if (r < 0)
                return r;
        r = layers_of_image(&ret->parsed, &ret->config, &layers, err);
        if (r == 0)
                r = layers_fetch(store, &layers, false, &options.watcher, err);
        layers_done(&layers);
        if (r < 0)
                stored_image_done(ret);
        return r;
}

static int run_container(struct store *store, const struct run_flags *flags,
                         const struct arguments *arguments, int *ret_status, struct error *err)
{
        struct execution_bounds bounds;
        char notice[EXECUTE_NOTICE_MAX] = "";
        enum execution_files files;
        enum sandbox_users users;
        struct stored_image image;
        bool copied = false;
        int r;

        if (!flags->rm) {
                error_set(err, -EOPNOTSUPP, "containers cannot be kept");
                return error_hint(err,
                                  "Say so with --rm: what the container changes is gone with it.");
        }
        r = cli_parse_users(flags->userns, &users, err);
        if (r == 0)
                r = cli_parse_files(flags->files, &files, err);
        if (r == 0)
                r = execute_choose_files(files, &users, &copied, notice, err);
        if (r == 0)
                r = bounds_parse(&flags->bounds, &bounds, err);
        if (r == 0)
                r = provide_image(store, arguments->items[0], flags, &image, err);
        if (r < 0) {
                store_explain_full(store, err);
                store_abandon(store);
                return r;
        }
        if (*notice)
                fprintf(stderr, "varve: %s\n", notice);
        r = run_image(store, flags, arguments, &image, users, copied, &bounds, ret_status, err);
        stored_image_done(&image);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        _cleanup_(run_flags_done) struct run_flags flags = { .rm = false };
        const struct option_spec options[] = {
                { OPTION_FLAG, 0, "rm", &flags.rm, NULL, "Keep nothing of the container" },
                { OPTION_LIST, 'e', "env", &flags.env, "NAME[=VALUE]",
                  "Set a variable; may be repeated" },
                { OPTION_STRING, 'w', "workdir", &flags.workdir, "DIR",
                  "The working directory (the image's)" },
                { OPTION_STRING, 'u', "user", &flags.user, "USER[:GROUP]",
                  "The user, by name or number (the image's)" },
                { OPTION_STRING, 0, "entrypoint", &flags.entrypoint, "PROGRAM",
                  "Run this instead of the image's entrypoint" },
                { OPTION_STRING, 0, "userns", &flags.userns, "MODE",
                  "auto (the default), ranges (subordinate ids) or single (one id)" },
                { OPTION_STRING, 0, "pull", &flags.pull, "WHEN",
                  "Ask registries for the image: missing (the default), always, newer or never" },
                { OPTION_FLAG, 'q', "quiet", &flags.quiet, NULL, "Show no progress of a pull" },
                FILES_OPTION(&flags.files),
                NETWORK_OPTIONS(&flags.network),
                BOUNDS_OPTIONS(&flags.bounds),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, SIZE_MAX, &arguments,
                       &store, &status))
                return status == EXIT_SUCCESS ? status : CLI_EXIT_USAGE;
        status = CLI_EXIT_USAGE;
        r = run_container(store, &flags, &arguments, &status, &err);
        if (r < 0)
                cli_fail(&err, status);
        store_free(store);
        return status;
}

const struct command cmd_run = {
        .name = "run",
        .arguments = "--rm [OPTIONS] IMAGE [COMMAND [ARGUMENT...]]",
        .summary = "Run a command in a container of an image",
        .details = "An image that the store does not have is pulled.\n\n"
                   "The exit status is the command's, 128 and the number of the signal that ended "
                   "it,\n"
                   "127 when there is no such command, 126 when it cannot be executed, 125 when\n"
                   "varve could not do its part.\n\n"
                   "Examples:\n"
                   "  varve run --rm debian:12 cat /etc/os-release\n"
                   "  varve run --rm -e DEBUG=1 --entrypoint sh app -c env",
        .options_first = true,
        .makes_store = true,
        .run = run,
};
