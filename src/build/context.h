/*
 * Build contexts: what COPY and ADD, and bind mounts, take files from. Private to src/build/.
 *
 * A context is opened once, by the builder, and inherited by the workers, who only read it.
 */
#pragma once

#include "copy_source.h"
#include "store/store.h"

struct context {
        struct copy_source source; /* what it points to is owned here */
        char *path;                /* of a directory of the host; owned, NULL for what has none */
        char *temporary;           /* a directory to be removed with it; owned, or NULL ... */
        int parent_fd;             /* ... and what it is in; borrowed */
};

#define CONTEXT_INIT ((struct context){ .source.root_fd = -1 })

void context_done(struct context *context);

/* A directory of the host. */
int context_open_directory(const char *path, struct context *ret, struct error *err);

/*
 * A tar archive, of any compression that is known, which is read to its end. `begun` is what was
 * read of it before.
 */
int context_open_archive(struct store *store, int fd, const struct buf *begun, struct context *ret,
                         struct error *err);

/* Reads a regular file of the context, of at most `max_bytes`. -ENOENT sets no error. */
int context_read(const struct context *context, const char *path, size_t max_bytes, struct buf *ret,
                 struct error *err);

/*
 * Reads what is left out: `beside` ("<Dockerfile>.dockerignore", on the host where `beside_host`,
 * else in the context; or NULL) if it is there, else .dockerignore of the context.
 */
int context_read_ignore(struct context *context, const char *beside, bool beside_host,
                        struct error *err);
