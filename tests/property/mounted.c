#include "mounted.h"

#include "layers.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "fs/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ID_MAX 65535u

struct mounted {
        int socket; /* to the server */
        pid_t server;
        enum mounted_users users;
        char *options; /* owned; of the mount */
        size_t layers;
};

/* What the server is asked for; it answers with a struct error. */
enum command {
        COMMAND_MAP,    /* write the id maps of who asks */
        COMMAND_SERVE,  /* with the descriptor that comes along */
        COMMAND_SEAL,   /* stop serving, and make a layer */
        COMMAND_REOPEN, /* make the tree anew */
        COMMAND_BREAK,  /* cut the layers' content */
};

/* ---- the server's side ---- */

struct side {
        struct layers layers;
        struct tree *tree;
        struct server *server;
        struct server_options options;
        uint64_t spool_memory_max;
        pid_t client;
        bool ranges;
};

static int write_map(pid_t pid, const char *file, const char *text, struct error *err)
{
        char path[64];
        _cleanup_close_ int fd = -1;

        snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || io_write(fd, text, strlen(text)) < 0)
                return error_set_errno(err, -errno, "cannot write %s", path);
        return 0;
}

static int write_maps(const struct side *side, struct error *err)
{
        char uids[64] = "0 0 65536", gids[64] = "0 0 65536";
        int r = 0;

        if (!side->ranges) {
                snprintf(uids, sizeof(uids), "0 %u 1", getuid());
                snprintf(gids, sizeof(gids), "0 %u 1", getgid());
                r = write_map(side->client, "setgroups", "deny", err);
        }
        if (r == 0)
                r = write_map(side->client, "uid_map", uids, err);
        return r < 0 ? r : write_map(side->client, "gid_map", gids, err);
}

static int seal(struct side *side, struct error *err)
{
        server_stop(TAKE_PTR(side->server));
        return layers_commit(&side->layers, side->tree, err);
}

static int reopen(struct side *side, struct error *err)
{
        tree_free(TAKE_PTR(side->tree));
        return layers_open(&side->layers, side->spool_memory_max, &side->tree, err);
}

static int break_layers(struct side *side, struct error *err)
{
        for (size_t i = 0; i < side->layers.count; i++)
                if (ftruncate(side->layers.fds[i][0], 0) < 0)
                        return error_set_errno(err, -errno, "cannot cut a layer");
        return 0;
}

static int obey(struct side *side, enum command command, int fd, struct error *err)
{
        switch (command) {
        case COMMAND_MAP:
                return write_maps(side, err);
        case COMMAND_SERVE:
                return server_start(side->tree, fd, &side->options, &side->server, err);
        case COMMAND_SEAL:
                return seal(side, err);
        case COMMAND_REOPEN:
                return reopen(side, err);
        case COMMAND_BREAK:
                return break_layers(side, err);
        }
        return error_set(err, -EINVAL, "no such command");
}

/* Receives a command. Returns 1, 0 when the client is gone. */
static int receive(int from, enum command *ret, int *ret_fd)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = &control,
                                  .msg_controllen = sizeof(control) };

        *ret_fd = -1;
        if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != sizeof(*ret))
                return 0;
        if (message.msg_controllen > 0)
                memcpy(ret_fd, CMSG_DATA(&control.header), sizeof(*ret_fd));
        return 1;
}

static int serve(struct side *side, int client)
{
        struct error err = ERROR_INIT;
        enum command command;
        int fd, r;

        r = reopen(side, &err);
        while (r == 0 && receive(client, &command, &fd) > 0) {
                obey(side, command, fd, &err);
                r = io_write(client, &err, sizeof(err));
                err = ERROR_INIT;
        }
        server_stop(side->server);
        tree_free(side->tree);
        layers_done(&side->layers);
        close(client);
        return r < 0;
}

/* ---- the client's side ---- */

static int ask(const struct mounted *mounted, enum command command, int fd, struct error *err)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { .header = { .cmsg_level = SOL_SOCKET,
                                  .cmsg_type = SCM_RIGHTS,
                                  .cmsg_len = CMSG_LEN(sizeof(int)) } };
        struct iovec iov = { .iov_base = &command, .iov_len = sizeof(command) };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (fd >= 0) {
                memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
        }
        if (sendmsg(mounted->socket, &message, MSG_NOSIGNAL) < 0 ||
            io_read(mounted->socket, err, sizeof(*err)) != sizeof(*err))
                return error_set(err, -EPIPE, "the server is gone");
        return err->code;
}

