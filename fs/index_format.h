/*
 * What stands in an index file. Private to fs/.
 *
 * Sections follow the header in the order of their offsets, each aligned to 8 bytes. Inode 0
 * means "none", inode 1 is the root. A directory's entries are one run, sorted by name as bytes.
 */
#pragma once

#include "fs/index.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_MAGIC   "varveidx"
#define INDEX_VERSION 2u
#define INDEX_ROOT    1u

struct index_header {
        char magic[8];
        uint32_t version;
        uint32_t crc; /* of the whole file, this field taken as 0 */
        uint8_t diff_id[INDEX_DIFF_ID_BYTES];
        uint8_t content_id[INDEX_DIGEST_BYTES]; /* index_content_id() */
        uint64_t tar_size;
        uint64_t file_size;
        uint64_t content_bytes;
        uint64_t inodes; /* offset of struct index_inode[inode_count] */
        uint64_t entries;
        uint64_t links;
        uint64_t extents;
        uint64_t digests; /* offset of struct index_digest[inode_count] */
        uint64_t xattrs;
        uint64_t strings;
        uint64_t strings_size;
        uint64_t xattrs_size;
        uint32_t inode_count;
        uint32_t entry_count;
        uint32_t link_count;
        uint32_t extent_count;
};

/* Flags of an inode. */
#define INDEX_OPAQUE (1u << 0) /* directory: nothing of the layers below shows */
#define INDEX_IMPLIED \
        (1u << 1) /* directory: no entry of its own; metadata is that of a lower one */
#define INDEX_SPARSE (1u << 2)
#define INDEX_MIXED  (1u << 3) /* directory: has whiteouts or links into the layers below */

/* The type bits of a name for a file that lies in a layer below (a hard link over layers). */
#define INDEX_S_IFLOWER 0u

struct index_inode {
        uint64_t size;  /* content of a file, length of a symlink's target or of a lower path */
        uint64_t place; /* file: offset in the tar; symlink, lower link: its text in the strings;
                         * device: major << 32 | minor */
        int64_t mtime_sec;
        uint32_t mtime_nsec;
        uint32_t mode; /* S_IFMT and 07777 */
        uint32_t uid;
        uint32_t gid;
        uint32_t nlink;  /* names in this layer; of a directory 2 and its subdirectories */
        uint32_t entry;  /* the name (for several: the first); unused for the root */
        uint32_t xattrs; /* offset in the xattr section, 0 for none */
        uint32_t first;  /* directory: of its entries; sparse file: of its extents */
        uint32_t count;
        uint32_t flags;
};
static_assert(sizeof(struct index_inode) == 64, "an index inode is one cache line");

struct index_entry {
        uint32_t name; /* in the strings, not terminated */
        uint32_t name_len;
        uint32_t inode;  /* 0: a whiteout */
        uint32_t parent; /* the directory's inode */
};

/* A name of an inode that has several; sorted by inode, then entry. */
struct index_link {
        uint32_t inode;
        uint32_t entry;
};

struct index_extent {
        uint64_t offset; /* in the file */
        uint64_t length;
        uint64_t place; /* in the tar */
};

/* Of a file's content; zeros where it is not known, and of what is no file. */
struct index_digest {
        uint8_t bytes[INDEX_DIGEST_BYTES];
};

struct index {
        const char *map; /* owned mapping of `size` bytes */
        size_t size;
        const struct index_header *header;
        const struct index_inode *inodes;
        const struct index_entry *entries;
        const struct index_link *links;
        const struct index_extent *extents;
        const struct index_digest *digests;
        const char *xattrs;
        const char *strings;
};

static inline const struct index_inode *index_inode(const struct index *index, uint32_t inode)
{
        return &index->inodes[inode];
}

static inline const char *index_name(const struct index *index, const struct index_entry *entry)
{
        return index->strings + entry->name;
}

/* Compares names as bytes, a prefix first. */
static inline int index_name_cmp(const char *a, size_t a_len, const char *b, size_t b_len)
{
        int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

        return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* Whether all that the sections say of each other holds; the header was checked before. */
bool index_is_sound(const struct index *index);

/* The entry of `name` in directory `dir`, a whiteout too, or NULL. */
const struct index_entry *index_find(const struct index *index, uint32_t dir, const char *name,
                                     size_t len);

/* The names of an inode: sets `ret_links` to the first of several and returns how many; 0 when it
 * has but the one name `inode->entry`, as a directory always does. */
size_t index_links(const struct index *index, uint32_t inode, const struct index_link **ret_links);
