#include "sandbox/sandbox.h"

#include "host.h"
#include "network_program.h"
#include "wire.h"

#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The helper's descriptors, and its program. */
#define DESCRIPTORS_MAX (WIRE_SOURCE_FD + SANDBOX_MOUNTS_MAX + 1)

struct sandbox {
        int socket;     /* to whatever stage of the helper runs */
        int fuse_fd;    /* -1 once taken */
        int *mount_fds; /* owned; of each mount: likewise */
        size_t mount_count;
        int listener_fd; /* -1 once taken */
        int terminal_fd; /* likewise */
        void (*on_child)(void *context, const struct sandbox_child_event *event); /* or NULL */
        void *child_context;
        pid_t mapper; /* children of this process, 0 once they are waited for */
        pid_t builder;
        pid_t init;
        pid_t network;
        int network_status; /* as waitpid(2) has it, of one that ended before the sandbox; else 0 */
        dev_t *devices;     /* owned; of the root, and of each mount, or 0 */
        bool outer_proc;    /* /proc is that of a container around */
        const struct sandbox_cgroup *cgroup; /* borrowed, or NULL */
        char cgroup_name[CGROUP_NAME_MAX];   /* empty where there is none */
        pthread_mutex_t lock; /* of `init`: no signal is sent to a number that was reaped */
};

/* The memory that the helper reads its specification from. */
static int write_spec(const struct buf *spec, struct error *err)
{
        _cleanup_close_ int fd = -1;
        int r;

        fd = memfd_create("varve-specification", MFD_CLOEXEC);
        if (fd < 0)
                return error_set_errno(err, -errno, "cannot make the sandbox's specification");
        r = io_write(fd, spec->data, spec->len);
        if (r < 0)
                return error_set_errno(err, r, "cannot write the sandbox's specification");
        return TAKE_FD(fd);
}

/* Copies descriptors to numbers that the helper does not begin with. On an error there are none. */
static int copy_aside(const int *fds, size_t count, int *ret, struct error *err)
{
        for (size_t i = 0; i < count; i++) {
                int r;

                ret[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)count);
                if (ret[i] >= 0)
                        continue;
                r = error_set_errno(err, -errno, "cannot pass descriptor %d on", fds[i]);
                while (i > 0)
                        close(ret[--i]);
                return r;
        }
        return 0;
}

/* Starts the helper; it has all but the last of these descriptors as 0, 1, 2 and so on. The last is
 * the program itself. */
static int spawn_helper(const int *fds, size_t count, pid_t *ret, struct error *err)
{
        char name[] = "varve-sandbox", image[64];
        char *argv[] = { name, NULL }, *env[] = { NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attr;
        int copies[DESCRIPTORS_MAX];
        sigset_t signals;
        int r;

        r = copy_aside(fds, count, copies, err);
        if (r < 0)
                return r;
        posix_spawnattr_init(&attr);
        sigfillset(&signals);
        posix_spawnattr_setsigdefault(&attr, &signals);
        sigemptyset(&signals);
        posix_spawnattr_setsigmask(&attr, &signals);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        posix_spawn_file_actions_init(&actions);
        for (size_t i = 0; i < count - 1; i++)
                posix_spawn_file_actions_adddup2(&actions, copies[i], (int)i);
        snprintf(image, sizeof(image), "/proc/self/fd/%d", copies[count - 1]);
        r = posix_spawn(ret, image, &actions, &attr, argv, env);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attr);
        for (size_t i = 0; i < count; i++)
                close(copies[i]);
        return r == 0 ? 0 : error_set_errno(err, -r, "cannot execute the sandbox's program");
}

/* A directory of the host's, in the hands of the command, is a way to all that lies around it. */
static int check_stdio(const struct sandbox_spec *spec, struct error *err)
{
        for (size_t i = 0; i < ARRAY_SIZE(spec->stdio); i++) {
                struct stat st;

                if (fstat(spec->stdio[i], &st) < 0)
                        return error_set_errno(err, -errno, "cannot pass descriptor %d on",
                                               spec->stdio[i]);
                if (S_ISDIR(st.st_mode))
                        return error_set(err, -EISDIR,
                                         "descriptor %zu of the command is a directory", i);
        }
        return 0;
}

