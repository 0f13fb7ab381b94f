/*
 * Whether an index says what an index may say: every number in it leads to where it should, so that
 * nobody who reads it later has to ask. The checksum finds what disks do; this finds what a program
 * with a fault, or a person, has written.
 */
#include "index_format.h"
#include "xattr.h"

#include "base/io.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool fits(uint64_t offset, uint64_t len, uint64_t size)
{
        return offset <= size && len <= size - offset;
}

static bool is_directory(const struct index *index, uint32_t inode)
{
        return inode >= INDEX_ROOT && inode < index->header->inode_count &&
               S_ISDIR(index_inode(index, inode)->mode);
}

static bool xattrs_are_sound(const struct index *index, uint32_t offset)
{
        uint64_t size = index->header->xattrs_size, at = 0;
        const struct xattr_set *set = (const void *)(index->xattrs + offset);
        uint32_t count = 0;

        if (offset % 4 != 0 || !fits(offset, sizeof(*set), size) || set->refs != 0 ||
            set->size < sizeof(*set) || !fits(offset, set->size, size))
                return false;
        size = set->size - sizeof(*set);
        for (; at < size; count++) {
                const struct xattr_item *item = (const void *)(set->items + at);
                uint64_t text = at + sizeof(*item);

                if (!fits(at, sizeof(*item), size) ||
                    !fits(text, (uint64_t)item->name_len + 1 + item->value_len, size) ||
                    memchr(set->items + text, '\0', (size_t)item->name_len + 1) !=
                            set->items + text + item->name_len)
                        return false;
                at = (text + item->name_len + 1 + item->value_len + 3) & ~(uint64_t)3;
        }
        return at == size && count == set->count;
}

static bool extents_are_sound(const struct index *index, const struct index_inode *inode)
{
        uint64_t end = 0;

        if (!fits(inode->first, inode->count, index->header->extent_count))
                return false;
        for (uint32_t i = 0; i < inode->count; i++) {
                const struct index_extent *extent = &index->extents[inode->first + i];

                if (extent->offset < end || !fits(extent->offset, extent->length, inode->size) ||
                    !fits(extent->place, extent->length, index->header->tar_size))
                        return false;
                end = extent->offset + extent->length;
        }
        return true;
}

static bool links_are_sound(const struct index *index, uint32_t number)
{
        const struct index_link *links = NULL;
        size_t count = index_links(index, number, &links);

        if (count > 0 && !fits((uint64_t)(links - index->links), count, index->header->link_count))
                return false;
        for (size_t i = 0; i < count; i++)
                if (links[i].inode != number || links[i].entry >= index->header->entry_count ||
                    index->entries[links[i].entry].inode != number)
                        return false;
        return true;
}

static bool inode_is_sound(const struct index *index, uint32_t number)
{
        const struct index_header *header = index->header;
        const struct index_inode *inode = index_inode(index, number);

        if (inode->mode & ~(uint32_t)(S_IFMT | 07777) || inode->mtime_nsec >= 1000000000 ||
            (inode->xattrs != 0 && !xattrs_are_sound(index, inode->xattrs)) ||
            !links_are_sound(index, number))
                return false;
        if (number != INDEX_ROOT &&
            (inode->entry >= header->entry_count || index->entries[inode->entry].inode != number))
                return false;
        switch (inode->mode & S_IFMT) {
        case S_IFDIR:
                return fits(inode->first, inode->count, header->entry_count);
        case S_IFREG:
                return inode->flags & INDEX_SPARSE
                               ? extents_are_sound(index, inode)
                               : fits(inode->place, inode->size, header->tar_size);
        case S_IFLNK:
        case INDEX_S_IFLOWER:
                return fits(inode->place, inode->size, header->strings_size);
        case S_IFCHR:
        case S_IFBLK:
        case S_IFIFO:
        case S_IFSOCK:
                return number != INDEX_ROOT;
        default:
                return false;
        }
}

static bool name_is_sound(const struct index *index, const struct index_entry *entry)
{
        const char *name = index_name(index, entry);

        return entry->name_len > 0 && entry->name_len <= INDEX_NAME_MAX &&
               fits(entry->name, entry->name_len, index->header->strings_size) &&
               !memchr(name, '/', entry->name_len) && !memchr(name, '\0', entry->name_len);
}

