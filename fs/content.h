/*
 * A file's bytes: runs of spool blocks over the file of a layer below over zeros. Private to fs/.
 *
 * Invariant: extents are sorted, do not overlap, and are whole blocks of the file. A block that no
 * extent covers is read from `lower` as far as `lower_size`, and is zeros beyond. Bytes of a block
 * beyond `size` are zeros.
 */
#pragma once

#include "spool.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A file or directory of a layer; inode 0: none. */
struct lower_ref {
        uint32_t layer;
        uint32_t inode;
};

/* Zeros that no spool block holds. */
#define EXTENT_ZEROS UINT64_MAX

struct extent {
        uint64_t block; /* of the file */
        uint64_t count;
        uint64_t place; /* block of the spool, or EXTENT_ZEROS */
        uint32_t epoch; /* in which it was written: an older one is never overwritten */
};

struct content {
        struct extent *extents; /* owned */
        uint32_t count;
        uint32_t cap;
        uint64_t held;  /* blocks of the spool in all extents */
        uint64_t hides; /* blocks of the lower file that an extent stands before */
        struct lower_ref lower;
        uint64_t lower_size;
        uint64_t lower_blocks; /* that hold data */
        uint64_t size;
};

/* Reads from the file of a layer, `len` bytes that lie inside it. */
struct lower_reader {
        int (*read)(void *userdata, struct lower_ref lower, uint64_t offset, void *data,
                    size_t len);
        void *userdata;
};

struct content_store {
        struct spool *spool;
        struct lower_reader lower;
        uint32_t epoch; /* the current one */
};

/* Frees the extents; gives their blocks of this epoch back to the spool. */
void content_done(struct content *content, const struct content_store *store);

/* Makes `ret` a copy that shares all blocks; frozen as long as nobody gives them back. Returns 0
 * or -ENOMEM. */
int content_copy(const struct content *content, struct content *ret);

/* The number of bytes read; fewer than `len` at the end only. */
ssize_t content_read(const struct content *content, const struct content_store *store,
                     uint64_t offset, void *data, size_t len);

int content_write(struct content *content, const struct content_store *store, uint64_t offset,
                  const void *data, size_t len);

int content_truncate(struct content *content, const struct content_store *store, uint64_t size);

/* Makes the range zeros, inside the size. */
int content_zero(struct content *content, const struct content_store *store, uint64_t offset,
                 uint64_t len);

/*
 * The run of bytes from `offset` on that has data, or that has none: returns its end and sets
 * `ret_data`. `lower_data` asks the same of the lower file.
 */
struct lower_runs {
        uint64_t (*run_end)(void *userdata, struct lower_ref lower, uint64_t offset,
                            bool *ret_data);
        void *userdata;
};
uint64_t content_run_end(const struct content *content, const struct lower_runs *lower,
                         uint64_t offset, bool *ret_data);

/* Blocks of 512 bytes that hold data, for stat: never fewer than there are. */
uint64_t content_blocks(const struct content *content);
