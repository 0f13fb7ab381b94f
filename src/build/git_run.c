/*
 * Running git. A thread of its own sets up what its child inherits: umask, directory and rules of
 * Landlock are those of one thread, and the process keeps its own.
 *
 * What a server sends may be endless, in time or, as git compresses, in size; so git is ended when
 * it takes longer or its directory grows larger than it may.
 */
#include "git.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "remote.h"
#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX  ((size_t)1 << 20)
#define MESSAGE_BYTES_MAX 400u
#define ERRORS_FILE       "errors"
#define CHUNK_BYTES       ((size_t)64 << 10)

/* How often the directory is measured at most; and measuring takes at most one part in that many.
 */
#define MEASURE_MS    500u
#define MEASURE_SHARE 20u

/* A git that is to be started. */
struct launch {
        const struct git_place *place;
        char **argv;
        char **environment;
        int output_fd;
        int errors_fd;
        pid_t pid;
        int r;
        struct error *err;
};

int git_find(struct error *err)
{
        const char *at = getenv("PATH");

        while (at && *at) {
                size_t len = strcspn(at, ":");
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%.*s/git", (int)len, at) < 0) {
                        path = NULL;
                        return error_set_oom(err);
                }
                if (access(path, X_OK) == 0)
                        return 0;
                at += len + (at[len] == ':');
        }
        error_set(err, -ENOENT, "there is no program git, which repositories are got with");
        return error_hint(err, "Install git.");
}

/* ---- the environment ---- */

static int pass_on(struct strv *environment)
{
        static const char *const names[] = { "PATH",        "http_proxy", "https_proxy",
                                             "no_proxy",    "all_proxy",  "HTTP_PROXY",
                                             "HTTPS_PROXY", "NO_PROXY",   "ALL_PROXY" };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++) {
                const char *value = getenv(names[i]);

                if (value)
                        r = strv_addf(environment, "%s=%s", names[i], value);
        }
        return r;
}

static int make_environment(const struct git_place *place, struct strv *ret)
{
        static const char *const fixed[] = {
                "LC_ALL=C",
                "HOME=/dev/null",
                "GIT_CONFIG_NOSYSTEM=1",
                "GIT_CONFIG_GLOBAL=/dev/null",
                "GIT_ATTR_NOSYSTEM=1",
                "GIT_TERMINAL_PROMPT=0",
                "GIT_TEMPLATE_DIR=",
                "GIT_OPTIONAL_LOCKS=0",
                /* Keys are the agent's; ssh's own settings could name programs. */
                "GIT_SSH_COMMAND=ssh -F none -o BatchMode=yes -o IdentityFile=none",
        };
        bool encrypted = strncmp(place->remote, "https:", strlen("https:")) == 0;
        int r = pass_on(ret);

        for (size_t i = 0; i < ARRAY_SIZE(fixed) && r == 0; i++)
                r = strv_add(ret, fixed[i]);
        /* Neither files of the host nor programs, and no redirect from https to where anybody
         * listens. */
        if (r == 0)
                r = strv_addf(ret, "GIT_ALLOW_PROTOCOL=https:ssh%s",
                              encrypted && !place->submodules ? "" : ":http:git");
        if (r == 0 && place->agent)
                r = strv_addf(ret, "SSH_AUTH_SOCK=%s", place->agent);
        return r;
}

static int make_arguments(const struct git_place *place, const struct strv *arguments,
                          struct strv *ret)
{
        static const char *const settings[] = {
                "core.hooksPath=/dev/null",  "core.fsmonitor=false",      "gc.auto=0",
                "maintenance.auto=false",    "http.lowSpeedLimit=1",      "http.lowSpeedTime=60",
                "advice.detachedHead=false", "init.defaultBranch=master",
        };
        int r = strv_add(ret, "git");

