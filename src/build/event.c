#include "event.h"

#include "base/io.h"

#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

void message_send(int fd, enum message_type type, uint32_t step, const void *data, size_t len)
{
        struct message message = { .type = type, .step = step, .len = len };
        char small[PIPE_BUF];

        /* What fits into PIPE_BUF arrives in one piece even beside other threads' messages. */
        if (sizeof(message) + len <= sizeof(small)) {
                memcpy(small, &message, sizeof(message));
                if (len > 0)
                        memcpy(small + sizeof(message), data, len);
                io_write(fd, small, sizeof(message) + len);
                return;
        }
        io_write(fd, &message, sizeof(message));
        io_write(fd, data, len);
}

bool message_next(const struct buf *buf, struct message *ret, const char **ret_data)
{
        if (buf->len < sizeof(*ret))
                return false;
        memcpy(ret, buf->data, sizeof(*ret));
        if (buf->len - sizeof(*ret) < ret->len)
                return false;
        *ret_data = buf->data + sizeof(*ret);
        return true;
}

void message_drop(struct buf *buf, const struct message *message)
{
        size_t len = sizeof(*message) + message->len;

        memmove(buf->data, buf->data + len, buf->len - len);
        buf->len -= len;
}
