#include "fuse_mount.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TYPE         "varve-fs"
#define FUSERMOUNT   "fusermount3"
#define MESSAGE_MAX  1024
#define NOT_EXECUTED 127

/* Runs fusermount3; `fd` (or -1) is its end of a socket. Returns its exit status, what it printed
 * in `ret_message`. */
static int run_fusermount(const char *const *argv, int fd, char ret_message[static MESSAGE_MAX])
{
        int output[2], status;
        ssize_t n;
        pid_t pid;

        ret_message[0] = '\0';
        if (pipe2(output, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                char number[16];

                if (fd >= 0) {
                        fcntl(fd, F_SETFD, 0);
                        snprintf(number, sizeof(number), "%d", fd);
                        setenv("_FUSE_COMMFD", number, 1);
                }
                dup2(output[1], STDERR_FILENO);
                execvp(argv[0], (char *const *)(uintptr_t)argv);
                _exit(NOT_EXECUTED);
        }
        close(output[1]);
        if (pid < 0) {
                close(output[0]);
                return -EAGAIN;
        }
        n = read(output[0], ret_message, MESSAGE_MAX - 1);
        ret_message[n > 0 ? n : 0] = '\0';
        ret_message[strcspn(ret_message, "\n")] = '\0';
        close(output[0]);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static int explain_fusermount(int status, const char *message, struct error *err)
{
        if (status == NOT_EXECUTED) {
                error_set(err, -EPERM, "an ordinary user needs " FUSERMOUNT);
                return error_hint(err, "Install the package fuse3, or mount inside of a user "
                                       "namespace: unshare --user --map-root-user --mount");
        }
        return error_set(err, status < 0 ? status : -EPERM, "%s",
                         message[0] ? message : FUSERMOUNT " failed");
}

/* ---- mounting ---- */

/* Appends the options that the kernel wants, or fusermount3 passes on. */
static int append_options(const struct mount_options *options, struct buf *ret)
{
        /* Root's mounts are for everybody, as all others of root's are. */
        int r = buf_append_str(ret, "default_permissions");

        if (r == 0 && (options->allow_other || geteuid() == 0))
                r = buf_append_str(ret, ",allow_other");
        return r;
}

static int mount_directly(const struct mount_options *options, const char *target, int *ret_fd)
{
        _cleanup_close_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        struct buf data = BUF_INIT;
        int r;

        if (fd < 0)
                return -errno;
        r = buf_appendf(&data, "fd=%d,rootmode=%o,user_id=%u,group_id=%u,", fd, S_IFDIR, geteuid(),
                        getegid());
        if (r == 0)
                r = append_options(options, &data);
        if (r == 0 && mount(options->fsname, target, "fuse." TYPE, options->flags, data.data) < 0)
                r = -errno;
        buf_done(&data);
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

static int receive_fd(int socket, int *ret)
{
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = { .bytes = { 0 } };
        char byte;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = control.bytes,
                                  .msg_controllen = sizeof(control.bytes) };
        struct cmsghdr *header;

        if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0)
                return -errno;
        header = CMSG_FIRSTHDR(&message);
        if (!header || header->cmsg_type != SCM_RIGHTS)
                return -EPROTO;
        memcpy(ret, CMSG_DATA(header), sizeof(*ret));
        return 0;
}

/* Appends "fsname=NAME" with a backslash before what would end it. */
static int append_fsname(const char *name, struct buf *ret)
{
        int r = buf_append_str(ret, ",fsname=");

        for (; *name && r == 0; name++) {
                if (*name == ',' || *name == '\\')
                        r = buf_append_char(ret, '\\');
                if (r == 0)
                        r = buf_append_char(ret, *name);
        }
        return r;
}

static int mount_as_user(const struct mount_options *options, const char *target, int *ret_fd,
                         struct error *err)
{
        _cleanup_close_ int ours = -1, theirs = -1;
        struct buf words = BUF_INIT;
        char message[MESSAGE_MAX];
        int sockets[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_set_errno(err, -errno, "cannot make a socket");
        ours = sockets[0];
        theirs = sockets[1];
        r = append_options(options, &words);
        if (r == 0)
                r = append_fsname(options->fsname, &words);
        if (r == 0)
                r = buf_append_str(&words, ",subtype=" TYPE);
        for (size_t i = 0; i < options->words.count && r == 0; i++)
                r = buf_appendf(&words, ",%s", options->words.items[i]);
        if (r == 0) {
                const char *const argv[] = {
                        FUSERMOUNT, "-o", buf_str(&words), "--", target, NULL
                };

                r = run_fusermount(argv, theirs, message);
                if (r != 0)
                        r = explain_fusermount(r, message, err);
                else
                        r = receive_fd(ours, ret_fd);
        }
        buf_done(&words);
        return r < 0 && !error_is_set(err) ? error_set_errno(err, r, "cannot mount") : r;
}

int fuse_mount(const struct mount_options *options, const char *target, int *ret_fd,
               struct error *err)
{
        int r = mount_directly(options, target, ret_fd);

        if (r == -EPERM)
                r = mount_as_user(options, target, ret_fd, err);
        if (r < 0 && !error_is_set(err))
                error_set_errno(err, r, "cannot mount");
        return r < 0 ? error_wrap(err, "%s", target) : 0;
}

int fuse_unmount(const char *target, int flags, struct error *err)
{
        const char *argv[] = { FUSERMOUNT, "-u", flags & MNT_DETACH ? "-z" : "--", target, NULL };
        char message[MESSAGE_MAX];
        int r;

        if (umount2(target, flags) == 0)
                return 0;
        if (errno != EPERM)
                return error_set_errno(err, -errno, "cannot unmount %s", target);
        r = run_fusermount(argv, -1, message);
        return r == 0 ? 0 : explain_fusermount(r, message, err);
}