static int spawn(const struct sandbox_host *host, const struct sandbox_spec *spec, int socket,
                 pid_t *ret, struct error *err)
{
        int fds[DESCRIPTORS_MAX];
        _cleanup_close_ int spec_fd = -1;
        struct buf block = BUF_INIT;
        size_t sources;
        int r;

        r = check_stdio(spec, err);
        if (r < 0)
                return r;
        r = spec_write(host, spec, 0, &block, fds + WIRE_SOURCE_FD, &sources, err);
        if (r == 0)
                r = write_spec(&block, err);
        buf_done(&block);
        if (r < 0)
                return r;
        spec_fd = r;
        memcpy(fds, spec->stdio, sizeof(spec->stdio));
        fds[WIRE_SOCKET_FD] = socket;
        fds[WIRE_SPEC_FD] = spec_fd;
        fds[WIRE_ROOT_FD] = spec->root == SANDBOX_ROOT_DIRECTORY ? spec->root_fd : spec_fd;
        fds[WIRE_NETWORK_FD] = host->network_image_fd;
        for (size_t i = 0; i < sources; i++)
                if (fds[WIRE_SOURCE_FD + i] < 0)
                        fds[WIRE_SOURCE_FD + i] = spec_fd;
        fds[WIRE_SOURCE_FD + sources] = host->image_fd;
        return spawn_helper(fds, WIRE_SOURCE_FD + sources + 1, ret, err);
}

/* Receives the next message. What ends the helper becomes the error. */
static int receive(struct sandbox *sandbox, struct wire_message *ret, int *ret_fd,
                   struct error *err)
{
        int r = wire_receive(sandbox->socket, ret, ret_fd);

        if (r == -EPIPE)
                return error_set(err, -ECHILD, "the sandbox was killed");
        if (r < 0)
                return error_set_errno(err, r, "cannot hear of the sandbox");
        if (ret->type == WIRE_ERROR) {
                *err = ret->error;
                return err->code;
        }
        return 0;
}

static void wait_for_child(pid_t *pid)
{
        if (*pid == 0)
                return;
        while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        *pid = 0;
}