/* A directory has one name, and a greater number than the one that it lies in: there are no rings.
 */
static bool entry_is_sound(const struct index *index, uint32_t number)
{
        const struct index_entry *entry = &index->entries[number], *before = entry - 1;
        const struct index_inode *parent;

        if (!name_is_sound(index, entry) || !is_directory(index, entry->parent) ||
            entry->inode == INDEX_ROOT || entry->inode >= index->header->inode_count)
                return false;
        parent = index_inode(index, entry->parent);
        if (number < parent->first || number - parent->first >= parent->count)
                return false;
        if (is_directory(index, entry->inode) &&
            (entry->inode <= entry->parent || index_inode(index, entry->inode)->entry != number))
                return false;
        return number == parent->first ||
               index_name_cmp(index_name(index, before), before->name_len, index_name(index, entry),
                              entry->name_len) < 0;
}

bool index_is_sound(const struct index *index)
{
        if (!is_directory(index, INDEX_ROOT))
                return false;
        for (uint32_t i = INDEX_ROOT; i < index->header->inode_count; i++)
                if (!inode_is_sound(index, i))
                        return false;
        for (uint32_t i = 0; i < index->header->entry_count; i++)
                if (!entry_is_sound(index, i))
                        return false;
        return true;
}

/* ---- and its tar ---- */

/* Of how many files the headers are looked at. */
#define HEADERS_LOOKED_AT 64u

/* The ustar header (POSIX.1-2017, pax) right before a file's content. */
#define HEADER_BYTES    512u
#define HEADER_NAME     100u
#define HEADER_SIZE_AT  124
#define HEADER_MTIME_AT 136
#define HEADER_NUMBER   12
#define HEADER_MAGIC_AT 257

/* A number in octal, as far as it is one: a larger one stands elsewhere, and fits. */
static bool number_fits(const char *field, uint64_t number)
{
        char digits[HEADER_NUMBER + 1] = "";
        char *end;
        uint64_t found;

        memcpy(digits, field, HEADER_NUMBER);
        found = strtoull(digits, &end, 8);
        return end == digits || number >> (3 * (HEADER_NUMBER - 1)) != 0 || found == number;
}

/* The last component, where the header has the whole name: a long one, or one that is not plain
 * text, stands elsewhere. */
static bool name_fits(const char *field, const char *name, size_t len)
{
        size_t at = strnlen(field, HEADER_NAME);

        for (size_t i = 0; i < len; i++)
                if (name[i] <= ' ' || name[i] > '~')
                        return true;
        return at == HEADER_NAME || (at >= len && memcmp(field + at - len, name, len) == 0);
}

static bool header_fits(const struct index *index, const struct index_inode *inode, int tar_fd)
{
        const struct index_entry *entry = &index->entries[inode->entry];
        char header[HEADER_BYTES];

        return inode->place >= sizeof(header) &&
               io_pread(tar_fd, header, sizeof(header), (off_t)(inode->place - sizeof(header))) ==
                       (ssize_t)sizeof(header) &&
               memcmp(header + HEADER_MAGIC_AT, "ustar", strlen("ustar")) == 0 &&
               name_fits(header, index_name(index, entry), entry->name_len) &&
               number_fits(header + HEADER_SIZE_AT, inode->size) &&
               (inode->mtime_sec < 0 ||
                number_fits(header + HEADER_MTIME_AT, (uint64_t)inode->mtime_sec));
}

bool index_fits_tar(const struct index *index, int tar_fd)
{
        uint32_t count = index->header->inode_count;
        uint32_t step = count / HEADERS_LOOKED_AT + 1;

        for (uint32_t i = INDEX_ROOT; i < count; i += step) {
                const struct index_inode *inode = index_inode(index, i);

                if (S_ISREG(inode->mode) && inode->size > 0 && !(inode->flags & INDEX_SPARSE) &&
                    !header_fits(index, inode, tar_fd))
                        return false;
        }
        return true;
}
