/*
 * The index of a layer at rest: floor 2, the union filesystem.
 *
 * A layer at rest is its exact uncompressed tar and, beside it, one index of it: a file that is
 * mapped into memory and used as it lies there. The index holds every name, inode, xattr and the
 * place of every file's bytes in the tar, so that nothing is ever extracted. It is written once,
 * never changed, checked as a whole (CRC-32) when it is opened, and can be made again from the
 * tar at any time; its format therefore need not be portable between machines of different byte
 * order, and a version that is not ours only means "make it again".
 */
#pragma once

#include "archive/entry.h"
#include "base/error.h"

#include <stdint.h>

#define INDEX_DIFF_ID_BYTES 32
#define INDEX_DIGEST_BYTES  32

/* What a single layer may ask of us at most. */
#define INDEX_ENTRIES_MAX    (1u << 21)
#define INDEX_PATH_MAX       65535u
#define INDEX_NAME_MAX       255u
#define INDEX_XATTRS_MAX     (1u << 20) /* bytes of all xattrs of one inode */
#define INDEX_LINK_DEPTH_MAX 40         /* symlinks on the way of one entry's path */

struct index;

/*
 * Maps the index that is open at `fd` (which stays the caller's) and checks it. `name` is for
 * errors. -ESTALE: it is of another version; -EBADMSG: it is damaged; both mean that it has to be
 * made again from the tar.
 */
int index_open(int fd, const char *name, struct index **ret, struct error *err);
void index_free(struct index *index);

const uint8_t *index_diff_id(const struct index *index);
uint64_t index_tar_size(const struct index *index);

/*
 * The digest of what the layer holds: of all that a tree made of it shows but times. Layers of
 * equal content have the same one, whatever their tars say else. Where the content of some file
 * was not given to the builder it is the diffID.
 */
const uint8_t *index_content_id(const struct index *index);

/* The same of the index that is open at `fd`, which is not looked at any further. Returns 0;
 * -ESTALE, -EBADMSG: as index_open(), or it is the index of another layer. */
int index_read_content_id(int fd, const uint8_t diff_id[static INDEX_DIFF_ID_BYTES],
                          uint8_t ret[static INDEX_DIGEST_BYTES]);

/* What two layers do not have alike: a path, and of a file's content both digests where they are
 * known. */
struct index_difference {
        const char *path; /* "/dir/file" */
        const char *how;  /* "is new", "has another mode" */
        const uint8_t *was;
        const uint8_t *is;
};

typedef int (*index_differs)(void *context, const struct index_difference *difference);

/* Tells what differs by types, modes, owners, contents and targets: nothing of times, and of what
 * is in a directory that only one has, nothing more. What `differs` returns, other than 0, ends it
 * and is returned; -ENOMEM. */
int index_compare(const struct index *was, const struct index *is, index_differs differs,
                  void *context);

/* Whether files that the index tells of have in the tar the headers that they should: looks at a
 * few dozen. The tar's size is the index's. */
bool index_fits_tar(const struct index *index, int tar_fd);

/* The bytes of content of all its files. */
uint64_t index_content_bytes(const struct index *index);

/*
 * Builds an index out of a tar's entries, in the order in which they stand in it.
 *
 * The image specification's rules (image-spec v1.1, layer.md) and those of the tools that write
 * layers hold: of entries of one path the last wins; missing parents are made (0755, root) and
 * marked, so that a lower layer's directory keeps its own metadata; "./", "/" and doubled slashes
 * mean nothing; ".." is resolved by text and may not leave the root; a parent that is a symlink of
 * this layer is followed inside the root; ".wh.NAME" and ".wh..wh..opq" act on lower layers
 * alone, wherever they stand; ".wh..wh.plnk" and ".wh..wh.aufs" are skipped.
 *
 * A hard link to what this layer does not hold is kept as a link into the layers below.
 */
struct index_builder;

int index_builder_new(struct index_builder **ret, struct error *err);
void index_builder_free(struct index_builder *builder);

/*
 * Adds an entry whose content (ENTRY_FILE) begins at `data_offset` of the tar; of a sparse file
 * the runs in `entry->extents` lie there one after another. -EINVAL, -ENAMETOOLONG, -E2BIG,
 * -ENOTDIR, -ELOOP: the entry is one that no layer may have; the message names it.
 */
int index_builder_add(struct index_builder *builder, const struct entry *entry,
                      uint64_t data_offset, struct error *err);

/* Takes the next bytes of the content, as it is stored, of the file that was added last; for its
 * digest. A file whose content is not given as a whole has none. */
int index_builder_content(struct index_builder *builder, const void *data, size_t len,
                          struct error *err);

/* The builder as a sink of entries and content (archive/entry.h). */
struct entry_sink index_builder_sink(struct index_builder *builder);

/* Writes the index to `fd`, an empty file. The builder is of no use afterwards but to be freed. */
int index_builder_finish(struct index_builder *builder,
                         const uint8_t diff_id[static INDEX_DIFF_ID_BYTES], uint64_t tar_size,
                         int fd, struct error *err);
