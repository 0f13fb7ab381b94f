/*
 * Taking a copy back: what an inode holds. One that the kernel says nobody has changed (ctime) is
 * not looked at.
 */
#include "layout_internal.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)128 << 10)
#define CAPABILITY  "security.capability"

struct settling {
        struct layout *layout;
        struct layout_record *record;
        const struct statx *stx;
        const struct tree_attr *before;
        int fd; /* of a file or directory; else -1; borrowed */
        char *chunk;
        char *other;
};

/* ---- content ---- */

/* Where data begins at or behind `at`; the size where there is none. */
static int next_data(struct settling *settling, uint64_t at, uint64_t *ret)
{
        uint64_t size = settling->stx->stx_size, in_tree;
        off_t in_copy = lseek(settling->fd, (off_t)at, SEEK_DATA);
        int r;

        if (in_copy < 0 && errno != ENXIO)
                return -errno;
        *ret = in_copy < 0 ? size : (uint64_t)in_copy;
        r = tree_seek(settling->layout->tree, settling->record->ino, at, SEEK_DATA, &in_tree);
        if (r == 0 && in_tree < *ret)
                *ret = in_tree;
        return r == -ENXIO ? 0 : r;
}

/* Returns 1 where the tree's content is that of the copy, which is as long. */
static int has_same_content(struct settling *settling)
{
        uint64_t size = settling->stx->stx_size, at = 0;
        int r;

        while (at < size) {
                ssize_t n, m;

                r = next_data(settling, at, &at);
                if (r < 0 || at >= size)
                        return r < 0 ? r : 1;
                n = io_pread(settling->fd, settling->chunk, CHUNK_BYTES, (off_t)at);
                if (n <= 0)
                        return n < 0 ? (int)n : -EIO;
                m = tree_read(settling->layout->tree, settling->record->ino, at, settling->other,
                              (size_t)n);
                if (m != n)
                        return m < 0 ? (int)m : 0;
                if (memcmp(settling->chunk, settling->other, (size_t)n) != 0)
                        return 0;
                at += (uint64_t)n;
        }
        return 1;
}

static int write_data(struct settling *settling, off_t at, off_t end)
{
        int r = 0;

        while (at < end && r == 0) {
                size_t want = (size_t)(end - at) < CHUNK_BYTES ? (size_t)(end - at) : CHUNK_BYTES;
                ssize_t n = io_pread(settling->fd, settling->chunk, want, at);

                if (n <= 0)
                        return n < 0 ? (int)n : -EIO;
                r = tree_write(settling->layout->tree, settling->record->ino, (uint64_t)at,
                               settling->chunk, (size_t)n, true);
                at += n;
        }
        return r;
}

static int set_size(struct settling *settling, uint64_t size)
{
        struct tree_attr attr = { .size = size };

        return tree_setattr(settling->layout->tree, settling->record->ino, &attr,
                            TREE_SET_SIZE | TREE_SET_KILL_PRIV, &attr);
}

static int write_content(struct settling *settling)
{
        const off_t size = (off_t)settling->stx->stx_size;
        off_t at = 0;
        int r = set_size(settling, 0);

        if (r == 0)
                r = set_size(settling, settling->stx->stx_size);
        while (r == 0 && at < size) {
                off_t end;

                at = lseek(settling->fd, at, SEEK_DATA);
                if (at < 0)
                        return errno == ENXIO ? 0 : -errno;
                end = lseek(settling->fd, at, SEEK_HOLE);
                if (end < 0)
                        return -errno;
                r = write_data(settling, at, end);
                at = end;
        }
        return r;
}

static int settle_content(struct settling *settling)
{
        int r = 0;

        settling->chunk = malloc(2 * CHUNK_BYTES);
        if (!settling->chunk)
                return -ENOMEM;
        settling->other = settling->chunk + CHUNK_BYTES;
        if (settling->before->size == settling->stx->stx_size)
                r = has_same_content(settling);
        if (r == 0)
                r = write_content(settling);
        free(settling->chunk);
        return r < 0 ? r : 0;
}

/* ---- extended attributes ---- */

static bool is_shown(const char *name)
{
        return strncmp(name, XATTR_USER_PREFIX, XATTR_USER_PREFIX_LEN) == 0;
}

/* What the tree has and the copy has not. */
static int remove_xattrs(struct settling *settling, char *list)
{
        struct tree *tree = settling->layout->tree;
        uint64_t ino = settling->record->ino;
        ssize_t len = tree_listxattr(tree, ino, list, XATTR_LIST_MAX);
        int r = 0;

        for (char *name = list; name < list + len && r == 0; name += strlen(name) + 1)
                if (is_shown(name) && fgetxattr(settling->fd, name, NULL, 0) < 0)
                        r = tree_removexattr(tree, ino, name);
        return len < 0 && len != -ENODATA ? (int)len : r;
}

