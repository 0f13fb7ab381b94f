/*
 * What is known of the copy's inodes, and what a step says of them.
 */
#include "layout_internal.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "fs/index.h"
#include "hash.h"
#include "xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_ROOM  1024
#define RECORDS_MAX ((size_t)1 << 24)

/* "/proc/self/fd/" and a descriptor. */
#define FD_PATH_MAX 32

int layout_look(int dir_fd, const char *name, struct statx *ret)
{
        int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);

        return statx(dir_fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, ret) < 0 ? -errno : 0;
}

/* ---- records ---- */

/* Where the record of this number is, or would be. */
static size_t place_of(const struct layout *layout, uint64_t host_ino)
{
        size_t mask = layout->record_room - 1;
        size_t at = hash_mix(host_ino ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu) & mask;

        while (layout->records[at] && layout->records[at]->host_ino != host_ino)
                at = (at + 1) & mask;
        return at;
}

static bool is_of(const struct layout_record *record, const struct statx *stx)
{
        return record && layout_same_time(&record->birth, &stx->stx_btime);
}

struct layout_record *layout_find(const struct layout *layout, const struct statx *stx)
{
        struct layout_record *record =
                layout->record_room > 0 ? layout->records[place_of(layout, stx->stx_ino)] : NULL;

        return is_of(record, stx) ? record : NULL;
}

static void free_xattr(struct layout_xattr *xattr)
{
        free(xattr->name);
        free(xattr->value);
        free(xattr);
}

static void free_record(struct layout_record *record)
{
        while (record && record->xattrs) {
                struct layout_xattr *xattr = record->xattrs;

                record->xattrs = xattr->next;
                free_xattr(xattr);
        }
        free(record);
}

static int grow(struct layout *layout)
{
        struct layout_record **old = layout->records;
        size_t room = layout->record_room;

        if (layout->record_count < room / 2)
                return 0;
        if (layout->record_count >= RECORDS_MAX)
                return -ENOMEM;
        layout->record_room = room > 0 ? room * 2 : FIRST_ROOM;
        layout->records = calloc(layout->record_room, sizeof(struct layout_record *));
        if (!layout->records) {
                layout->records = old;
                layout->record_room = room;
                return -ENOMEM;
        }
        for (size_t i = 0; i < room; i++)
                if (old[i])
                        layout->records[place_of(layout, old[i]->host_ino)] = old[i];
        free(old);
        return 0;
}

struct layout_record *layout_find_or_add(struct layout *layout, const struct statx *stx)
{
        struct layout_record *record = layout_find(layout, stx);
        size_t at;

        if (record || grow(layout) < 0)
                return record;
        record = calloc(1, sizeof(*record));
        if (!record)
                return NULL;
        record->host_ino = stx->stx_ino;
        record->birth = stx->stx_btime;
        record->owner = layout->owner;
        at = place_of(layout, stx->stx_ino);
        /* What had the number before is gone. */
        layout->record_count += layout->records[at] == NULL;
        free_record(layout->records[at]);
        layout->records[at] = record;
        return record;
}

void layout_forget_records(struct layout *layout)
{
        for (size_t i = 0; i < layout->record_room; i++)
                free_record(layout->records[i]);
        free(layout->records);
        layout->records = NULL;
        layout->record_count = layout->record_room = 0;
}

void layout_free(struct layout *layout)
{
        struct error ignored = ERROR_INIT;

        if (!layout)
                return;
        if (layout->fd >= 0)
                close(layout->fd);
        if (layout->outer_fd >= 0)
                close(layout->outer_fd);
        if (layout->name[0])
                io_remove_tree(layout->parent_fd, layout->name, &ignored);
        layout_forget_records(layout);
        free(layout);
}

int layout_dir(const struct layout *layout)
{
        return layout->fd;
}

/* ---- what a step says ---- */

int layout_getattr(struct layout *layout, int fd, struct tree_attr *ret)
{
        const struct layout_record *record;
        struct statx stx;
        int r = layout_look(fd, "", &stx);

        if (r < 0)
                return r;
        record = layout_find(layout, &stx);
        *ret = (struct tree_attr){ .ino = stx.stx_ino,
                                   .mode = stx.stx_mode,
                                   .uid = record ? record->owner.uid : layout->owner.uid,
                                   .gid = record ? record->owner.gid : layout->owner.gid };
        if (record && record->device_mode) {
                ret->mode = (record->device_mode & S_IFMT) | (stx.stx_mode & 07777);
                ret->rdev_major = record->rdev_major;
                ret->rdev_minor = record->rdev_minor;
        }
        return 0;
}

static int note(struct layout *layout, int fd, struct statx *ret_stx, struct layout_record **ret)
{
        int r = layout_look(fd, "", ret_stx);

        if (r < 0)
                return r;
        *ret = layout_find_or_add(layout, ret_stx);
        if (!*ret)
                return -ENOMEM;
        (*ret)->noted = true;
        return 0;
}

int layout_chown(struct layout *layout, int fd, uint32_t uid, uint32_t gid)
{
        struct layout_record *record;
        char path[FD_PATH_MAX];
        struct statx stx;
        unsigned mode;
        int r = note(layout, fd, &stx, &record);

        if (r < 0)
                return r;
        if (uid != LAYOUT_UNCHANGED)
                record->owner.uid = uid;
        if (gid != LAYOUT_UNCHANGED)
                record->owner.gid = gid;
        record->owned = true;
        mode = stx.stx_mode & 07777 & ~(unsigned)S_ISUID;
        if (mode & S_IXGRP)
                mode &= ~(unsigned)S_ISGID;
        if (!S_ISREG(stx.stx_mode) || mode == (stx.stx_mode & 07777))
                return 0;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return chmod(path, mode) < 0 ? -errno : 0;
}

