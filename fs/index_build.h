/*
 * An index while it is being built. Private to index_build.c, which adds entries,
 * index_content.c, which digests their content, and index_write.c, which lays them out and writes
 * them.
 */
#pragma once

#include "base/buf.h"
#include "index_format.h"
#include "oci/digest.h"

/* A name while building. `whiteout` may stand beside an inode: it hides what lies below. */
struct build_name {
        uint32_t text;
        uint32_t len;
        uint32_t parent;
        uint32_t inode; /* 0: no entry, or taken back */
        bool whiteout;
};

struct index_builder {
        struct index_inode *inodes; /* [0] unused, [1] the root; `entry` is a build_name */
        uint32_t inode_count;
        uint32_t inode_cap;
        struct build_name *names;
        uint32_t name_count;
        uint32_t name_cap;
        uint32_t *slots; /* hash table of names, 0 empty, else index + 1 */
        uint32_t slot_count;
        uint64_t key;
        struct buf strings;
        struct buf xattrs;
        struct index_extent *extents;
        uint32_t extent_count;
        uint32_t extent_cap;
        uint64_t content_bytes;

        /* The digest of the file that was added last. */
        struct digest_hasher *hasher; /* owned; NULL before the first */
        uint32_t added;               /* the inode that the last entry has made, or 0 */
        uint32_t filling;             /* of which content is taken, or 0 */
        uint64_t missing_bytes;       /* of its stored content */
        struct index_digest *digests; /* owned; by inode, for the first `digest_count` */
        uint32_t digest_count;
        bool undigested; /* some file's content was not given as a whole */
};

/* ---- index_content.c ---- */

/* The entry, a file, was added as this inode: its content follows. */
int content_digest_begin(struct index_builder *builder, uint32_t inode, const struct entry *entry,
                         struct error *err);

/* What follows, if anything, is another's. */
int content_digest_end(struct index_builder *builder, struct error *err);

/* The digest of what a layer holds, out of the sections of its index. Returns 0, -ENOMEM, -EIO. */
int content_id_of(const struct index *index, uint8_t ret[static INDEX_DIGEST_BYTES],
                  struct error *err);
