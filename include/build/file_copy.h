/*
 * Files between the host and a tree: floor 3. What `cp` of a container does.
 */
#pragma once

#include "base/error.h"
#include "base/stream.h"
#include "fs/tree.h"
#include "store/store.h"

/*
 * Copies a file, or a directory with all below it, of the host into the tree, as COPY does: what is
 * copied belongs to root. `source` "-" is a tar archive on standard input, for a directory that is
 * there. As `cp`: into `target` where that is a directory, unless `source` ends in "/."; else under
 * that name. -ENOENT, -ENOTDIR.
 */
int files_copy_in(struct store *store, struct tree *tree, const char *source, const char *target,
                  struct error *err);

/* The other way round: what is copied belongs to the caller. Device files are left out;
 * `ret_left_out` tells how many files and attributes that were. */
int files_copy_out(struct store *store, struct tree *tree, const char *source, const char *target,
                   size_t *ret_left_out, struct error *err);

/* The same as a tar archive. */
int files_copy_to_tar(struct store *store, struct tree *tree, const char *source,
                      const struct byte_sink *out, struct error *err);
