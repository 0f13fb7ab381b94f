#include "wire.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union wire_control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
};

static int wire_send_message(int socket, const struct wire_message *message, size_t size, int fd)
{
        struct iovec iov = { .iov_base = (void *)message, .iov_len = size };
        struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
        union wire_control control = { .bytes = { 0 } };
        ssize_t n;

        if (fd >= 0) {
                control.header.cmsg_len = CMSG_LEN(sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
                header.msg_control = control.bytes;
                header.msg_controllen = sizeof(control.bytes);
        }
        do {
                n = sendmsg(socket, &header, MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

int wire_send(int socket, enum wire_type type, int value, int fd)
{
        struct wire_message message = { .type = type, .value = value };

        return wire_send_message(socket, &message, offsetof(struct wire_message, error), fd);
}

int wire_send_device(int socket, int value, uint64_t device)
{
        struct wire_message message = { .type = WIRE_DEVICE, .value = value, .device = device };

        return wire_send_message(socket, &message, offsetof(struct wire_message, error), -1);
}

int wire_send_error(int socket, int status, const struct error *err)
{
        struct wire_message message = { .type = WIRE_ERROR, .value = status, .error = *err };

        return wire_send_message(socket, &message, sizeof(message), -1);
}

int wire_send_child(int socket, enum wire_type type, uint64_t child, int value, int fd)
{
        struct wire_message message = { .type = type, .value = value, .child = child };

        return wire_send_message(socket, &message, offsetof(struct wire_message, error), fd);
}

int wire_send_child_error(int socket, uint64_t child, int status, const struct error *err)
{
        struct wire_message message = {
                .type = WIRE_CHILD_ERROR, .value = status, .child = child, .error = *err
        };

        return wire_send_message(socket, &message, sizeof(message), -1);
}

static bool carries_error(const struct wire_message *message)
{
        return message->type == WIRE_ERROR || message->type == WIRE_CHILD_ERROR;
}

int wire_receive(int socket, struct wire_message *ret, int *ret_fd)
{
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        union wire_control control = { .bytes = { 0 } };
        struct msghdr header = { .msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes) };
        _cleanup_close_ int fd = -1;
        size_t expected;
        ssize_t n;

        do {
                n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == ECONNRESET ? -EPIPE : -errno;
        if (n == 0)
                return -EPIPE;
        if (header.msg_controllen >= CMSG_LEN(sizeof(int)) &&
            control.header.cmsg_level == SOL_SOCKET && control.header.cmsg_type == SCM_RIGHTS)
                memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));

        expected = offsetof(struct wire_message, error);
        if ((size_t)n >= expected && carries_error(ret))
                expected = sizeof(*ret);
        if ((size_t)n != expected || header.msg_flags & MSG_TRUNC)
                return -EBADMSG;
        if (carries_error(ret)) {
                /* The texts are of a process that may have been damaged: they end where they must.
                 */
                ret->error.message[ERROR_MESSAGE_MAX - 1] = '\0';
                ret->error.hint[ERROR_HINT_MAX - 1] = '\0';
                if (ret->error.code >= 0)
                        return -EBADMSG;
        }
        if (ret_fd)
                *ret_fd = TAKE_FD(fd);
        return 0;
}