/* Waits for PID 1, without whom there is no process left. */
static void wait_for_init(struct sandbox *sandbox)
{
        siginfo_t info;

        if (sandbox->init == 0)
                return;
        while (waitid(P_PID, (id_t)sandbox->init, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
                continue;
        pthread_mutex_lock(&sandbox->lock);
        wait_for_child(&sandbox->init);
        pthread_mutex_unlock(&sandbox->lock);
}

static void *reap_network(void *userdata)
{
        pid_t pid = (pid_t)(intptr_t)userdata;

        wait_for_child(&pid);
        return NULL;
}

/*
 * Ends the network's process. With it goes the sandbox's interface, for which the kernel takes 5 to
 * 30 ms: nobody waits for that but a thread.
 */
static void end_network(struct sandbox *sandbox)
{
        pthread_attr_t detached;
        pthread_t thread;
        int status;

        if (sandbox->network == 0)
                return;
        if (waitpid(sandbox->network, &status, WNOHANG) == sandbox->network) {
                sandbox->network_status = status;
                sandbox->network = 0;
                return;
        }
        kill(sandbox->network, SIGKILL);
        pthread_attr_init(&detached);
        pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
        if (pthread_create(&thread, &detached, reap_network, (void *)(intptr_t)sandbox->network) ==
            0)
                sandbox->network = 0;
        pthread_attr_destroy(&detached);
        wait_for_child(&sandbox->network);
}

/* Keeps a descriptor that came with a message: of the root, or of the mount with this number. */
static void keep_fuse_fd(struct sandbox *sandbox, int32_t number, int fd)
{
        int *place = &sandbox->fuse_fd;

        if (number > 0 && (size_t)number <= sandbox->mount_count)
                place = &sandbox->mount_fds[number - 1];
        if (*place >= 0)
                close(*place);
        *place = fd;
}

/* Hears of the builder and of PID 1, and gets the descriptors of the FUSEs between the two. */
static int receive_root(struct sandbox *sandbox, struct error *err)
{
        struct wire_message message;
        int fd = -1, r;

        while (sandbox->init == 0) {
                r = receive(sandbox, &message, &fd, err);
                if (r < 0)
                        return r;
                if (fd >= 0)
                        keep_fuse_fd(sandbox, message.value, fd);
                if (message.type == WIRE_BUILDER)
                        sandbox->builder = message.value;
                else if (message.type == WIRE_NETWORK)
                        sandbox->network = message.value;
                else if (message.type == WIRE_INIT)
                        sandbox->init = message.value;
        }
        return 0;
}

int sandbox_start(const struct sandbox_host *host, const struct sandbox_spec *spec,
                  struct sandbox **ret, struct error *err)
{
        _cleanup_(cleanup_sandbox) struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
        _cleanup_close_ int theirs = -1;
        int sockets[2], r;

        if (!sandbox)
                return error_set_oom(err);
        sandbox->socket = sandbox->fuse_fd = sandbox->listener_fd = sandbox->terminal_fd = -1;
        pthread_mutex_init(&sandbox->lock, NULL);
        sandbox->mount_fds = calloc(spec->mount_count + 1, sizeof(*sandbox->mount_fds));
        sandbox->devices = calloc(spec->mount_count + 1, sizeof(*sandbox->devices));
        if (!sandbox->mount_fds || !sandbox->devices)
                return error_set_oom(err);
        for (; sandbox->mount_count < spec->mount_count; sandbox->mount_count++)
                sandbox->mount_fds[sandbox->mount_count] = -1;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_set_errno(err, -errno, "cannot make a socket");
        sandbox->socket = sockets[0];
        theirs = sockets[1];
        r = spawn(host, spec, theirs, &sandbox->mapper, err);
        close(TAKE_FD(theirs));
        if (r == 0)
                r = receive_root(sandbox, err);
        if (r == 0 && spec->cgroup) {
                sandbox->cgroup = spec->cgroup;
                r = cgroup_add(spec->cgroup, sandbox->init, sandbox->cgroup_name, err);
        }
        if (r < 0)
                return error_wrap(err, "cannot make the sandbox");
        *ret = TAKE_PTR(sandbox);
        return 0;
}

int sandbox_take_fuse_fd(struct sandbox *sandbox)
{
        return TAKE_FD(sandbox->fuse_fd);
}

int sandbox_take_mount_fd(struct sandbox *sandbox, size_t index)
{
        return TAKE_FD(sandbox->mount_fds[index]);
}

static void keep_device(struct sandbox *sandbox, const struct wire_message *message)
{
        if (message->value >= 0 && (size_t)message->value <= sandbox->mount_count)
                sandbox->devices[message->value] = message->device;
}

int sandbox_go(struct sandbox *sandbox, struct error *err)
{
        struct wire_message message;
        int r;

        wire_send(sandbox->socket, WIRE_GO, 0, -1);
        do {
                int fd = -1;

                r = receive(sandbox, &message, &fd, err);
                if (r == 0 && message.type == WIRE_DEVICE)
                        keep_device(sandbox, &message);
                if (r == 0 && message.type == WIRE_TERMINAL)
                        sandbox->terminal_fd = fd;
                else if (r == 0 && message.type == WIRE_RUNNING)
                        sandbox->listener_fd = fd;
                else if (fd >= 0)
                        close(fd);
        } while (r == 0 && (message.type == WIRE_DEVICE || message.type == WIRE_TERMINAL));
        if (r == 0 && message.type != WIRE_RUNNING)
                r = error_set(err, -EBADMSG, "an unexpected message");
        sandbox->outer_proc = r == 0 && message.value;
        wait_for_child(&sandbox->mapper);
        wait_for_child(&sandbox->builder);
        return r < 0 ? error_wrap(err, "cannot complete the sandbox") : 0;
}

int sandbox_take_listener_fd(struct sandbox *sandbox)
{
        return TAKE_FD(sandbox->listener_fd);
}

int sandbox_take_terminal_fd(struct sandbox *sandbox)
{
        return TAKE_FD(sandbox->terminal_fd);
}

bool sandbox_shows_outer_proc(const struct sandbox *sandbox)
{
        return sandbox->outer_proc;
}

static const char *explain_status(int status)
{
        switch (status) {
        case PROGRAM_CANNOT_CONFINE:
                return "it could not confine itself";
        case PROGRAM_CANNOT_START:
                return "it could not start libslirp";
        case PROGRAM_LINK_FAILED:
                return "it could not read from the sandbox";
        case PROGRAM_PORT_TAKEN:
                return "a port of the host could not be listened on";
        case PROGRAM_NOT_LOADED:
                return "it could not be loaded (is the library libslirp installed?)";
        default:
                return "it has exited by itself";
        }
}

bool sandbox_lost_network(const struct sandbox *sandbox, struct error *err)
{
        const int status = sandbox->network_status;

        if (status == 0)
                return false;
        if (WIFSIGNALED(status))
                error_set(err, -ENETDOWN, "the network's process was ended by signal %d (SIG%s)",
                          WTERMSIG(status), sigabbrev_np(WTERMSIG(status)) ?: "?");
        else
                error_set(err, -ENETDOWN, "the network's process has failed: %s",
                          explain_status(WEXITSTATUS(status)));
        return true;
}

dev_t sandbox_device(const struct sandbox *sandbox, size_t number)
{
        return sandbox->devices[number];
}

/* Waits until there is a message. Returns 0 or -ETIMEDOUT. */
static int wait_for_message(struct sandbox *sandbox, int timeout_ms)
{
        uint64_t begin = clock_monotonic_ns();
        struct pollfd fd = { .fd = sandbox->socket, .events = POLLIN };
        int left_ms = timeout_ms;

        for (;;) {
                int r = poll(&fd, 1, left_ms);

                if (r > 0)
                        return 0;
                if (timeout_ms < 0)
                        continue;
                left_ms = timeout_ms - (int)((clock_monotonic_ns() - begin) / 1000000);
                if (r == 0 || left_ms <= 0)
                        return -ETIMEDOUT;
        }
}

/* Passes on what is said of a child. Returns false for any other message. */
static bool tell_child(const struct sandbox *sandbox, const struct wire_message *message, int fd)
{
        struct sandbox_child_event event = { .number = (uint32_t)message->child,
                                             .fd = fd,
                                             .status = message->value };

        if (message->child == 0)
                return false;
        event.state = message->type == WIRE_TERMINAL        ? SANDBOX_CHILD_TERMINAL
                      : message->type == WIRE_CHILD_RUNNING ? SANDBOX_CHILD_RUNNING
                                                            : SANDBOX_CHILD_ENDED;
        if (message->type == WIRE_CHILD_ERROR)
                event.err = &message->error;
        if (sandbox->on_child)
                sandbox->on_child(sandbox->child_context, &event);
        else if (fd >= 0)
                close(fd);
        return true;
}

void sandbox_on_child(struct sandbox *sandbox,
                      void (*event)(void *context, const struct sandbox_child_event *event),
                      void *context)
{
        sandbox->on_child = event;
        sandbox->child_context = context;
}

int sandbox_execute(struct sandbox *sandbox, const struct sandbox_host *host,
                    const struct sandbox_spec *spec, uint32_t number, uint32_t mark,
                    struct error *err)
{
        int sources[SANDBOX_MOUNTS_MAX], r;
        _cleanup_close_ int spec_fd = -1;
        struct buf block = BUF_INIT;
        size_t source_count;

        r = spec->terminal ? 0 : check_stdio(spec, err);
        if (r == 0)
                r = spec_write(host, spec, mark, &block, sources, &source_count, err);
        if (r == 0)
                r = write_spec(&block, err);
        buf_done(&block);
        if (r < 0)
                return r;
        spec_fd = r;
        r = 0;
        for (int i = 0; i < 3 && r == 0 && !spec->terminal; i++)
                r = wire_send(sandbox->socket, WIRE_STDIO, i, spec->stdio[i]);
        if (r == 0)
                r = wire_send_child(sandbox->socket, WIRE_EXECUTE, number, 0, spec_fd);
        return r < 0 ? error_set(err, r, "the sandbox is over") : 0;
}

int sandbox_wait(struct sandbox *sandbox, int timeout_ms, int *ret_status, struct error *err)
{
        struct wire_message message = { .type = 0 };
        int r, fd;

        do {
                fd = -1;
                r = wait_for_message(sandbox, timeout_ms);
                if (r < 0)
                        return error_set(err, r, "the command still runs after %d.%03d seconds",
                                         timeout_ms / 1000, timeout_ms % 1000);
                message.child = 0;
                r = receive(sandbox, &message, &fd, err);
        } while (r == 0 && tell_child(sandbox, &message, fd));
        wait_for_init(sandbox);
        end_network(sandbox);
        if (r < 0 && message.type == WIRE_ERROR && message.value != 0)
                *ret_status = message.value;
        if (r < 0)
                return r;
        if (message.type != WIRE_EXIT)
                return error_set(err, -EBADMSG, "an unexpected message of the sandbox");
        *ret_status = message.value;
        return 0;
}

bool sandbox_ran_out_of_memory(const struct sandbox *sandbox)
{
        return sandbox->cgroup_name[0] && cgroup_ran_out(sandbox->cgroup, sandbox->cgroup_name);
}

void sandbox_signal(struct sandbox *sandbox, int signal_number)
{
        wire_send(sandbox->socket, WIRE_SIGNAL, signal_number, -1);
}

void sandbox_kill(struct sandbox *sandbox)
{
        pthread_mutex_lock(&sandbox->lock);
        if (sandbox->init > 0)
                kill(sandbox->init, SIGKILL);
        pthread_mutex_unlock(&sandbox->lock);
}

void sandbox_free(struct sandbox *sandbox)
{
        if (!sandbox)
                return;
        sandbox_kill(sandbox);
        /* A stage that is not PID 1 ends with the socket. */
        if (sandbox->socket >= 0)
                close(sandbox->socket);
        if (sandbox->fuse_fd >= 0)
                close(sandbox->fuse_fd);
        if (sandbox->listener_fd >= 0)
                close(sandbox->listener_fd);
        if (sandbox->terminal_fd >= 0)
                close(sandbox->terminal_fd);
        for (size_t i = 0; i < sandbox->mount_count; i++)
                cleanup_close(&sandbox->mount_fds[i]);
        free(sandbox->mount_fds);
        free(sandbox->devices);
        wait_for_child(&sandbox->mapper);
        wait_for_child(&sandbox->builder);
        wait_for_init(sandbox);
        end_network(sandbox);
        if (sandbox->cgroup_name[0])
                cgroup_remove(sandbox->cgroup, sandbox->cgroup_name);
        pthread_mutex_destroy(&sandbox->lock);
        free(sandbox);
}
