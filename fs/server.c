/*
 * The loop of the FUSE server.
 *
 * On a virtual machine most of a message's cost is not work but waking an idle CPU, once for the
 * server and once for the client. So the server does not go to sleep while requests keep coming:
 * it asks again and again, for a bounded time after the last one, and only as long as nobody else
 * has work for its CPU. Unpacking 8,000 files takes 1.6 s so, and 3.4 s asleep; with other work on
 * each CPU it is asleep that is faster.
 */
#include "server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

/* How long the server stays awake after a request. */
#define SPIN_NS 100000u

/* Only then does it give way: most requests follow the last reply sooner. */
#define BUSY_NS 20000u

/* Giving way takes longer than this where somebody else takes the CPU; then for how long the server
 * sleeps between requests. */
#define YIELD_NS 200000u
#define SHARE_NS 20000000u

int server_mount_options(const struct server_options *options, struct buf *ret)
{
        /* With one id all processes of a step are root and the kernel has nothing to check; and
         * without allow_other nobody but that user gets in. */
        if (options->single_id)
                return 0;
        return buf_append_str(ret, "allow_other,default_permissions");
}

static ssize_t server_read(int fd, void *data, size_t len, void *userdata)
{
        (void)userdata;
        return read(fd, data, len);
}

/* Sleeps until there is a request. Returns false when it is time to end. */
static bool wait_for_request(struct server *server)
{
        struct pollfd fds[] = { { .fd = server->fuse_fd, .events = POLLIN },
                                { .fd = server->stop_fd, .events = POLLIN } };

        while (poll(fds, 2, -1) < 0)
                if (errno != EINTR)
                        return false;
        return fds[1].revents == 0;
}

/* When to spin. */
struct spin {
        bool allowed;          /* there is more than one CPU to run on */
        uint64_t last_ns;      /* the last request */
        uint64_t shared_until; /* somebody else has work for this CPU */
};

/* Lets a moment pass. Returns false when it is time to sleep. */
static bool spin(struct spin *spin)
{
        uint64_t before, after;

        if (!spin->allowed)
                return false;
        before = clock_monotonic_ns();
        if (before - spin->last_ns >= SPIN_NS || before < spin->shared_until)
                return false;
        if (before - spin->last_ns < BUSY_NS)
                return true;
        sched_yield();
        after = clock_monotonic_ns();
        if (after - before > YIELD_NS)
                spin->shared_until = after + SHARE_NS;
        return true;
}

static bool has_cpus_to_spin(void)
{
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

static void *serve(void *userdata)
{
        struct server *server = userdata;
        struct fuse_buf buf = { .mem = NULL };
        struct spin spinning = { .allowed = has_cpus_to_spin() };

        for (;;) {
                int r = fuse_session_receive_buf(server->session, &buf);

                if (r == -EAGAIN) {
                        if (!spin(&spinning) && !wait_for_request(server))
                                break;
                        continue;
                }
                if (r == -EINTR || r == -ENOENT)
                        continue;
                if (r <= 0)
                        break; /* unmounted */
                if (!raw_answer(server, &buf))
                        fuse_session_process_buf(server->session, &buf);
                if (spinning.allowed)
                        spinning.last_ns = clock_monotonic_ns();
        }
        free(buf.mem);
        return NULL;
}

static int server_open(struct server *server, struct error *err)
{
        static const struct fuse_custom_io io = { .read = server_read, .writev = raw_writev };
        char name[] = "varve";
        char *argv[] = { name, NULL };
        struct fuse_args args = FUSE_ARGS_INIT(1, argv);
        int fd = server->fuse_fd;

        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                return error_set_errno(err, -errno, "cannot serve a filesystem");
        server->stop_fd = eventfd(0, EFD_CLOEXEC);
        if (server->stop_fd < 0)
                return error_set_errno(err, -errno, "cannot serve a filesystem");
        server->session = fuse_session_new(&args, &server_ops, sizeof(server_ops), server);
        if (!server->session)
                return error_set_oom(err);
        if (fuse_session_custom_io(server->session, &io, fd) != 0)
                return error_set_oom(err);
        server->session_has_fd = true;
        return 0;
}

int server_start(struct tree *tree, int fuse_fd, const struct server_options *options,
                 struct server **ret, struct error *err)
{
        struct server *server = calloc(1, sizeof(*server));
        int r;

        if (!server) {
                close(fuse_fd);
                return error_set_oom(err);
        }
        server->tree = tree;
        server->options = *options;
        server->fuse_fd = fuse_fd;
        server->stop_fd = -1;
        r = server_open(server, err);
        if (r == 0) {
                r = -pthread_create(&server->thread, NULL, serve, server);
                server->started = r == 0;
                if (r < 0)
                        error_set_errno(err, r, "cannot start the filesystem's thread");
        }
        if (r < 0) {
                server_stop(server);
                return r;
        }
        *ret = server;
        return 0;
}

/* The kernel answers ENOENT where it does not know the inode at all: all the better. */
void server_inode_changed(struct server *server, uint64_t ino)
{
        fuse_lowlevel_notify_inval_inode(server->session, ino, -1, 0);
}

void server_name_made(struct server *server, uint64_t dir, const char *name)
{
        fuse_lowlevel_notify_inval_entry(server->session, dir, name, strlen(name));
        server_inode_changed(server, dir);
}

void server_stop(struct server *server)
{
        if (!server)
                return;
        if (server->started) {
                eventfd_write(server->stop_fd, 1);
                pthread_join(server->thread, NULL);
        }
        /* The last descriptor of a connection cuts off whoever still waits on it. */
        if (!server->session_has_fd)
                close(server->fuse_fd);
        if (server->session)
                fuse_session_destroy(server->session);
        if (server->stop_fd >= 0)
                close(server->stop_fd);
        tree_reset_lookups(server->tree);
        free(server);
}
