#include "container/channel.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SOCKET_NAME "control"
#define BACKLOG     64

union control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
};

/* A path in the store may be longer than an address; one by the descriptor is not. */
static struct sockaddr_un address_in(int dir_fd)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME,
                 dir_fd);
        return address;
}

int channel_connect(int dir_fd)
{
        const struct sockaddr_un address = address_in(dir_fd);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int channel_listen(int dir_fd)
{
        const struct sockaddr_un address = address_in(dir_fd);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        unlinkat(dir_fd, SOCKET_NAME, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(fd, BACKLOG) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int channel_send(int fd, enum channel_type type, const void *data, size_t len, const int *fds,
                 size_t fd_count)
{
        char first = (char)type;
        struct iovec parts[] = { { &first, 1 }, { (void *)(uintptr_t)data, len } };
        struct msghdr header = { .msg_iov = parts, .msg_iovlen = len > 0 ? 2 : 1 };
        union control control = { .bytes = { 0 } };
        ssize_t n;

        if (fd_count > 0) {
                header.msg_control = control.bytes;
                header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
                control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
        }
        do {
                n = sendmsg(fd, &header, MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

static void take_fds(const struct msghdr *header, const union control *control,
                     struct channel_message *ret)
{
        size_t count;

        if (header->msg_controllen < CMSG_LEN(sizeof(int)) ||
            control->header.cmsg_level != SOL_SOCKET || control->header.cmsg_type != SCM_RIGHTS)
                return;
        count = (control->header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(ret->fds, CMSG_DATA(&control->header),
               (count < CHANNEL_FDS_MAX ? count : CHANNEL_FDS_MAX) * sizeof(int));
}

int channel_receive(int fd, char *buffer, struct channel_message *ret)
{
        struct iovec part = { buffer, CHANNEL_MESSAGE_MAX - 1 };
        union control control = { .bytes = { 0 } };
        struct msghdr header = { .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes) };
        ssize_t n;

        *ret = (struct channel_message){ .fds = { -1, -1, -1 } };
        do {
                n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n <= 0)
                return n < 0 && errno != ECONNRESET ? -errno : -EPIPE;
        take_fds(&header, &control, ret);
        if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
                channel_close_fds(ret);
                return -EBADMSG;
        }
        buffer[n] = '\0';
        ret->type = (enum channel_type)buffer[0];
        ret->data = buffer + 1;
        ret->len = (size_t)n - 1;
        return 0;
}

void channel_close_fds(struct channel_message *message)
{
        for (size_t i = 0; i < CHANNEL_FDS_MAX; i++)
                if (message->fds[i] >= 0)
                        close(TAKE_FD(message->fds[i]));
}

int channel_ask(int dir_fd, enum channel_type type, const char *text, struct error *err)
{
        _cleanup_close_ int fd = channel_connect(dir_fd);
        _cleanup_free_ char *buffer = malloc(CHANNEL_MESSAGE_MAX);
        struct channel_message message;
        int r = fd < 0 ? fd : 0;

        if (!buffer)
                return error_set_oom(err);
        if (r == 0)
                r = channel_send(fd, type, text, strlen(text), NULL, 0);
        if (r == 0)
                r = channel_receive(fd, buffer, &message);
        if (r < 0)
                return error_set_errno(err, r, "cannot reach the container's process");
        channel_close_fds(&message);
        if (message.type == CHANNEL_DONE)
                return 0;
        if (message.type != CHANNEL_FAILED || message.len != sizeof(*err))
                return error_set(err, -EBADMSG, "the container's process says what is not known");
        memcpy(err, message.data, sizeof(*err));
        return err->code < 0 ? err->code : error_set(err, -EBADMSG, "an error without a cause");
}