int layout_own(struct layout *layout, int dir_fd, const char *name, const struct tree_owner *owner)
{
        struct layout_record *record;
        struct statx stx;
        int r = layout_look(dir_fd, name, &stx);

        if (r < 0)
                return r;
        record = layout_find_or_add(layout, &stx);
        if (!record)
                return -ENOMEM;
        if (record->laid || record->owned)
                return 0;
        record->owner = *owner;
        record->owned = record->noted = true;
        return 0;
}

int layout_mknod(struct layout *layout, int dir_fd, const char *name,
                 const struct tree_new_inode *inode)
{
        struct layout_record *record;
        _cleanup_close_ int fd = -1;
        struct tree_attr dir;
        struct statx stx;
        int r = layout_getattr(layout, dir_fd, &dir);

        if (r < 0)
                return r;
        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || fchmod(fd, inode->mode & 07777) < 0)
                return -errno;
        r = note(layout, fd, &stx, &record);
        if (r < 0)
                return r;
        record->device_mode = inode->mode;
        record->rdev_major = inode->rdev_major;
        record->rdev_minor = inode->rdev_minor;
        record->owner = inode->owner;
        if (dir.mode & S_ISGID)
                record->owner.gid = dir.gid;
        record->owned = true;
        return 0;
}

static struct layout_xattr *new_xattr(const char *name, const void *value, size_t len)
{
        struct layout_xattr *xattr = calloc(1, sizeof(*xattr));

        if (!xattr)
                return NULL;
        xattr->name = strdup(name);
        xattr->value = malloc(len + 1);
        xattr->len = len;
        if (!xattr->name || !xattr->value) {
                free_xattr(xattr);
                return NULL;
        }
        memcpy(xattr->value, value, len);
        return xattr;
}

int layout_setxattr(struct layout *layout, int fd, const char *name, const void *value, size_t len)
{
        struct layout_xattr *xattr, **at;
        struct layout_record *record;
        size_t total = len;
        struct statx stx;
        int r = xattr_check_name(name);

        if (r < 0)
                return r;
        r = note(layout, fd, &stx, &record);
        if (r < 0)
                return r;
        for (at = &record->xattrs; *at && strcmp((*at)->name, name) != 0; at = &(*at)->next)
                total += (*at)->len;
        if (total > INDEX_XATTRS_MAX)
                return -ENOSPC;
        xattr = new_xattr(name, value, len);
        if (!xattr)
                return -ENOMEM;
        if (*at) {
                struct layout_xattr *old = *at;

                xattr->next = old->next;
                free_xattr(old);
        }
        *at = xattr;
        return 0;
}

/* ---- on the way ---- */

int layout_way_enter(struct layout_way *way, int fd, uint64_t ino, const struct statx *stx,
                     struct layout_level **ret)
{
        if (way->count == way->room) {
                size_t room = way->room > 0 ? way->room * 2 : 16;
                struct layout_level *levels = reallocarray(way->levels, room, sizeof(*levels));

                if (!levels) {
                        close(fd);
                        return -ENOMEM;
                }
                way->levels = levels;
                way->room = room;
        }
        if (way->fd >= 0)
                close(way->fd);
        way->fd = fd;
        *ret = &way->levels[way->count++];
        **ret = (struct layout_level){ .ino = ino, .names = STRV_INIT };
        if (stx)
                (*ret)->stx = *stx;
        return 0;
}

int layout_way_leave(struct layout_way *way)
{
        _cleanup_close_ int fd = -1;
        struct statx stx;
        int r;

        if (way->count >= 2) {
                const struct statx *around = &way->levels[way->count - 2].stx;

                fd = openat(way->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? -errno : layout_look(fd, "", &stx);
                if (r < 0)
                        return r;
                if (stx.stx_ino != around->stx_ino || stx.stx_dev_major != around->stx_dev_major ||
                    stx.stx_dev_minor != around->stx_dev_minor)
                        return -EXDEV;
        }
        close(way->fd);
        way->fd = TAKE_FD(fd);
        strv_done(&way->levels[--way->count].names);
        return 0;
}

void layout_way_done(struct layout_way *way)
{
        while (way->count > 0)
                strv_done(&way->levels[--way->count].names);
        free(way->levels);
        if (way->fd >= 0)
                close(way->fd);
}

int layout_way_fail(const struct layout_way *way, const char *name, int code, const char *what,
                    struct error *err)
{
        struct buf path = BUF_INIT;

        if (error_is_set(err))
                return err->code;
        for (size_t i = 0; i + 1 < way->count; i++)
                buf_appendf(&path, "/%s", way->levels[i].names.items[way->levels[i].at]);
        error_set_errno(err, code, "cannot %s %s/%s", what, buf_str(&path), name);
        buf_done(&path);
        return code;
}

struct listing {
        struct strv *names;
        int code;
};

static int add_name(void *userdata, const struct tree_dirent *entry)
{
        struct listing *listing = userdata;

        if (entry->name_len > 2 || memcmp("..", entry->name, entry->name_len) != 0)
                listing->code = strv_take(listing->names, strndup(entry->name, entry->name_len));
        return listing->code;
}

int layout_tree_names(struct tree *tree, uint64_t dir, struct strv *ret)
{
        struct listing listing = { .names = ret };
        int r = tree_readdir(tree, dir, 0, false, add_name, &listing);

        return r < 0 ? r : listing.code;
}
