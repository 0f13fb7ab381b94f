/*
 * Where bytes come from and where they go, as callbacks: floor 0.
 *
 * Rooms that must not know each other hand streams to each other in this form. `context` belongs to
 * whoever made the struct and outlives its use.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

struct byte_sink {
        /* Takes all of `len` bytes. Returns 0 or a negative errno with `err` set. */
        int (*write)(void *context, const void *data, size_t len, struct error *err);
        void *context;
};

struct byte_source {
        /* Gives 1 to `len` bytes, or 0 at the end. A negative errno with `err` set on failure. */
        ssize_t (*read)(void *context, void *data, size_t len, struct error *err);
        void *context;
};

/*
 * A descriptor as a stream; `name` is for errors ("cannot write NAME: ..."). Both are borrowed.
 *
 * What is written to a file begins its way to the disk meanwhile, so that an fsync(2) later waits
 * for the last of it alone.
 */
struct fd_stream {
        int fd;
        const char *name;
        size_t written; /* since then */
};

struct byte_sink byte_sink_of_fd(struct fd_stream *stream);
struct byte_source byte_source_of_fd(struct fd_stream *stream);
