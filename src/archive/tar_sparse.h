/*
 * Maps of sparse files: the runs of data, as each of the formats has them.
 *
 * GNU tar's manual, "Storing Sparse Files".
 */
#pragma once

#include "archive/entry.h"
#include "base/error.h"
#include "tar_header.h"
#include "tar_pax.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tar_sparse {
        struct entry_extent *extents; /* owned */
        size_t count;
        size_t cap;

        /* Of the text of format 1.0, which may end anywhere in a block: */
        uint64_t numbers_left; /* that the map still has, its count first */
        bool count_is_read;
        bool has_digits;
        uint64_t number; /* the digits so far */
        uint64_t offset; /* the first number of the pair being read */
};

#define TAR_SPARSE_INIT ((struct tar_sparse){ .extents = NULL })

void tar_sparse_done(struct tar_sparse *sparse);

/* Adds the runs of an old GNU header or of a block that extends it. `ret_more` tells whether
 * another such block follows. All of them return 0, -ENOMEM or -EBADMSG. */
int tar_sparse_add_header(struct tar_sparse *sparse, const struct tar_block *block, bool *ret_more,
                          struct error *err);
int tar_sparse_add_extension(struct tar_sparse *sparse, const struct tar_block_extension *block,
                             bool *ret_more, struct error *err);

/* Adds the runs that the records of formats 0.0 and 0.1 name. */
int tar_sparse_add_records(struct tar_sparse *sparse, const struct tar_pax_sparse *records,
                           struct error *err);

/* Takes the next block of the text of format 1.0. `ret_more` as above. */
int tar_sparse_add_text(struct tar_sparse *sparse, const char block[static TAR_BLOCK_BYTES],
                        bool *ret_more, struct error *err);

/*
 * Checks the runs against the file's size and the number of bytes that are stored, and brings them
 * into the form that struct entry has: empty runs gone, adjacent ones joined. Where all of the file
 * is data, `entry` is left as a file that is not sparse.
 */
int tar_sparse_finish(struct tar_sparse *sparse, uint64_t stored, struct entry *entry,
                      struct error *err);
