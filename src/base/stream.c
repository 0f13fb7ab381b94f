#include "base/stream.h"

#include "base/io.h"

#include <errno.h>
#include <unistd.h>

static int fd_write(void *context, const void *data, size_t len, struct error *err)
{
        struct fd_stream *stream = context;
        int r = io_write(stream->fd, data, len);

        return r < 0 ? error_set_errno(err, r, "cannot write %s", stream->name) : 0;
}

static ssize_t fd_read(void *context, void *data, size_t len, struct error *err)
{
        struct fd_stream *stream = context;
        ssize_t n;

        do {
                n = read(stream->fd, data, len);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_set_errno(err, -errno, "cannot read %s", stream->name);
        return n;
}

struct byte_sink byte_sink_of_fd(struct fd_stream *stream)
{
        return (struct byte_sink){ .write = fd_write, .context = stream };
}

struct byte_source byte_source_of_fd(struct fd_stream *stream)
{
        return (struct byte_source){ .read = fd_read, .context = stream };
}