        for (size_t i = 0; i < ARRAY_SIZE(settings) && r == 0; i++) {
                r = strv_add(ret, "-c");
                if (r == 0)
                        r = strv_add(ret, settings[i]);
        }
        /* Submodules may be named relative to it. */
        if (r == 0)
                r = strv_add(ret, "-c");
        if (r == 0)
                r = strv_addf(ret, "remote.origin.url=%s", place->remote);
        if (r == 0)
                r = strv_addf(ret, "--git-dir=%s", place->git_dir);
        if (r == 0)
                r = strv_add(ret, "--work-tree=.");
        return r < 0 ? r : strv_extend(ret, arguments);
}

/* ---- starting it ---- */

/* All can be read and executed, and but for what it makes nothing written. */
static int confine(const struct git_place *place, struct error *err)
{
        _cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int null_fd = open("/dev/null", O_PATH | O_CLOEXEC);
        const struct confine_path paths[] = {
                { .fd = root_fd, .executable = true },
                { .fd = null_fd, .writable = true },
                { .fd = place->dir_fd, .writable = true },
        };

        if (root_fd < 0 || null_fd < 0)
                return error_set_errno(err, -errno, "cannot open / and /dev/null");
        return confine_thread(paths, ARRAY_SIZE(paths), true, err);
}

static int spawn(struct launch *launch)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, pipe;
        int r;

        sigemptyset(&none);
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, launch->output_fd, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, launch->errors_fd, STDERR_FILENO);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &pipe);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = -posix_spawnp(&launch->pid, "git", &actions, &attributes, launch->argv,
                          launch->environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return r < 0 ? error_set_errno(launch->err, r, "cannot run git") : 0;
}

static void *launch_thread(void *context)
{
        struct launch *launch = context;

        if (unshare(CLONE_FS) < 0 || fchdir(launch->place->tree_fd) < 0) {
                launch->r = error_set_errno(launch->err, -errno, "cannot prepare for git");
                return NULL;
        }
        umask(022);
        launch->r = confine(launch->place, launch->err);
        if (launch->r >= 0)
                launch->r = spawn(launch);
        return NULL;
}

static int start(struct launch *launch, struct error *err)
{
        pthread_t thread;
        int r = -pthread_create(&thread, NULL, launch_thread, launch);

        if (r < 0)
                return error_set_errno(err, r, "cannot start a thread");
        pthread_join(thread, NULL);
        return launch->r;
}

/* ---- what it says ---- */

/* The last lines, in one; the remote, which may have a password, as people may see it. */
static int tell_failure(const struct git_place *place, int errors_fd, struct error *err)
{
        _cleanup_free_ char *shown = remote_show(place->remote);
        _cleanup_(buf_done) struct buf clean = BUF_INIT;
        char text[MESSAGE_BYTES_MAX + 1];
        off_t size = lseek(errors_fd, 0, SEEK_END);
        off_t begin = size > (off_t)MESSAGE_BYTES_MAX ? size - (off_t)MESSAGE_BYTES_MAX : 0;
        ssize_t n = io_pread(errors_fd, text, MESSAGE_BYTES_MAX, begin);
        const char *at = text, *found;

        text[n > 0 ? n : 0] = '\0';
        if (!shown)
                return error_set_oom(err);
        while ((found = strstr(at, place->remote))) {
                buf_append(&clean, at, (size_t)(found - at));
                buf_append_str(&clean, shown);
                at = found + strlen(place->remote);
        }
        if (buf_append_str(&clean, at) < 0)
                return error_set_oom(err);
        for (size_t i = 0; i < clean.len; i++)
                if ((unsigned char)clean.data[i] < ' ')
                        clean.data[i] = ' ';
        while (clean.len > 0 && clean.data[clean.len - 1] == ' ')
                clean.data[--clean.len] = '\0';
        return error_set(err, -EIO, "git: %s", clean.len > 0 ? clean.data : "it has failed");
}

