/*
 * Laying a tree out.
 */
#include "layout_internal.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHUNK_BYTES     ((size_t)128 << 10)
#define XATTR_VALUE_MAX 65536

/* So many directories of one process lie side by side, those of its mounts. */
#define COPIES_MAX 4096

/* An inode's number in hexadecimal digits. */
#define LINK_NAME_MAX 24

struct laying {
        struct layout *layout;
        struct layout_way way;
        int links_fd; /* owned */
        char *chunk;  /* of CHUNK_BYTES */
        struct error *err;
};

static int fail(struct laying *laying, const char *name, int code)
{
        return layout_way_fail(&laying->way, name, code, "lay out", laying->err);
}

/* ---- one file ---- */

static int copy_data(struct laying *laying, uint64_t ino, uint64_t size, int fd)
{
        struct tree *tree = laying->layout->tree;
        uint64_t at = 0, end;
        int r;

        if (ftruncate(fd, (off_t)size) < 0)
                return -errno;
        while (at < size) {
                r = tree_seek(tree, ino, at, SEEK_DATA, &at);
                if (r == -ENXIO)
                        return 0;
                if (r == 0)
                        r = tree_seek(tree, ino, at, SEEK_HOLE, &end);
                if (r < 0)
                        return r;
                while (at < end) {
                        size_t want = end - at < CHUNK_BYTES ? (size_t)(end - at) : CHUNK_BYTES;
                        ssize_t n = tree_read(tree, ino, at, laying->chunk, want);

                        if (n <= 0)
                                return n < 0 ? (int)n : -EIO;
                        r = io_pwrite(fd, laying->chunk, (size_t)n, (off_t)at);
                        if (r < 0)
                                return r;
                        at += (uint64_t)n;
                }
        }
        return 0;
}

static int copy_xattrs(struct laying *laying, uint64_t ino, int fd)
{
        struct layout *layout = laying->layout;
        _cleanup_free_ char *list = NULL, *value = NULL;
        ssize_t len = tree_listxattr(layout->tree, ino, NULL, 0);

        if (len <= 0 || !layout->has_xattrs)
                return len < 0 && len != -ENODATA ? (int)len : 0;
        list = malloc((size_t)len);
        value = malloc(XATTR_VALUE_MAX);
        if (!list || !value)
                return -ENOMEM;
        len = tree_listxattr(layout->tree, ino, list, (size_t)len);
        for (char *name = list; name < list + len; name += strlen(name) + 1) {
                ssize_t n;

                if (strncmp(name, XATTR_USER_PREFIX, XATTR_USER_PREFIX_LEN) != 0)
                        continue;
                n = tree_getxattr(layout->tree, ino, name, value, XATTR_VALUE_MAX);
                if (n < 0)
                        return (int)n;
                if (fsetxattr(fd, name, value, (size_t)n, 0) < 0)
                        return -errno;
        }
        return 0;
}

static int make_file(struct laying *laying, const char *name, const struct tree_attr *attr)
{
        _cleanup_close_ int fd = openat(laying->way.fd, name,
                                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : 0;

        if (r == 0 && S_ISREG(attr->mode))
                r = copy_data(laying, attr->ino, attr->size, fd);
        if (r == 0 && S_ISREG(attr->mode))
                r = copy_xattrs(laying, attr->ino, fd);
        if (r == 0 && fchmod(fd, attr->mode & 07777) < 0)
                r = -errno;
        return r;
}

static int make_symlink(struct laying *laying, const char *name, uint64_t ino)
{
        struct buf target = BUF_INIT;
        int r = tree_readlink(laying->layout->tree, ino, &target);

        if (r == 0 && symlinkat(buf_str(&target), laying->way.fd, name) < 0)
                r = -errno;
        buf_done(&target);
        return r;
}

static int make_special(struct laying *laying, const char *name, const struct tree_attr *attr)
{
        if (mknodat(laying->way.fd, name, (attr->mode & S_IFMT) | 0600, 0) < 0 ||
            fchmodat(laying->way.fd, name, attr->mode & 07777, 0) < 0)
                return -errno;
        return 0;
}

/* Sets the times, and notes how the inode looks now that all is done. */
static int finish(struct laying *laying, int dir_fd, const char *name, const struct tree_attr *attr)
{
        const struct timespec times[] = { attr->atime, attr->mtime };
        struct layout_record *record;
        struct statx stx;
        int r = 0;

        if (*name ? utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0
                  : futimens(dir_fd, times) < 0)
                return -errno;
        r = layout_look(dir_fd, name, &stx);
        if (r < 0)
                return r;
        record = layout_find_or_add(laying->layout, &stx);
        if (!record)
                return -ENOMEM;
        record->ino = attr->ino;
        record->owner = (struct tree_owner){ .uid = attr->uid, .gid = attr->gid };
        record->laid = true;
        record->laid_mode = stx.stx_mode & 07777;
        record->laid_mtime = stx.stx_mtime;
        record->laid_ctime = stx.stx_ctime;
        if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode)) {
                record->device_mode = attr->mode;
                record->rdev_major = attr->rdev_major;
                record->rdev_minor = attr->rdev_minor;
        }
        return 0;
}

