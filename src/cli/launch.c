#include "launch.h"
#include "log.h"

#include "base/cleanup.h"
#include "bounds.h"
#include "build/network.h"
#include "container/capabilities.h"
#include "container/channel.h"
#include "container/keep.h"
#include "network_flags.h"
#include "streams.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what the spec says ---- */

struct parsed {
        struct execution_bounds bounds;
        struct network_options network;
        enum sandbox_users users;
        enum execution_files files;
};

static int parse_spec(const struct container_spec *spec, bool for_use, struct parsed *ret,
                      struct error *err)
{
        /* The lists are borrowed. */
        const struct bounds_flags bounds = { .ulimits = spec->ulimits,
                                             .security = spec->security,
                                             .shm_size = spec->shm_size,
                                             .memory = for_use ? spec->memory : NULL,
                                             .cpus = for_use ? spec->cpus : NULL,
                                             .timeout = spec->timeout };
        const struct network_flags network = { .mode = spec->network,
                                               .hosts = spec->hosts,
                                               .dns = spec->dns };
        int r;

        *ret = (struct parsed){ .bounds.cgroup.fd = -1 };
        r = cli_parse_users(spec->users, &ret->users, err);
        if (r == 0)
                r = cli_parse_files(spec->files, &ret->files, err);
        if (r == 0)
                r = bounds_parse(&bounds, &ret->bounds, err);
        if (r == 0)
                r = network_flags_parse(&network, &ret->network, err);
        return r;
}

int launch_check(const struct container_spec *spec, struct error *err)
{
        struct parsed parsed;
        uint64_t add, drop;
        int r = parse_spec(spec, false, &parsed, err);

        if (r == 0)
                r = capabilities_parse(&spec->add_capabilities, &spec->drop_capabilities, &add,
                                       &drop, err);
        if (r == 0 && spec->ports.count > 0 && parsed.network.mode == SANDBOX_NETWORK_HOST)
                log_print(LOG_LEVEL_WARNING,
                          "Published ports are discarded when using host network mode");
        else if (r == 0 && spec->ports.count > 0 && parsed.network.mode != SANDBOX_NETWORK_PRIVATE)
                r = error_set(err, -EOPNOTSUPP,
                              "-p needs the private network, and --network=%s was given",
                              spec->network);
        network_options_done(&parsed.network);
        return r;
}

int launch_has_owners(const struct container_spec *spec, bool *ret, struct error *err)
{
        _cleanup_(cleanup_sandbox_host) struct sandbox_host *host = NULL;
        char notice[EXECUTE_NOTICE_MAX] = "";
        struct parsed parsed;
        bool copied;
        int r = parse_spec(spec, false, &parsed, err);

        if (r == 0)
                r = execute_choose_files(parsed.files, &parsed.users, &copied, notice, err);
        if (r == 0)
                r = sandbox_host_new(parsed.users, &host, err);
        network_options_done(&parsed.network);
        if (r == 0)
                *ret = sandbox_host_users(host) == SANDBOX_USERS_RANGES;
        return r;
}

/* Tells who waits for it that it has come to nothing. */
static void give_up(struct store *store, struct store_lock *lock, int client_fd,
                    const struct error *err)
{
        const struct channel_end end = { .status = CLI_EXIT_USAGE, .err = *err };

        store_lock_release(store, lock);
        if (client_fd >= 0)
                channel_send(client_fd, CHANNEL_END, &end, sizeof(end), NULL, 0);
}