/* Capabilities of a namespace's root are those of everybody's in an image. */
static size_t plain_capability(char *value, size_t len)
{
        struct vfs_ns_cap_data data;

        if (len != XATTR_CAPS_SZ_3)
                return len;
        memcpy(&data, value, sizeof(data));
        data.magic_etc = (data.magic_etc & ~(uint32_t)VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2;
        memcpy(value, &data, XATTR_CAPS_SZ_2);
        return XATTR_CAPS_SZ_2;
}

static int set_xattr(struct settling *settling, const char *name, char *value, char *old)
{
        struct tree *tree = settling->layout->tree;
        uint64_t ino = settling->record->ino;
        ssize_t n = fgetxattr(settling->fd, name, value, XATTR_SIZE_MAX), m;

        if (n < 0)
                return -errno;
        if (strcmp(name, CAPABILITY) == 0)
                n = (ssize_t)plain_capability(value, (size_t)n);
        m = tree_getxattr(tree, ino, name, old, XATTR_SIZE_MAX);
        if (m == n && memcmp(value, old, (size_t)n) == 0)
                return 0;
        return tree_setxattr(tree, ino, name, value, (size_t)n, 0);
}

static int settle_xattrs(struct settling *settling)
{
        _cleanup_free_ char *room = malloc(XATTR_LIST_MAX + 2 * XATTR_SIZE_MAX);
        char *value, *old;
        ssize_t len;
        int r = 0;

        if (!room)
                return -ENOMEM;
        value = room + XATTR_LIST_MAX;
        old = value + XATTR_SIZE_MAX;
        if (settling->layout->has_xattrs)
                r = remove_xattrs(settling, room);
        len = r == 0 ? flistxattr(settling->fd, room, XATTR_LIST_MAX) : 0;
        for (char *name = room; name < room + len && r == 0; name += strlen(name) + 1)
                if (is_shown(name) || strcmp(name, CAPABILITY) == 0)
                        r = set_xattr(settling, name, value, old);
        return r;
}

static int settle_noted_xattrs(struct settling *settling)
{
        int r = 0;

        for (const struct layout_xattr *at = settling->record->xattrs; at && r == 0; at = at->next)
                r = tree_setxattr(settling->layout->tree, settling->record->ino, at->name,
                                  at->value, at->len, 0);
        return r;
}

/* ---- owner, mode, times ---- */

static int settle_owner(struct settling *settling)
{
        const struct layout_record *record = settling->record;
        struct tree_attr attr = { .uid = record->owner.uid, .gid = record->owner.gid };

        if (settling->before->uid == attr.uid && settling->before->gid == attr.gid)
                return 0;
        return tree_setattr(settling->layout->tree, record->ino, &attr, TREE_SET_UID | TREE_SET_GID,
                            &attr);
}

static int settle_mode(struct settling *settling)
{
        const struct layout_record *record = settling->record;
        struct tree_attr now, attr = { .mode = settling->stx->stx_mode & 07777 };
        int r = tree_getattr(settling->layout->tree, record->ino, &now);

        if (r < 0 || S_ISLNK(settling->stx->stx_mode))
                return r;
        /* Not every filesystem can hold all modes. */
        if (record->laid && record->laid_mode == attr.mode)
                attr.mode = settling->before->mode & 07777;
        else if (settling->layout->unsure && !record->owned && S_ISREG(now.mode))
                attr.mode &= ~(uint32_t)(S_ISUID | S_ISGID);
        if ((now.mode & 07777) == attr.mode)
                return 0;
        attr.mode |= now.mode & S_IFMT;
        return tree_setattr(settling->layout->tree, record->ino, &attr, TREE_SET_MODE, &attr);
}

int layout_settle_times(struct layout *layout, const struct statx *stx,
                        const struct layout_record *record, const struct tree_attr *before)
{
        struct tree_attr now, attr = { .mtime = before->mtime };
        int r = tree_getattr(layout->tree, record->ino, &now);

        if (r < 0)
                return r;
        if (!record->laid || !layout_same_time(&stx->stx_mtime, &record->laid_mtime))
                attr.mtime = (struct timespec){ .tv_sec = stx->stx_mtime.tv_sec,
                                                .tv_nsec = stx->stx_mtime.tv_nsec };
        if (attr.mtime.tv_sec == now.mtime.tv_sec && attr.mtime.tv_nsec == now.mtime.tv_nsec)
                return 0;
        return tree_setattr(layout->tree, record->ino, &attr, TREE_SET_MTIME, &attr);
}

/* ---- all of it ---- */

static int settle(struct settling *settling)
{
        const struct layout_record *record = settling->record;
        int r = 0;

        if (S_ISREG(settling->stx->stx_mode) && !record->device_mode)
                r = settle_content(settling);
        if (r == 0)
                r = settle_owner(settling);
        if (r == 0)
                r = settle_mode(settling);
        if (r == 0 && settling->fd >= 0 && !record->device_mode)
                r = settle_xattrs(settling);
        return r == 0 ? settle_noted_xattrs(settling) : r;
}

int layout_settle(struct layout *layout, const struct layout_way *way, const char *name,
                  const struct statx *stx, struct layout_record *record,
                  const struct tree_attr *before, struct error *err)
{
        _cleanup_close_ int fd = -1;
        struct settling settling = {
                .layout = layout, .record = record, .stx = stx, .before = before, .fd = -1
        };
        int r;

        if (!record->noted && layout_is_as_laid(layout, record, stx))
                return 0;
        if (S_ISDIR(stx->stx_mode)) {
                settling.fd = way->fd;
        } else if (S_ISREG(stx->stx_mode)) {
                settling.fd = fd = io_open_own(way->fd, name);
                if (fd < 0)
                        return layout_way_fail(way, name, fd, "read", err);
        }
        r = settle(&settling);
        return r < 0 ? layout_way_fail(way, name, r, "take back", err) : 0;
}