static int wait_for(pid_t pid)
{
        int status = 0;

        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* ---- its bounds ---- */

/* The bytes that all files below a directory take. Files come and go meanwhile. */
static uint64_t measure(int dir_fd)
{
        char path[64], *paths[] = { path, NULL };
        uint64_t bytes = 0;
        FTSENT *entry;
        FTS *fts;

        snprintf(path, sizeof(path), "/proc/self/fd/%d/", dir_fd);
        fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        while (fts && (entry = fts_read(fts)))
                if (entry->fts_info == FTS_F || entry->fts_info == FTS_D)
                        bytes += (uint64_t)entry->fts_statp->st_blocks * 512;
        if (fts)
                fts_close(fts);
        return bytes;
}

struct watch {
        const struct git_place *place;
        uint64_t end_ns;
        uint64_t measure_ns; /* when it is measured next */
};

static int check_bounds(struct watch *watch, struct error *err)
{
        uint64_t now = clock_monotonic_ns(), took;

        if (now >= watch->end_ns)
                return error_set(err, -ETIME, "git takes longer than %u seconds",
                                 watch->place->seconds_max);
        if (now < watch->measure_ns)
                return 0;
        if (measure(watch->place->dir_fd) > watch->place->bytes_max)
                return error_set(err, -EFBIG, "it takes more than %llu MiB",
                                 (unsigned long long)(watch->place->bytes_max >> 20));
        took = clock_monotonic_ns() - now;
        watch->measure_ns = now + took * MEASURE_SHARE + (uint64_t)MEASURE_MS * 1000000;
        return 0;
}

/* Takes what git prints until it closes its output. */
static int listen_to(const struct git_place *place, int output_fd, struct buf *ret,
                     struct error *err)
{
        uint64_t now = clock_monotonic_ns();
        struct watch watch = {
                .place = place,
                .end_ns = now + (uint64_t)place->seconds_max * 1000000000,
                .measure_ns = now + (uint64_t)MEASURE_MS * 1000000,
        };
        size_t begin = ret->len;

        for (;;) {
                struct pollfd poll_fd = { .fd = output_fd, .events = POLLIN };
                int r = poll(&poll_fd, 1, MEASURE_MS);
                ssize_t n;

                if (r < 0 && errno != EINTR)
                        return error_set_errno(err, -errno, "cannot wait for git");
                if (r <= 0) {
                        r = check_bounds(&watch, err);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (buf_reserve(ret, CHUNK_BYTES) < 0)
                        return error_set_oom(err);
                do
                        n = read(output_fd, ret->data + ret->len, CHUNK_BYTES - 1);
                while (n < 0 && errno == EINTR);
                if (n <= 0)
                        return n < 0 ? error_set_errno(err, -errno, "cannot read from git") : 0;
                ret->data[ret->len += (size_t)n] = '\0';
                if (ret->len - begin > ANSWER_BYTES_MAX)
                        return error_set(err, -EFBIG, "git prints more than %zu bytes",
                                         ANSWER_BYTES_MAX);
        }
}

static int run(struct launch *launch, struct buf *ret, struct error *err)
{
        _cleanup_close_ int output_fd = -1;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot make a pipe");
        output_fd = fds[0];
        launch->output_fd = fds[1];
        r = start(launch, err);
        close(fds[1]);
        if (r < 0)
                return r;
        r = listen_to(launch->place, output_fd, ret, err);
        if (r < 0)
                kill(launch->pid, SIGTERM);
        if (wait_for(launch->pid) == 0 || r < 0)
                return r;
        return tell_failure(launch->place, launch->errors_fd, err);
}

int git_run(const struct git_place *place, const struct strv *arguments, struct buf *ret,
            struct error *err)
{
        struct strv all = STRV_INIT, environment = STRV_INIT;
        struct launch launch = { .place = place, .err = err };
        _cleanup_close_ int errors_fd =
                openat(place->dir_fd, ERRORS_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int r;

        if (errors_fd < 0)
                return error_set_errno(err, -errno, "cannot write to the store");
        launch.errors_fd = errors_fd;
        r = make_arguments(place, arguments, &all);
        if (r == 0)
                r = make_environment(place, &environment);
        launch.argv = all.items;
        launch.environment = environment.items;
        r = r < 0 ? error_set_oom(err) : run(&launch, ret, err);
        strv_done(&all);
        strv_done(&environment);
        return r;
}