static int keep(struct store *store, struct container *container, const struct keep_options *given,
                int *ret_status, struct error *err)
{
        struct keep_options options = *given;
        _cleanup_(cleanup_sandbox_host) struct sandbox_host *host = NULL;
        struct container_spec *spec = &container->spec;
        struct store_lock lock = STORE_LOCK_INIT;
        char notice[EXECUTE_NOTICE_MAX] = "";
        struct parsed parsed = { .bounds.cgroup.fd = -1 };
        int r = container_lock(store, container, false, &lock, err);

        if (r == -EAGAIN)
                error_set(err, -EALREADY, "the container %s is running already", spec->name);
        if (r == 0)
                r = parse_spec(spec, true, &parsed, err);
        if (r == 0)
                r = execute_choose_files(parsed.files, &parsed.users, &options.copied, notice, err);
        if (r == 0)
                r = sandbox_host_new(parsed.users, &host, err);
        if (r == 0 && *notice)
                log_print(LOG_LEVEL_WARNING, "%s", notice);
        if (parsed.network.mode == SANDBOX_NETWORK_HOST)
                strv_done(&spec->ports);
        options.host = host;
        options.network = &parsed.network;
        options.bounds = &parsed.bounds;
        if (r == 0)
                r = container_keep(store, container, &lock, &options, ret_status, err);
        else
                give_up(store, &lock, options.client_fd, err);
        network_options_done(&parsed.network);
        return r;
}

/* ---- in this process ---- */

static const int passed_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

struct signals {
        sigset_t set;
        pthread_mutex_t lock;
        struct execution_live *live; /* NULL: there is nobody to pass them on to */
        int pending;                 /* one that came before there was, or 0 */
        bool began;
        pthread_t thread;
};

static void *pass_signals(void *userdata)
{
        struct signals *signals = userdata;
        int number;

        while (sigwait(&signals->set, &number) == 0 && number != SIGALRM) {
                pthread_mutex_lock(&signals->lock);
                if (signals->live)
                        execution_signal(signals->live, number);
                else if (!signals->began)
                        signals->pending = number;
                pthread_mutex_unlock(&signals->lock);
        }
        return NULL;
}

static void note_live(void *context, struct execution_live *live)
{
        struct signals *signals = context;

        pthread_mutex_lock(&signals->lock);
        signals->live = live;
        signals->began |= live != NULL;
        if (live && signals->pending)
                execution_signal(live, signals->pending);
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

/* The command gets what the caller has, as far as nothing is to be logged of it. */
static int keep_with_streams(struct store *store, struct container *container,
                             struct keep_options *options, int *ret_status, struct error *err)
{
        const struct container_spec *spec = &container->spec;
        struct streams streams = STREAMS_INIT;
        struct error failure = ERROR_INIT;
        int status = *ret_status, r, closed;

        r = streams_open(&streams, spec->open_stdin, spec->remove, err);
        if (spec->open_stdin)
                options->stdio[STDIN_FILENO] = streams.stdio[STDIN_FILENO];
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
                if (spec->remove)
                        options->stdio[fd] = streams.stdio[fd];
                else
                        options->local_fds[fd - 1] = fd;
        }
        if (r == 0)
                r = keep(store, container, options, &status, err);
        closed = streams_close(&streams, &failure);
        if (r == 0 && closed < 0) {
                *err = failure;
                return closed;
        }
        *ret_status = status;
        return r;
}

int launch_here(struct store *store, struct container *container, int *ret_status,
                struct error *err)
{
        struct signals signals = { .live = NULL };
        struct keep_options options = { .stdio = { -1, -1, -1 },
                                        .local_fds = { -1, -1 },
                                        .client_fd = -1,
                                        .started = note_live,
                                        .notice = log_notice,
                                        .context = &signals };
        int r = begin_signals(&signals, err);

        if (r < 0)
                return r;
        r = keep_with_streams(store, container, &options, ret_status, err);
        end_signals(&signals);
        /* One that went to the whole group ended what was setting up the sandbox. */
        if (r < 0 && !signals.began && signals.pending) {
                *err = ERROR_INIT;
                *ret_status = 128 + signals.pending;
                return 0;
        }
        return r;
}

/* ---- in a process of its own ---- */

/* Once it runs nobody reads what it says. */
static void leave_streams(void *context, struct execution_live *live)
{
        const int *null_fd = context;

        if (live)
                dup2(*null_fd, STDERR_FILENO);
}

