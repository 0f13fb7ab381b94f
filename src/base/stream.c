#include "base/stream.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define WRITE_OUT_BYTES ((size_t)8 << 20)

static int fd_write(void *context, const void *data, size_t len, struct error *err)
{
        struct fd_stream *stream = context;
        int r = io_write(stream->fd, data, len);

        if (r < 0)
                return error_set_errno(err, r, "cannot write %s", stream->name);
        stream->written += len;
        if (stream->written >= WRITE_OUT_BYTES) {
                /* No file, or a filesystem that cannot: then all is written out at the end. */
                (void)!sync_file_range(stream->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
                stream->written = 0;
        }
        return 0;
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
