/*
 * Taking a copy back: which names mean what. A name that means another inode than before gets that
 * one, by a link where the tree knows it; what nobody has a name for any more is taken away.
 */
#include "layout_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct taking {
        struct layout *layout;
        struct layout_way way;
        struct error *err;
};

static int fail(struct taking *taking, const char *name, int code)
{
        return layout_way_fail(&taking->way, name, code, "take back", taking->err);
}

/* ---- what is gone ---- */

/* What is taken away may have another name in the copy, and is then linked to that. */
static int remove_file(struct tree *tree, uint64_t dir, const char *name, uint64_t ino)
{
        tree_remember(tree, ino);
        return tree_unlink(tree, dir, name);
}

/* Takes a name away with all that is below it. */
static int prune(struct tree *tree, uint64_t dir, const char *name)
{
        struct layout_way way = { .fd = -1 };
        struct layout_level *level;
        struct tree_attr attr;
        int r = tree_lookup(tree, dir, name, &attr);

        if (r < 0)
                return r;
        if (!S_ISDIR(attr.mode))
                return remove_file(tree, dir, name, attr.ino);
        r = layout_way_enter(&way, -1, dir, NULL, &level);
        if (r == 0)
                r = strv_add(&level->names, name);
        while (r == 0 && way.count > 0) {
                const char *next;

                level = &way.levels[way.count - 1];
                if (level->at == level->names.count) {
                        strv_done(&way.levels[--way.count].names);
                        level = way.count > 0 ? &way.levels[way.count - 1] : NULL;
                        if (level)
                                r = tree_rmdir(tree, level->ino, level->names.items[level->at++]);
                        continue;
                }
                next = level->names.items[level->at];
                r = tree_lookup(tree, level->ino, next, &attr);
                if (r == 0 && !S_ISDIR(attr.mode)) {
                        r = remove_file(tree, level->ino, next, attr.ino);
                        level->at++;
                } else if (r == 0) {
                        /* Whose a directory was is asked when it is found elsewhere. */
                        tree_remember(tree, attr.ino);
                        r = layout_way_enter(&way, -1, attr.ino, NULL, &level);
                        if (r == 0)
                                r = layout_tree_names(tree, attr.ino, &level->names);
                }
        }
        layout_way_done(&way);
        return r;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int prune_missing(struct tree *tree, const struct layout_level *level)
{
        struct strv names = STRV_INIT;
        int r = layout_tree_names(tree, level->ino, &names);

        for (size_t i = 0; i < names.count && r == 0; i++) {
                const char *name = names.items[i];

                if (level->names.count == 0 ||
                    !bsearch(&name, level->names.items, level->names.count, sizeof(char *),
                             compare_names))
                        r = prune(tree, level->ino, name);
        }
        strv_done(&names);
        return r;
}

/* ---- what is there ---- */

/* A directory that stands elsewhere now is a new one with the attributes of the old. */
static int copy_attributes(struct tree *tree, uint64_t from, uint64_t to)
{
        ssize_t len = tree_listxattr(tree, from, NULL, 0), n;
        char *list, *value;
        int r = 0;

        if (len <= 0)
                return len < 0 && len != -ENODATA ? (int)len : 0;
        list = malloc((size_t)len + XATTR_SIZE_MAX);
        if (!list)
                return -ENOMEM;
        value = list + len;
        len = tree_listxattr(tree, from, list, (size_t)len);
        for (char *name = list; name < list + len && r == 0; name += strlen(name) + 1) {
                n = tree_getxattr(tree, from, name, value, XATTR_SIZE_MAX);
                r = n < 0 ? (int)n : tree_setxattr(tree, to, name, value, (size_t)n, 0);
        }
        free(list);
        return r;
}

/* Makes the name in the tree that is in the copy. `record` is its inode's. */
static int create(struct taking *taking, const char *name, const struct statx *stx,
                  struct layout_record *record, struct tree_attr *ret)
{
        struct tree *tree = taking->layout->tree;
        uint64_t dir = taking->way.levels[taking->way.count - 1].ino, old = record->ino;
        char target[PATH_MAX];
        struct tree_new_inode inode = { .mode = (uint32_t)(stx->stx_mode & ~06000),
                                        .owner = record->owner,
                                        .rdev_major = record->rdev_major,
                                        .rdev_minor = record->rdev_minor,
                                        .target = target };
        int r;

        if (old != 0 && !S_ISDIR(stx->stx_mode))
                return tree_link(tree, old, dir, name, ret);
        if (record->device_mode)
                inode.mode = (record->device_mode & S_IFMT) | (stx->stx_mode & 01777);
        if (S_ISLNK(stx->stx_mode)) {
                ssize_t n = readlinkat(taking->way.fd, name, target, sizeof(target) - 1);

                if (n < 0)
                        return -errno;
                target[n] = '\0';
        }
        r = tree_create(tree, dir, name, &inode, ret);
        if (r < 0)
                return r;
        /* A directory with setgid hands its group on. */
        if (!record->owned && !record->laid)
                record->owner = (struct tree_owner){ .uid = ret->uid, .gid = ret->gid };
        record->ino = ret->ino;
        record->settled = record->laid = false;
        return old != 0 ? copy_attributes(tree, old, record->ino) : 0;
}

static bool is_type_of(const struct layout_record *record, const struct statx *stx,
                       const struct tree_attr *attr)
{
        uint32_t type = record->device_mode ? record->device_mode : stx->stx_mode;

        return (type & S_IFMT) == (attr->mode & S_IFMT);
}

/* Sees to it that the name means the same inode. */
static int match_name(struct taking *taking, const char *name, const struct statx *stx,
                      struct layout_record *record, struct tree_attr *ret)
{
        struct tree *tree = taking->layout->tree;
        uint64_t dir = taking->way.levels[taking->way.count - 1].ino;
        int r = tree_lookup(tree, dir, name, ret);

        if (r == 0 && record->ino == ret->ino && is_type_of(record, stx, ret))
                return 0;
        if (r == 0)
                r = prune(tree, dir, name);
        return r == 0 || r == -ENOENT ? create(taking, name, stx, record, ret) : r;
}

static int enter_directory(struct taking *taking, int fd, struct layout_record *record,
                           const struct statx *stx, const struct tree_attr *attr)
{
        struct tree *tree = taking->layout->tree;
        struct layout_level *level;
        int r = layout_way_enter(&taking->way, fd, attr->ino, stx, &level);

        if (r < 0)
                return r;
        level->record = record;
        level->attr = *attr;
        r = io_list_names(fd, &level->names);
        if (level->names.count > 0)
                qsort(level->names.items, level->names.count, sizeof(char *), compare_names);
        if (r == 0)
                r = layout_settle(taking->layout, &taking->way, "", stx, record, attr, taking->err);
        return r == 0 ? prune_missing(tree, level) : r;
}

static int leave_directory(struct taking *taking)
{
        const struct layout_level *level = &taking->way.levels[taking->way.count - 1];
        int r = layout_settle_times(taking->layout, &level->stx, level->record, &level->attr);

        if (r == 0)
                r = layout_way_leave(&taking->way);
        if (r == 0 && taking->way.count > 0)
                taking->way.levels[taking->way.count - 1].at++;
        return r;
}

static int take_name(struct taking *taking, const char *name)
{
        struct layout_record *record;
        struct tree_attr attr;
        struct statx stx;
        int fd, r;

        r = layout_look(taking->way.fd, name, &stx);
        if (r < 0)
                return r;
        record = layout_find_or_add(taking->layout, &stx);
        if (!record)
                return -ENOMEM;
        r = match_name(taking, name, &stx, record, &attr);
        if (r < 0)
                return r;
        if (S_ISDIR(stx.stx_mode)) {
                fd = io_open_own(taking->way.fd, name);
                return fd < 0 ? fd : enter_directory(taking, fd, record, &stx, &attr);
        }
        if (!record->settled) {
                r = layout_settle(taking->layout, &taking->way, name, &stx, record, &attr,
                                  taking->err);
                if (r == 0)
                        r = layout_settle_times(taking->layout, &stx, record, &attr);
                record->settled = true;
        }
        if (r == 0)
                taking->way.levels[taking->way.count - 1].at++;
        return r;
}

static int take_next(struct taking *taking)
{
        const struct layout_level *level = &taking->way.levels[taking->way.count - 1];
        size_t depth = taking->way.count;
        const char *name = "";
        int r;

        if (level->at == level->names.count) {
                r = leave_directory(taking);
        } else {
                name = level->names.items[level->at];
                r = take_name(taking, name);
        }
        return r < 0 ? fail(taking, taking->way.count > depth ? "" : name, r) : 0;
}

int layout_take_back(struct layout *layout, bool unsure, struct error *err)
{
        struct taking taking = { .layout = layout, .way = { .fd = -1 }, .err = err };
        struct layout_record *record;
        struct tree_attr attr;
        struct statx stx;
        int r, fd;

        layout->unsure = unsure;
        r = tree_getattr(layout->tree, layout->root, &attr);
        if (r == 0)
                r = layout_look(layout->fd, "", &stx);
        record = r == 0 ? layout_find_or_add(layout, &stx) : NULL;
        fd = record ? io_open_own(layout->outer_fd, LAYOUT_COPY) : -1;
        if (r == 0 && fd < 0)
                r = record ? fd : -ENOMEM;
        if (r == 0)
                r = enter_directory(&taking, fd, record, &stx, &attr);
        if (r < 0)
                fail(&taking, "", r);
        while (r == 0 && taking.way.count > 0)
                r = take_next(&taking);
        layout_way_done(&taking.way);
        tree_reset_lookups(layout->tree);
        return r;
}