/* A descriptor that somebody has left open for varve - a lock, the end of a pipe - is not held on
 * to for as long as the container runs. All that are varve's own close at an execve(). */
static void close_inherited(void)
{
        struct dirent *entry;
        DIR *dir = opendir("/proc/self/fd");

        while (dir && (entry = readdir(dir))) {
                int fd = atoi(entry->d_name), flags = fcntl(fd, F_GETFD);

                if (fd > STDERR_FILENO && flags >= 0 && !(flags & FD_CLOEXEC))
                        close(fd);
        }
        if (dir)
                closedir(dir);
}

/*
 * What the command line said - variables with passwords, perhaps - is not for everybody to read in
 * /proc for as long as the container runs. It lies where the 48th and 49th field of stat say
 * (proc(5)), and nothing of it is needed any more.
 */
static void rename_process(const char *name)
{
        _cleanup_fclose_ FILE *file = fopen("/proc/self/stat", "re");
        unsigned long long begin = 0, end = 0;
        char line[2048], *at;
        size_t room;

        at = file && fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
        /* The second field has just ended. */
        for (int field = 3; at && field <= 49; field++) {
                at = strchr(at + 1, ' ');
                if (at && field == 48)
                        begin = strtoull(at, NULL, 10);
                else if (at && field == 49)
                        end = strtoull(at, NULL, 10);
        }
        if (begin == 0 || end <= begin)
                return;
        room = (size_t)(end - begin);
        at = (char *)(uintptr_t)begin;
        memset(at, 0, room);
        snprintf(at, room, "varve: container %s", name);
}

static _Noreturn void run_apart(struct store *store, struct container *container,
                                const struct keep_options *options)
{
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), status = CLI_EXIT_USAGE;
        struct keep_options apart = *options;
        struct error err = ERROR_INIT;

        setsid();
        close_inherited();
        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        dup2(null_fd, STDIN_FILENO);
        dup2(null_fd, STDOUT_FILENO);
        prctl(PR_SET_NAME, "varve-keeper");
        rename_process(container->spec.name);
        apart.context = &null_fd;
        keep(store, container, &apart, &status, &err);
        store_leave(store);
        _exit(0);
}

void launch_pass_signal(void *userdata, int number)
{
        struct container *container = userdata;
        struct error ignored = ERROR_INIT;
        char text[16];

        snprintf(text, sizeof(text), "%d", number);
        channel_ask(container->dir_fd, CHANNEL_SIGNAL, text, &ignored);
}

int launch_apart(struct store *store, struct container *container, const struct launch *launch,
                 int *ret_status, struct error *err)
{
        struct keep_options options = { .stdio = { -1, -1, -1 },
                                        .local_fds = { -1, -1 },
                                        .started = leave_streams,
                                        .notice = log_notice };
        struct attachment attachment = { .terminal_fd = -1,
                                         .terminal = container->spec.terminal,
                                         .input = launch->attach && launch->input,
                                         .until_started = !launch->attach,
                                         .keys = launch->keys,
                                         .signal = launch->attach ? launch_pass_signal : NULL,
                                         .context = container };
        int sockets[2], r;
        pid_t pid;

        terminal_size(&options.rows, &options.columns);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_set_errno(err, -errno, "cannot make a socket");
        fflush(stdout);
        pid = fork();
        if (pid < 0) {
                r = error_set_errno(err, -errno, "cannot start a process");
                close(sockets[0]);
                close(sockets[1]);
                return r;
        }
        if (pid == 0) {
                close(sockets[0]);
                options.client_fd = sockets[1];
                run_apart(store, container, &options);
        }
        close(sockets[1]);
        attachment.channel_fd = sockets[0];
        r = attachment_run(&attachment, ret_status, err);
        close(sockets[0]);
        return r == -ECANCELED && !launch->attach ? 0 : r;
}