static int mount_it(const struct mounted *mounted, struct error *err)
{
        _cleanup_close_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        char options[256];

        if (fd < 0)
                return error_set_errno(err, -errno, "cannot open /dev/fuse");
        snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,%s", fd,
                 mounted->options);
        if (mount("varve", MOUNTED_AT, "fuse", 0, options) < 0)
                return error_set_errno(err, -errno, "cannot mount");
        return ask(mounted, COMMAND_SERVE, fd, err);
}

static int enter(const struct mounted *mounted, struct error *err)
{
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return error_set_errno(err, -errno, "cannot make namespaces");
        if (ask(mounted, COMMAND_MAP, -1, err) < 0)
                return err->code;
        if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
                return error_set_errno(err, -errno, "cannot become root of the namespace");
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return error_set_errno(err, -errno, "cannot make mounts private");
        if (mkdir(MOUNTED_AT, 0755) < 0 && errno != EEXIST)
                return error_set_errno(err, -errno, "cannot make the mount point");
        return 0;
}

static int start_server(const struct mounted_options *options, struct mounted *mounted,
                        struct error *err)
{
        struct side side = { .layers = { .dir_fd = options->spool_dir_fd },
                             .options = { .single_id = options->users == MOUNTED_SINGLE,
                                          .id_max = ID_MAX },
                             .spool_memory_max = options->spool_memory_max,
                             .client = getpid(),
                             .ranges = options->users == MOUNTED_RANGES };
        struct buf mount_options = BUF_INIT;
        int sockets[2];

        if (server_mount_options(&side.options, &mount_options) < 0)
                return error_set_oom(err);
        mounted->options = strdup(buf_str(&mount_options));
        buf_done(&mount_options);
        if (!mounted->options || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_set_errno(err, -errno, "cannot talk to the server");
        fflush(NULL);
        mounted->server = fork();
        if (mounted->server < 0)
                return error_set_errno(err, -errno, "cannot fork");
        if (mounted->server == 0) {
                close(sockets[0]);
                free(mounted->options);
                free(mounted);
                exit(serve(&side, sockets[1]));
        }
        close(sockets[1]);
        mounted->socket = sockets[0];
        return 0;
}

int mounted_new(const struct mounted_options *options, struct mounted **ret, struct error *err)
{
        struct mounted *mounted = calloc(1, sizeof(*mounted));
        int r;

        if (!mounted)
                return error_set_oom(err);
        mounted->socket = -1;
        mounted->users = options->users;
        r = start_server(options, mounted, err);
        if (r == 0)
                r = enter(mounted, err);
        if (r == 0)
                r = mount_it(mounted, err);
        if (r < 0) {
                mounted_free(mounted);
                return r;
        }
        *ret = mounted;
        return 0;
}

int mounted_seal(struct mounted *mounted, bool reopened, struct error *err)
{
        if (umount2(MOUNTED_AT, 0) < 0)
                return error_set_errno(err, -errno, "cannot unmount");
        if (ask(mounted, COMMAND_SEAL, -1, err) < 0)
                return err->code;
        mounted->layers++;
        if (reopened && ask(mounted, COMMAND_REOPEN, -1, err) < 0)
                return err->code;
        return mount_it(mounted, err);
}

size_t mounted_layers(const struct mounted *mounted)
{
        return mounted->layers;
}

pid_t mounted_server(const struct mounted *mounted)
{
        return mounted->server;
}

int mounted_break(struct mounted *mounted, struct error *err)
{
        return ask(mounted, COMMAND_BREAK, -1, err);
}

int mounted_free(struct mounted *mounted)
{
        int status = 0;

        umount2(MOUNTED_AT, MNT_DETACH);
        if (mounted->socket >= 0)
                close(mounted->socket);
        if (mounted->server > 0)
                waitpid(mounted->server, &status, 0);
        free(mounted->options);
        free(mounted);
        return status == 0 ? 0 : -EIO;
}

int mounted_end(struct mounted *mounted, const char *root, int result, struct error *err,
                const char *good)
{
        if (mounted && mounted_free(mounted) < 0 && result == 0)
                result = error_set(err, -EIO, "the server has ended with an error");
        if (result < 0)
                printf("not ok: %s\n", err->message);
        *err = ERROR_INIT;
        if (chdir("/") < 0 || io_remove_tree(AT_FDCWD, root, err) < 0)
                return 2;
        if (result == 0)
                printf("ok: %s\n", good);
        return result < 0;
}
