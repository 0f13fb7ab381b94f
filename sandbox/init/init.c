#include "explain.h"
#include "helper.h"
#include "mounts.h"
#include "tree.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A command killed by signal n ends as a shell tells it. */
#define STATUS_OF_SIGNAL 128

/* What was "/" until now goes, with every mount of the host. */
static int enter_root(int root_fd, struct error *err)
{
        if (fchdir(root_fd) < 0)
                return error_set_errno(err, -errno, "cannot enter the root");
        if (syscall(SYS_pivot_root, ".", ".") == 0) {
                /* Both roots are at "." now, the old one on top. */
                if (umount2(".", MNT_DETACH) < 0)
                        return error_set_errno(err, -errno, "cannot leave the host's root");
        } else if (errno == EINVAL) {
                /* The host runs from its initramfs, which cannot be moved away: cover it. Nobody
                 * inside may unmount, so nobody gets below. */
                if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
                        return error_set_errno(err, -errno, "cannot cover the host's root");
        } else {
                return error_set_errno(err, -errno, "cannot enter the root");
        }
        if (chdir("/") < 0)
                return error_set_errno(err, -errno, "cannot enter the root");
        return 0;
}

static int build(struct helper *helper, struct error *err)
{
        const char *hostname = wire_string(helper->spec, helper->spec->hostname);
        _cleanup_close_ int root_fd = -1;
        struct stat st;
        int r;

        /* A container around may have a filter that allows namespaces and not this (Podman's): the
         * name is then the container's. */
        if (hostname && sethostname(hostname, strlen(hostname)) < 0 && errno != EPERM)
                return error_set_errno(err, -errno, "cannot set the host name %s", hostname);
        /* A keyring that the host's session does not share. A kernel without keys has none to
         * share. */
        syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);

        root_fd = open(HELPER_STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return error_set_errno(err, -errno, "cannot open the root");
        /* The emulation tells by it what is in the root and what is mounted. */
        if (fstat(root_fd, &st) < 0)
                return error_set_errno(err, -errno, "cannot look at the root");
        wire_send_device(WIRE_SOCKET_FD, 0, st.st_dev);
        umask(0);
        r = mounts_add_proc(helper, root_fd, &helper->outer_proc, err);
        if (r == 0)
                r = mounts_add_sys(helper, root_fd, err);
        if (r == 0)
                r = mounts_add_dev(helper, root_fd, err);
        if (r == 0)
                r = mounts_add_terminal(helper, root_fd, err);
        if (r == 0)
                r = mounts_add_extra(helper, root_fd, err);
        if (r == 0 && helper->spec->read_only)
                r = tree_make_read_only(root_fd, "/", false, err);
        return r < 0 ? r : enter_root(root_fd, err);
}

/* The step and init have no use for what leads to the host's files. */
static void close_host(struct helper *helper)
{
        for (int fd = WIRE_ROOT_FD; fd < WIRE_SOURCE_FD + (int)helper->spec->source_count; fd++)
                close(fd);
        if (helper->settings_fd >= 0)
                close(TAKE_FD(helper->settings_fd));
}

/* From here on init needs nothing but to signal whom it forked; unless it is to fork more, who give
 * up by themselves what a command shall not have. */
static void drop_capabilities(const struct wire_spec *spec)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };

        if (spec->executes)
                return;
        data[0].effective = data[0].permitted = 1U << CAP_KILL;
        syscall(SYS_capset, &header, data);
}

/* Takes every child that is over. Returns true once the step is, with its status. */
static bool reap(pid_t step, struct children *children, int *ret_status)
{
        bool over = false;
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                status = WIFSIGNALED(status) ? STATUS_OF_SIGNAL + WTERMSIG(status)
                                             : WEXITSTATUS(status);
                if (pid == step) {
                        over = true;
                        *ret_status = status;
                } else {
                        children_reap(children, pid, status);
                }
        }
        return over;
}

/* Keys of a terminal are meant for all processes in its foreground, and a shell or npm that waits
 * for its child counts on that. The command's session has no terminal, so its group gets them from
 * here. Before it has made its session there is only itself. */
static void pass_on(pid_t step, int signal)
{
        if ((signal != SIGINT && signal != SIGQUIT) || kill(-step, signal) < 0)
                kill(step, signal);
}

/* Does what the caller says. Ends the sandbox when the caller is gone. */
static void obey(const struct helper *helper, pid_t step, struct children *children)
{
        struct wire_message message;
        _cleanup_close_ int fd = -1;

        if (wire_receive(WIRE_SOCKET_FD, &message, &fd) < 0)
                _exit(0);
        if (message.type == WIRE_SIGNAL)
                pass_on(step, message.value);
        else if (helper->spec->executes)
                children_obey(children, helper, &message, fd);
}

/* Waits for the end of the step. Does not return when the caller ends first: with PID 1 all goes.
 */
static int watch(const struct helper *helper, int signal_fd, pid_t step)
{
        struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN },
                                { .fd = WIRE_SOCKET_FD, .events = POLLIN },
                                { .fd = helper->caller_pidfd, .events = POLLIN } };
        struct signalfd_siginfo info;
        struct children children;
        int status = 0;

        children_init(&children);
        for (;;) {
                if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
                        continue;
                if (fds[2].revents)
                        _exit(0);
                if (fds[1].revents)
                        obey(helper, step, &children);
                if (!fds[0].revents || read(signal_fd, &info, sizeof(info)) != sizeof(info))
                        continue;
                if (info.ssi_signo != SIGCHLD)
                        pass_on(step, (int)info.ssi_signo);
                else if (reap(step, &children, &status))
                        return status;
        }
}

/* The step tells why it could not execute the command in memory that it shares: it has no
 * descriptor left to say it through. */
static int run_step(struct helper *helper, struct error *err)
{
        struct error *failure = mmap(NULL, sizeof(*failure), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int signal_fd, status;
        sigset_t signals;
        pid_t step;

        if (failure == MAP_FAILED)
                return error_set_oom(err);
        sigfillset(&signals);
        sigprocmask(SIG_SETMASK, &signals, NULL);
        signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
        if (signal_fd < 0)
                return error_set_errno(err, -errno, "cannot watch for signals");
        step = helper_clone(0);
        if (step < 0)
                return error_set_errno(err, -errno, "cannot fork the command");
        if (step == 0) {
                step_run(helper, &status, failure);
                _exit(status);
        }
        drop_capabilities(helper->spec);
        for (int fd = 0; fd < WIRE_SOCKET_FD; fd++)
                close(fd);
        if (helper->terminal_fd >= 0)
                close(TAKE_FD(helper->terminal_fd));
        status = watch(helper, signal_fd, step);
        if (error_is_set(failure))
                wire_send_error(WIRE_SOCKET_FD, status, failure);
        else
                wire_send(WIRE_SOCKET_FD, WIRE_EXIT, status, -1);
        return 0;
}

int init_run(struct helper *helper, struct error *err)
{
        struct wire_message message;
        int r;

        prctl(PR_SET_DUMPABLE, 0);
        if (wire_receive(WIRE_SOCKET_FD, &message, NULL) < 0 || message.type != WIRE_GO)
                return error_set(err, -ECANCELED, "the caller gave the sandbox up");
        r = build(helper, err);
        if (r < 0)
                return r;
        close_host(helper);
        return run_step(helper, err);
}
