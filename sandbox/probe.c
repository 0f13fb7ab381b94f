#include "sandbox/probe.h"

#include "host.h"
#include "kernel.h"

#include "base/cleanup.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* A trial that takes longer is one that will never end. */
#define TRIAL_TIMEOUT_MS 10000

static void set_good(struct sandbox_fact *fact, const char *detail)
{
        fact->state = SANDBOX_STATE_GOOD;
        snprintf(fact->detail, sizeof(fact->detail), "%s", detail);
}

static void set_bad(struct sandbox_fact *fact, enum sandbox_state state, const char *without,
                    const char *detail, const char *mend)
{
        fact->state = state;
        fact->without = without;
        snprintf(fact->detail, sizeof(fact->detail), "%s", detail);
        snprintf(fact->mend, sizeof(fact->mend), "%s", mend);
}

/* Runs a command over the host's own root, all of it but its output as in a build. */
static int run_trial(const struct sandbox_host *host, struct sandbox_spec *spec,
                     bool *ret_outer_proc, struct error *err)
{
        _cleanup_(cleanup_sandbox) struct sandbox *sandbox = NULL;
        int status, r;

        r = sandbox_start(host, spec, &sandbox, err);
        /* Nobody serves a FUSE here: that it was mounted is what was to be seen. */
        if (r < 0 || spec->root == SANDBOX_ROOT_FUSE)
                return r;
        r = sandbox_go(sandbox, err);
        *ret_outer_proc = r == 0 && sandbox_shows_outer_proc(sandbox);
        if (r == 0)
                r = sandbox_wait(sandbox, TRIAL_TIMEOUT_MS, &status, err);
        if (r == 0 && status != 0)
                r = error_set(err, -EPROTO, "true ended with status %d", status);
        return r;
}

static int try_root(enum sandbox_users users, enum sandbox_root_type root,
                    enum sandbox_network network, bool *ret_outer_proc, struct error *err)
{
        _cleanup_(cleanup_sandbox_host) struct sandbox_host *host = NULL;
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        _cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct strv argv = STRV_INIT, env = STRV_INIT;
        struct sandbox_spec spec = { .root = root,
                                     .root_fd = root_fd,
                                     .argv = &argv,
                                     .env = &env,
                                     .workdir = "/",
                                     .network = network,
                                     .stdio = { null_fd, null_fd, null_fd } };
        int r;

        if (strv_add(&argv, "true") < 0)
                return error_set_oom(err);
        r = sandbox_host_new(users, &host, err);
        if (r == 0)
                r = run_trial(host, &spec, ret_outer_proc, err);
        strv_done(&argv);
        return r;
}

static void probe_namespaces(struct sandbox_fact *fact)
{
        struct error err = ERROR_INIT;
        bool outer_proc = false;

        fact->title = "user namespaces";
        if (try_root(SANDBOX_USERS_SINGLE, SANDBOX_ROOT_DIRECTORY, SANDBOX_NETWORK_HOST,
                     &outer_proc, &err) == 0)
                set_good(fact, "a command runs in namespaces of its own");
        else
                set_bad(fact, SANDBOX_STATE_MISSING,
                        "Images can be imported, loaded, inspected and saved; no RUN step and no "
                        "container runs.",
                        err.message, err.hint);
        if (outer_proc)
                set_bad(fact, SANDBOX_STATE_LIMITED,
                        "Everything works; commands see the processes of the container around "
                        "varve in /proc.",
                        "a command runs in namespaces of its own, but this container hides parts "
                        "of /proc, so there is no other",
                        "Start the container with --security-opt systempaths=unconfined (Podman: "
                        "--security-opt unmask=ALL).");
}

static void probe_fuse(struct sandbox_fact *fact, bool has_namespaces)
{
        static const char without[] =
                "RUN steps and containers run in copies of their files, which "
                "is slower (--fs=copy).";
        struct error err = ERROR_INIT;
        bool ignored;

        fact->title = "/dev/fuse";
        if (try_root(SANDBOX_USERS_SINGLE, SANDBOX_ROOT_FUSE, SANDBOX_NETWORK_HOST, &ignored,
                     &err) == 0)
                set_good(fact, "a FUSE can be mounted in a user namespace");
        else if (has_namespaces)
                set_bad(fact, SANDBOX_STATE_MISSING, without, err.message, err.hint);
        else
                set_bad(fact, SANDBOX_STATE_MISSING, without,
                        "cannot be tried without user namespaces",
                        "Mend the user namespaces first.");
}

static void probe_ranges(struct sandbox_fact *fact, bool has_namespaces)
{
        static const char without[] =
                "Builds map one uid: owners and users are emulated, which needs no set-up.";
        struct error err = ERROR_INIT;
        bool ignored;

        fact->title = "subordinate ids";
        if (!has_namespaces)
                set_bad(fact, SANDBOX_STATE_MISSING, without,
                        "cannot be tried without user namespaces",
                        "Mend the user namespaces first.");
        else if (try_root(SANDBOX_USERS_RANGES, SANDBOX_ROOT_DIRECTORY, SANDBOX_NETWORK_HOST,
                          &ignored, &err) == 0)
                set_good(fact, "ranges of ids are mapped by newuidmap and newgidmap");
        else
                set_bad(fact, SANDBOX_STATE_LIMITED, without, err.message, err.hint);
}

