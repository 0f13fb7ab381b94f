/*
 * Digests of content: of each file, while its bytes pass by, and of all that a layer holds.
 */
#include "fs/index.h"

#include "index_build.h"
#include "xattr.h"

#include <errno.h>
#include <stdlib.h>

/* ---- a file ---- */

/* What a sparse file is digested with: its runs stand for their places. */
static int add_runs(struct index_builder *builder, const struct entry *entry, struct error *err)
{
        int r = digest_hasher_update(builder->hasher, &entry->size, sizeof(entry->size), err);

        for (size_t i = 0; i < entry->extent_count && r == 0; i++) {
                builder->missing_bytes += entry->extents[i].length;
                r = digest_hasher_update(builder->hasher, &entry->extents[i],
                                         sizeof(entry->extents[i]), err);
        }
        return r;
}

int content_digest_begin(struct index_builder *builder, uint32_t inode, const struct entry *entry,
                         struct error *err)
{
        int r = builder->hasher ? digest_hasher_restart(builder->hasher, err)
                                : digest_hasher_new(&builder->hasher, err);

        if (r < 0)
                return r;
        builder->filling = inode;
        builder->missing_bytes = entry->extents ? 0 : entry->size;
        return entry->extents ? add_runs(builder, entry, err) : 0;
}

int index_builder_content(struct index_builder *builder, const void *data, size_t len,
                          struct error *err)
{
        if (builder->filling == 0)
                return 0;
        if (len > builder->missing_bytes)
                return error_set(err, -EINVAL,
                                 "a file of the layer has more content than its size");
        builder->missing_bytes -= len;
        return digest_hasher_update(builder->hasher, data, len, err);
}

/* Makes room for the digests of all inodes so far. */
static int reserve_digests(struct index_builder *builder)
{
        struct index_digest *digests;
        uint32_t count = builder->inode_cap;

        if (builder->filling < builder->digest_count)
                return 0;
        digests = reallocarray(builder->digests, count, sizeof(*digests));
        if (!digests)
                return -ENOMEM;
        memset(digests + builder->digest_count, 0,
               (count - builder->digest_count) * sizeof(*digests));
        builder->digests = digests;
        builder->digest_count = count;
        return 0;
}

int content_digest_end(struct index_builder *builder, struct error *err)
{
        struct digest digest;
        int r;

        if (builder->filling == 0)
                return 0;
        if (builder->missing_bytes > 0) {
                builder->undigested = true;
                builder->filling = 0;
                return 0;
        }
        r = digest_hasher_finish(builder->hasher, &digest, err);
        if (r < 0)
                return r;
        if (reserve_digests(builder) < 0)
                return error_set_oom(err);
        memcpy(builder->digests[builder->filling].bytes, digest.bytes, INDEX_DIGEST_BYTES);
        builder->filling = 0;
        return 0;
}

/* ---- a layer ---- */

/* An inode without its times, and without the numbers that say where its parts lie. */
struct plain_inode {
        uint64_t size;
        uint64_t device;
        uint32_t mode;
        uint32_t uid;
        uint32_t gid;
        uint32_t nlink;
        uint32_t flags;
        uint32_t count; /* entries of a directory */
        uint32_t xattrs_size;
        uint32_t text_size;
};

static int add_inode(struct digest_hasher *hasher, const struct index *index, uint32_t number,
                     struct error *err)
{
        const struct index_inode *inode = index_inode(index, number);
        const struct xattr_set *xattrs =
                inode->xattrs ? (const void *)(index->xattrs + inode->xattrs) : NULL;
        uint32_t type = inode->mode & S_IFMT;
        bool has_text = type == S_IFLNK || type == INDEX_S_IFLOWER;
        const struct plain_inode plain = {
                .size = type == S_IFREG ? inode->size : 0,
                .device = type == S_IFCHR || type == S_IFBLK ? inode->place : 0,
                .mode = inode->mode,
                .uid = inode->uid,
                .gid = inode->gid,
                .nlink = inode->nlink,
                .flags = inode->flags & (INDEX_OPAQUE | INDEX_IMPLIED),
                .count = type == S_IFDIR ? inode->count : 0,
                .xattrs_size = xattrs ? xattrs->size : 0,
                .text_size = has_text ? (uint32_t)inode->size : 0,
        };
        int r = digest_hasher_update(hasher, &plain, sizeof(plain), err);

        if (r == 0 && xattrs)
                r = digest_hasher_update(hasher, xattrs, xattrs->size, err);
        if (r == 0 && has_text)
                r = digest_hasher_update(hasher, index->strings + inode->place, inode->size, err);
        if (r == 0 && type == S_IFREG)
                r = digest_hasher_update(hasher, &index->digests[number], INDEX_DIGEST_BYTES, err);
        return r;
}

/* Inodes are numbered in the order in which a walk in breadth, by names, meets them: the same names
 * and inodes have the same numbers. */
int content_id_of(const struct index *index, uint8_t ret[static INDEX_DIGEST_BYTES],
                  struct error *err)
{
        struct digest_hasher *hasher;
        struct digest digest;
        int r;

        r = digest_hasher_new(&hasher, err);
        if (r < 0)
                return r;
        for (uint32_t i = INDEX_ROOT; i < index->header->inode_count && r == 0; i++)
                r = add_inode(hasher, index, i, err);
        for (uint32_t i = 0; i < index->header->entry_count && r == 0; i++) {
                const struct index_entry *entry = &index->entries[i];
                const uint32_t numbers[] = { entry->name_len, entry->inode, entry->parent };

                r = digest_hasher_update(hasher, numbers, sizeof(numbers), err);
                if (r == 0)
                        r = digest_hasher_update(hasher, index_name(index, entry), entry->name_len,
                                                 err);
        }
        if (r == 0)
                r = digest_hasher_finish(hasher, &digest, err);
        digest_hasher_free(hasher);
        if (r == 0)
                memcpy(ret, digest.bytes, INDEX_DIGEST_BYTES);
        return r;
}
