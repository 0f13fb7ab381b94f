/*
 * An index while it is being built. Private to index_build.c, which adds entries, and
 * index_write.c, which lays them out and writes them.
 */
#pragma once

#include "base/buf.h"
#include "index_format.h"

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
};