static void probe_notification(struct sandbox_fact *fact)
{
        fact->title = "seccomp user notification";
        if (!kernel_leaves_room_for_marks())
                set_bad(fact, SANDBOX_STATE_LIMITED,
                        "With one uid, owners are recorded, but no program can change its user.",
                        "the hard limit of file locks (ulimit -x) is too low",
                        "Remove the line with \"locks\" from /etc/security/limits.conf.");
        else if (kernel_has_notification() && kernel_has_killable_notification())
                set_good(fact, "owners and users can be emulated");
        else if (kernel_has_notification())
                set_bad(fact, SANDBOX_STATE_LIMITED,
                        "Owners and users are emulated, but a program with a timer of a few "
                        "milliseconds may not get on.",
                        "the kernel interrupts calls that are asked about", "Use Linux 5.19.");
        else
                set_bad(fact, SANDBOX_STATE_LIMITED,
                        "With one uid, chown and setuid succeed without effect: all files of an "
                        "image belong to root. With subordinate ids nothing is missing.",
                        "the kernel cannot hand system calls to another process",
                        "Use Linux 5.6, or have subordinate ids added for this user.");
}

static void probe_tun(struct sandbox_fact *fact)
{
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        struct error err = ERROR_INIT;

        fact->title = "/dev/net/tun";
        if (fd >= 0) {
                set_good(fact, "a tap can be made for a command");
                return;
        }
        error_set_errno(&err, -errno, "cannot open /dev/net/tun");
        set_bad(fact, SANDBOX_STATE_LIMITED,
                "Everything works: a command's network begins with a pair of interfaces instead.",
                err.message,
                err.code == -EACCES ? "sudo chmod 0666 /dev/net/tun" : "sudo modprobe tun");
}

/* Whether the network's program finds its libraries: without an argument it only says so. */
static int try_network_program(struct error *err)
{
        _cleanup_close_ int image = image_open_network(err);
        char name[] = "varve-network", path[64];
        char *argv[] = { name, NULL }, *env[] = { NULL };
        posix_spawn_file_actions_t actions;
        int status = 0, r;
        pid_t pid;

        if (image < 0)
                return image;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        r = -posix_spawn(&pid, path, &actions, NULL, argv, env);
        posix_spawn_file_actions_destroy(&actions);
        if (r < 0)
                return error_set_errno(err, r, "cannot execute the network's program");
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        if (status == 0)
                return 0;
        error_set(err, -ENOENT, "the network's program cannot be loaded");
        return error_hint(err, "sudo apt-get install libslirp0");
}

static void probe_network(struct sandbox_fact *fact, bool has_namespaces, bool has_tun)
{
        static const char without[] = "Commands have the host's network, or none (--network=none).";
        struct error err = ERROR_INIT;
        bool ignored;
        int r;

        fact->title = "network of its own";
        if (!has_namespaces) {
                set_bad(fact, SANDBOX_STATE_MISSING, without,
                        "cannot be tried without user namespaces",
                        "Mend the user namespaces first.");
                return;
        }
        r = try_root(SANDBOX_USERS_SINGLE, SANDBOX_ROOT_DIRECTORY, SANDBOX_NETWORK_PRIVATE,
                     &ignored, &err);
        if (r == 0)
                r = try_network_program(&err);
        if (r == 0)
                set_good(fact, has_tun ? "a command has one, by libslirp on a tap"
                                       : "a command has one, by libslirp on a pair of interfaces");
        else
                set_bad(fact, SANDBOX_STATE_LIMITED, without, err.message, err.hint);
}

static void probe_landlock(struct sandbox_fact *fact)
{
        char detail[64];
        int version = kernel_landlock_version();

        fact->title = "Landlock";
        snprintf(detail, sizeof(detail), "version %d can confine a process", version);
        if (version > 0)
                set_good(fact, detail);
        else
                set_bad(fact, SANDBOX_STATE_LIMITED, "Everything works.",
                        "the kernel has no Landlock, or it is not switched on",
                        "Use Linux 5.13, booted with landlock in the list lsm=.");
}

void sandbox_probe(struct sandbox_facts *ret)
{
        struct sandbox_fact *items = ret->items;
        bool has_namespaces;

        *ret = (struct sandbox_facts){ .items = { { .title = NULL } } };
        probe_namespaces(&items[SANDBOX_FACT_NAMESPACES]);
        has_namespaces = items[SANDBOX_FACT_NAMESPACES].state == SANDBOX_STATE_GOOD;
        probe_fuse(&items[SANDBOX_FACT_FUSE], has_namespaces);
        probe_ranges(&items[SANDBOX_FACT_RANGES], has_namespaces);
        probe_notification(&items[SANDBOX_FACT_NOTIFICATION]);
        probe_tun(&items[SANDBOX_FACT_TUN]);
        probe_network(&items[SANDBOX_FACT_NETWORK], has_namespaces,
                      items[SANDBOX_FACT_TUN].state == SANDBOX_STATE_GOOD);
        probe_landlock(&items[SANDBOX_FACT_LANDLOCK]);
}
