/*
 * Opening and closing the FUSE server.
 */
#include "server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

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
        fuse_opt_free_args(&args);
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
        server->stop_fd = server->companion.wake_fd = -1;
        server->failure = ERROR_INIT;
        sem_init(&server->begun, 0, 0);
        r = server_open(server, err);
        if (r == 0)
                r = server_loop_start(server, err);
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

void server_wait(struct server *server)
{
        if (server->started)
                pthread_join(server->thread, NULL);
        server->started = false;
}

void server_stop(struct server *server)
{
        if (!server)
                return;
        server_loop_stop(server);
        /* The last descriptor of a connection cuts off whoever still waits on it. */
        if (!server->session_has_fd)
                close(server->fuse_fd);
        if (server->session)
                fuse_session_destroy(server->session);
        if (server->stop_fd >= 0)
                close(server->stop_fd);
        tree_reset_lookups(server->tree);
        sem_destroy(&server->begun);
        free(server);
}