/* ---- names of one file ---- */

static void link_name(uint64_t ino, char ret[static LINK_NAME_MAX])
{
        snprintf(ret, LINK_NAME_MAX, "%llx", (unsigned long long)ino);
}

/* Returns 1 where the file is laid out already and got this name too. */
static int link_to_first(struct laying *laying, const char *name, const struct tree_attr *attr)
{
        char first[LINK_NAME_MAX];

        if (attr->nlink < 2)
                return 0;
        link_name(attr->ino, first);
        if (linkat(laying->links_fd, first, laying->way.fd, name, 0) == 0)
                return 1;
        return errno == ENOENT ? 0 : -errno;
}

/* The first one may be too deep for a path to it, or in a directory that is closed by now. */
static int keep_first(struct laying *laying, const char *name, const struct tree_attr *attr)
{
        char first[LINK_NAME_MAX];

        if (attr->nlink < 2)
                return 0;
        link_name(attr->ino, first);
        return linkat(laying->way.fd, name, laying->links_fd, first, 0) < 0 ? -errno : 0;
}

/* Takes the names away again, which is the last that happens to the files. */
static int forget_links(const struct laying *laying)
{
        struct strv names = STRV_INIT;
        int r = io_list_names(laying->links_fd, &names);

        for (size_t i = 0; i < names.count && r == 0; i++) {
                _cleanup_close_ int fd =
                        openat(laying->links_fd, names.items[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
                struct layout_record *record;
                struct statx stx;

                if (fd < 0 || unlinkat(laying->links_fd, names.items[i], 0) < 0)
                        r = -errno;
                if (r == 0)
                        r = layout_look(fd, "", &stx);
                record = r == 0 ? layout_find(laying->layout, &stx) : NULL;
                if (record)
                        record->laid_ctime = stx.stx_ctime;
        }
        strv_done(&names);
        if (r == 0 && unlinkat(laying->layout->outer_fd, LAYOUT_LINKS, AT_REMOVEDIR) < 0)
                r = -errno;
        return r;
}

/* ---- all of them ---- */

static int enter(struct laying *laying, int dir_fd, const char *name, const struct tree_attr *attr)
{
        int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r;
        struct layout_level *level;
        struct statx stx;

        if (fd < 0)
                return -errno;
        r = layout_look(fd, "", &stx);
        if (r < 0) {
                close(fd);
                return r;
        }
        r = layout_way_enter(&laying->way, fd, attr->ino, &stx, &level);
        if (r < 0)
                return r;
        level->attr = *attr;
        return layout_tree_names(laying->layout->tree, attr->ino, &level->names);
}

static int lay_directory(struct laying *laying, const char *name, const struct tree_attr *attr)
{
        if (mkdirat(laying->way.fd, name, 0700) < 0)
                return -errno;
        return enter(laying, laying->way.fd, name, attr);
}

static int lay_file(struct laying *laying, const char *name, const struct tree_attr *attr)
{
        int r = link_to_first(laying, name, attr);

        if (r == 0) {
                switch (attr->mode & S_IFMT) {
                case S_IFLNK:
                        r = make_symlink(laying, name, attr->ino);
                        break;
                case S_IFIFO:
                case S_IFSOCK:
                        r = make_special(laying, name, attr);
                        break;
                default:
                        r = make_file(laying, name, attr);
                }
                if (r == 0)
                        r = keep_first(laying, name, attr);
        }
        return r < 0 ? r : finish(laying, laying->way.fd, name, attr);
}

/* The way out of a directory has to be open before the directory is closed to its owner. */
static int leave_directory(struct laying *laying)
{
        const struct layout_level *level = &laying->way.levels[laying->way.count - 1];
        const struct tree_attr attr = level->attr;
        _cleanup_close_ int fd = dup(laying->way.fd);
        int r = fd < 0 ? -errno : copy_xattrs(laying, attr.ino, fd);

        if (r == 0)
                r = layout_way_leave(&laying->way);
        if (r == 0 && fchmod(fd, attr.mode & 07777) < 0)
                r = -errno;
        if (r == 0)
                r = finish(laying, fd, "", &attr);
        if (r == 0 && laying->way.count > 0)
                laying->way.levels[laying->way.count - 1].at++;
        return r;
}

static int lay_next(struct laying *laying)
{
        struct layout_level *level = &laying->way.levels[laying->way.count - 1];
        const char *name;
        struct tree_attr attr;
        int r;

        if (level->at == level->names.count) {
                r = leave_directory(laying);
                return r < 0 ? fail(laying, "", r) : 0;
        }
        name = level->names.items[level->at];
        r = tree_lookup(laying->layout->tree, level->ino, name, &attr);
        if (r == 0 && S_ISDIR(attr.mode)) {
                r = lay_directory(laying, name, &attr);
                return r < 0 ? fail(laying, "", r) : 0;
        }
        if (r == 0)
                r = lay_file(laying, name, &attr);
        if (r < 0)
                return fail(laying, name, r);
        level->at++;
        return 0;
}

static int lay_all(struct layout *layout, struct error *err)
{
        struct laying laying = { .layout = layout,
                                 .way = { .fd = -1 },
                                 .links_fd = openat(layout->outer_fd, LAYOUT_LINKS,
                                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                 .chunk = malloc(CHUNK_BYTES),
                                 .err = err };
        struct tree_attr attr;
        struct statx stx;
        int r = laying.links_fd < 0 ? -errno : laying.chunk ? 0 : -ENOMEM;

        if (r == 0)
                r = tree_getattr(layout->tree, layout->root, &attr);
        if (r == 0)
                r = enter(&laying, layout->outer_fd, LAYOUT_COPY, &attr);
        while (r == 0 && laying.way.count > 0)
                r = lay_next(&laying);
        if (r == 0)
                r = forget_links(&laying);
        if (r == 0)
                r = layout_look(layout->outer_fd, "", &stx);
        if (r == 0)
                layout->laid_at = stx.stx_ctime;
        else if (!error_is_set(err))
                error_set_errno(err, r, "cannot lay out the files");
        layout_way_done(&laying.way);
        if (laying.links_fd >= 0)
                close(laying.links_fd);
        free(laying.chunk);
        return r;
}

/* ---- the directory ---- */

/* One of a group of its own: the directory around may hand a group on that no namespace knows. */
static int make_directory(struct layout *layout, struct error *err)
{
        struct statvfs fs;
        int r = -EEXIST;

        for (unsigned i = 0; i < COPIES_MAX && r == -EEXIST; i++) {
                snprintf(layout->name, sizeof(layout->name), "copy-%u", i);
                r = mkdirat(layout->parent_fd, layout->name, 0700) < 0 ? -errno : 0;
        }
        if (r < 0) {
                layout->name[0] = '\0';
                return error_set_errno(err, r, "cannot make a directory in the store");
        }
        layout->outer_fd = openat(layout->parent_fd, layout->name,
                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (layout->outer_fd < 0 || fchown(layout->outer_fd, (uid_t)-1, getegid()) < 0 ||
            fchmod(layout->outer_fd, 0700) < 0 || fstatvfs(layout->outer_fd, &fs) < 0 ||
            mkdirat(layout->outer_fd, LAYOUT_COPY, 0700) < 0 ||
            mkdirat(layout->outer_fd, LAYOUT_LINKS, 0700) < 0)
                return error_set_errno(err, -errno, "cannot use a directory in the store");
        layout->fd = openat(layout->outer_fd, LAYOUT_COPY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (layout->fd < 0)
                return error_set_errno(err, -errno, "cannot use a directory in the store");
        if (fs.f_flag & ST_NOEXEC) {
                error_set(err, -ENOEXEC, "the filesystem of the store is mounted noexec");
                return error_hint(err, "Without /dev/fuse the files of a step lie there: choose "
                                       "another place with --root.");
        }
        layout->has_xattrs = fsetxattr(layout->fd, "user.varve", "", 0, 0) == 0 &&
                             fremovexattr(layout->fd, "user.varve") == 0;
        return 0;
}

int layout_make(struct tree *tree, uint64_t root, const struct tree_owner *owner,
                struct layout **ret, struct error *err)
{
        _cleanup_(cleanup_layout) struct layout *layout = calloc(1, sizeof(*layout));
        int r;

        if (!layout)
                return error_set_oom(err);
        layout->tree = tree;
        layout->root = root;
        layout->owner = *owner;
        layout->fd = layout->outer_fd = -1;
        layout->parent_fd = tree_spool_dir(tree);
        r = make_directory(layout, err);
        if (r == 0)
                r = lay_all(layout, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(layout);
        return 0;
}
