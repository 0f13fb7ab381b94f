/*
 * Reading an index: it is mapped, checked once, and then trusted, because it lies in a directory
 * that only its user can write.
 */
#include "fs/index.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "index_format.h"

#include <errno.h>
#include <libdeflate.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The checksum of the file with the checksum's own field as zero. */
static uint32_t index_crc(const char *map, size_t size)
{
        struct index_header header;
        uint32_t crc;

        memcpy(&header, map, sizeof(header));
        header.crc = 0;
        crc = libdeflate_crc32(0, &header, sizeof(header));
        return libdeflate_crc32(crc, map + sizeof(header), size - sizeof(header));
}

static bool section_fits(const struct index_header *header, uint64_t offset, uint64_t count,
                         size_t item)
{
        return offset % 8 == 0 && offset <= header->file_size &&
               count <= (header->file_size - offset) / item;
}

static bool sections_fit(const struct index_header *h)
{
        return h->inode_count > INDEX_ROOT &&
               section_fits(h, h->inodes, h->inode_count, sizeof(struct index_inode)) &&
               section_fits(h, h->entries, h->entry_count, sizeof(struct index_entry)) &&
               section_fits(h, h->links, h->link_count, sizeof(struct index_link)) &&
               section_fits(h, h->extents, h->extent_count, sizeof(struct index_extent)) &&
               section_fits(h, h->digests, h->inode_count, sizeof(struct index_digest)) &&
               section_fits(h, h->xattrs, h->xattrs_size, 1) &&
               section_fits(h, h->strings, h->strings_size, 1);
}

static int index_check(const struct index *index, const char *name, struct error *err)
{
        const struct index_header *header = (const struct index_header *)(const void *)index->map;

        if (index->size < sizeof(*header) || memcmp(header->magic, INDEX_MAGIC, 8) != 0)
                return error_set(err, -EBADMSG, "%s is not a layer index", name);
        if (header->version != INDEX_VERSION)
                return error_set(err, -ESTALE, "%s is an index of version %u, ours is %u", name,
                                 header->version, INDEX_VERSION);
        if (header->file_size != index->size || !sections_fit(header) ||
            header->crc != index_crc(index->map, index->size))
                return error_set(err, -EBADMSG, "the layer index %s is damaged", name);
        return 0;
}

int index_open(int fd, const char *name, struct index **ret, struct error *err)
{
        struct index *index;
        struct stat st;
        void *map;
        int r;

        if (fstat(fd, &st) < 0)
                return error_set_errno(err, -errno, "cannot read %s", name);
        if (st.st_size < (off_t)sizeof(struct index_header))
                return error_set(err, -EBADMSG, "%s is not a layer index", name);
        index = calloc(1, sizeof(*index));
        if (!index)
                return error_set_oom(err);
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (map == MAP_FAILED) {
                r = error_set_errno(err, -errno, "cannot map %s", name);
                free(index);
                return r;
        }
        index->map = map;
        index->size = (size_t)st.st_size;
        r = index_check(index, name, err);
        if (r < 0) {
                index_free(index);
                return r;
        }
        index->header = map;
        index->inodes = (const void *)(index->map + index->header->inodes);
        index->entries = (const void *)(index->map + index->header->entries);
        index->links = (const void *)(index->map + index->header->links);
        index->extents = (const void *)(index->map + index->header->extents);
        index->digests = (const void *)(index->map + index->header->digests);
        index->xattrs = index->map + index->header->xattrs;
        index->strings = index->map + index->header->strings;
        if (!index_is_sound(index)) {
                index_free(index);
                return error_set(err, -EBADMSG, "the layer index %s is damaged", name);
        }
        *ret = index;
        return 0;
}

void index_free(struct index *index)
{
        if (!index)
                return;
        munmap((void *)(uintptr_t)index->map, index->size);
        free(index);
}

const uint8_t *index_diff_id(const struct index *index)
{
        return index->header->diff_id;
}

const uint8_t *index_content_id(const struct index *index)
{
        return index->header->content_id;
}

int index_read_content_id(int fd, const uint8_t diff_id[static INDEX_DIFF_ID_BYTES],
                          uint8_t ret[static INDEX_DIGEST_BYTES])
{
        struct index_header header;

        if (io_pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
            memcmp(header.magic, INDEX_MAGIC, 8) != 0 ||
            memcmp(header.diff_id, diff_id, INDEX_DIFF_ID_BYTES) != 0)
                return -EBADMSG;
        if (header.version != INDEX_VERSION)
                return -ESTALE;
        memcpy(ret, header.content_id, INDEX_DIGEST_BYTES);
        return 0;
}

uint64_t index_content_bytes(const struct index *index)
{
        return index->header->content_bytes;
}

uint64_t index_tar_size(const struct index *index)
{
        return index->header->tar_size;
}

const struct index_entry *index_find(const struct index *index, uint32_t dir, const char *name,
                                     size_t len)
{
        const struct index_entry *entries = index->entries + index_inode(index, dir)->first;
        size_t low = 0, high = index_inode(index, dir)->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const struct index_entry *entry = &entries[middle];
                int order = index_name_cmp(name, len, index_name(index, entry), entry->name_len);

                if (order == 0)
                        return entry;
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

size_t index_links(const struct index *index, uint32_t inode, const struct index_link **ret_links)
{
        size_t low = 0, high = index->header->link_count;
        uint32_t count = index_inode(index, inode)->nlink;

        if (count < 2 || S_ISDIR(index_inode(index, inode)->mode))
                return 0;
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (index->links[middle].inode < inode)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_links = &index->links[low];
        return count;
}
