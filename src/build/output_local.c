#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "build/tree_source.h"
#include "outputs.h"
#include "tree_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 << 10)

struct local {
        int dir_fd;
        struct entry_source source;
        char *chunk; /* CHUNK_BYTES */
        size_t left_out;
        struct error *err;
};

static int write_run(struct local *local, int fd, const struct entry_extent *run)
{
        for (uint64_t at = 0; at < run->length;) {
                uint64_t left = run->length - at;
                size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
                int r = local->source.read(local->source.context, run->offset + at, local->chunk, n,
                                           local->err);

                if (r == 0)
                        r = io_pwrite(fd, local->chunk, n, (off_t)(run->offset + at));
                if (r < 0)
                        return r;
                at += n;
        }
        return 0;
}

/* Attributes of others than users mean something to the host's kernel. Returns how many are left
 * out. */
static size_t set_xattrs(int fd, const struct entry_xattr *xattrs, size_t count)
{
        size_t left_out = 0;

        for (size_t i = 0; i < count; i++)
                if (strncmp(xattrs[i].name, "user.", strlen("user.")) != 0 ||
                    fsetxattr(fd, xattrs[i].name, xattrs[i].value, xattrs[i].value_len, 0) < 0)
                        left_out++;
        return left_out;
}

static int write_file(struct local *local, const struct entry *entry)
{
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, entry->mtime };
        const struct entry_extent whole = { .length = entry->size };
        const struct entry_extent *runs = entry->extents ? entry->extents : &whole;
        size_t count = entry->extents ? entry->extent_count : 1;
        _cleanup_close_ int fd = openat(local->dir_fd, entry->path,
                                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : 0;

        for (size_t i = 0; i < count && r == 0; i++)
                r = write_run(local, fd, &runs[i]);
        if (r == 0 && entry->extents && ftruncate(fd, (off_t)entry->size) < 0)
                r = -errno;
        if (r == 0)
                local->left_out += set_xattrs(fd, entry->xattrs, entry->xattr_count);
        if (r == 0 && (fchmod(fd, entry->mode & 01777) < 0 || futimens(fd, times) < 0))
                r = -errno;
        return r;
}

static int write_entry(struct local *local, const struct entry *entry)
{
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, entry->mtime };
        int r = 0;

        switch (entry->type) {
        case ENTRY_FILE:
                return write_file(local, entry);
        case ENTRY_DIRECTORY:
                return mkdirat(local->dir_fd, entry->path, 0700) < 0 ? -errno : 0;
        case ENTRY_SYMLINK:
                r = symlinkat(entry->link, local->dir_fd, entry->path);
                break;
        case ENTRY_HARDLINK:
                return linkat(local->dir_fd, entry->link, local->dir_fd, entry->path, 0) < 0
                               ? -errno
                               : 0;
        case ENTRY_FIFO:
                r = mkfifoat(local->dir_fd, entry->path, entry->mode & 0777);
                break;
        case ENTRY_CHAR:
        case ENTRY_BLOCK:
        case ENTRY_SOCKET:
                local->left_out++;
                return 0;
        }
        if (r == 0)
                r = utimensat(local->dir_fd, entry->path, times, AT_SYMLINK_NOFOLLOW);
        return r < 0 ? -errno : 0;
}

int local_write(struct tree *tree, int dir_fd, size_t *left_out, struct error *err)
{
        _cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
        struct local local = { .dir_fd = dir_fd, .chunk = chunk, .err = err };
        struct tree_source *source;
        struct entry entry;
        int r;

        if (!chunk)
                return error_set_oom(err);
        r = tree_source_new(NULL, tree, &source, err);
        if (r < 0)
                return r;
        local.source = tree_source_entries(source);
        while ((r = local.source.next(local.source.context, &entry, err)) > 0) {
                r = write_entry(&local, &entry);
                if (r < 0) {
                        if (!error_is_set(err))
                                error_set_errno(err, r, "cannot write %s", entry.path);
                        break;
                }
        }
        tree_source_free(source);
        if (r == 0 && syncfs(dir_fd) < 0)
                r = error_set_errno(err, -errno, "cannot write the files");
        if (r == 0)
                *left_out += local.left_out;
        return r;
}

/* ---- modes, times and attributes of directories ---- */

struct directory {
        char *path; /* owned */
        uint64_t ino;
        mode_t mode;
        struct timespec mtime;
};

/* In the order of a walk. */
struct directories {
        struct directory *items; /* owned */
        size_t count;
};

static void directories_done(struct directories *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i].path);
        free(list->items);
}

static int add_directory(struct directories *list, const char *path, const struct directory *add)
{
        struct directory *items = reallocarray(list->items, list->count + 1, sizeof(*items));
        char *copy = strdup(path);

        if (items)
                list->items = items;
        if (!items || !copy) {
                free(copy);
                return -ENOMEM;
        }
        items[list->count] = *add;
        items[list->count++].path = copy;
        return 0;
}

static int open_directory(int dir_fd, const char *path)
{
        return openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* What is another user's stays as he has it. */
static int finish_directory(struct tree *tree, int dir_fd, const struct directory *directory,
                            size_t *left_out, struct error *err)
{
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, directory->mtime };
        _cleanup_close_ int fd = -1;
        struct tree_xattrs xattrs;
        struct stat st;
        int r;

        if (fstatat(dir_fd, directory->path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_uid != geteuid())
                return 0;
        fd = open_directory(dir_fd, directory->path);
        if (fd < 0)
                return error_set_errno(err, -errno, "cannot write %s", directory->path);
        r = tree_xattrs_read(tree, directory->ino, &xattrs, err);
        if (r < 0)
                return r;
        *left_out += set_xattrs(fd, xattrs.items, xattrs.count);
        tree_xattrs_done(&xattrs);
        if (futimens(fd, times) < 0 || fchmod(fd, directory->mode) < 0)
                return error_set_errno(err, -errno, "cannot write %s", directory->path);
        return 0;
}

int local_finish(struct tree *tree, int dir_fd, size_t *left_out, struct error *err)
{
        _cleanup_(directories_done) struct directories list = { .items = NULL };
        struct tree_walk *walk;
        struct tree_attr attr;
        const char *path;
        int r = tree_walk_new(tree, &walk, err);

        if (r < 0)
                return r;
        while ((r = tree_walk_next(walk, &path, &attr, err)) > 0) {
                const struct directory directory = { .ino = attr.ino,
                                                     .mode = attr.mode & 01777,
                                                     .mtime = attr.mtime };

                if (*path && S_ISDIR(attr.mode) && add_directory(&list, path, &directory) < 0) {
                        r = error_set_oom(err);
                        break;
                }
        }
        tree_walk_free(walk);
        /* The deepest first, as what is above may then be closed to us. */
        for (size_t i = list.count; i-- > 0 && r == 0;)
                r = finish_directory(tree, dir_fd, &list.items[i], left_out, err);
        return r;
}

/* ---- into a directory that has files ---- */

/* What is to be done about a name. */
enum meeting {
        MEETING_FREE,    /* it goes there */
        MEETING_REPLACE, /* what is there goes first */
        MEETING_JOIN,    /* both are directories */
};

struct merge {
        int from_fd;
        int to_fd;
        bool moves;                /* else it is only looked at what there is */
        struct directories opened; /* those of the user that were closed to him, with their modes */
        struct error *err;
};

/* Finds what is to be done, as enum meeting; a file is not put in a directory's place. */
static int meet(const struct merge *merge, const char *path, const struct tree_attr *attr,
                struct stat *ret_there)
{
        if (fstatat(merge->to_fd, path, ret_there, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT
                               ? MEETING_FREE
                               : error_set_errno(merge->err, -errno, "cannot write %s", path);
        if (!S_ISDIR(ret_there->st_mode))
                return MEETING_REPLACE;
        return S_ISDIR(attr->mode)
                       ? MEETING_JOIN
                       : error_set(merge->err, -EISDIR,
                                   "%s is a directory, and a file is to go there", path);
}

/* A directory that a build has closed is opened for as long as the next one writes into it. */
static int join(struct merge *merge, const char *path, const struct stat *there)
{
        const struct directory directory = { .mode = there->st_mode & 07777 };

        if (merge->moves || there->st_uid != geteuid() || (there->st_mode & 0700) == 0700)
                return 0;
        if (add_directory(&merge->opened, path, &directory) < 0)
                return error_set_oom(merge->err);
        if (fchmodat(merge->to_fd, path, directory.mode | 0700, 0) < 0)
                return error_set_errno(merge->err, -errno, "cannot write %s", path);
        return 0;
}

/* Which mount a directory is of: nothing is moved from one to another. */
static bool is_of_mount(const struct merge *merge, const char *path)
{
        struct statx one, other;

        if (statx(merge->to_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &one) < 0 ||
            statx(merge->to_fd, path, 0, STATX_MNT_ID, &other) < 0)
                return false;
        return one.stx_dev_major == other.stx_dev_major &&
               one.stx_dev_minor == other.stx_dev_minor &&
               (!(one.stx_mask & STATX_MNT_ID) || one.stx_mnt_id == other.stx_mnt_id);
}

static int check_move(const struct merge *merge, const char *path, enum meeting meeting,
                      const struct stat *there)
{
        char parent[PATH_MAX];
        struct stat directory;
        uid_t self = geteuid();
        int r = path_parent(path, parent, sizeof(parent));

        if (r == 0 && (fstatat(merge->to_fd, parent, &directory, 0) < 0 ||
                       faccessat(merge->to_fd, parent, W_OK | X_OK, AT_EACCESS) < 0))
                r = -errno;
        if (r == 0 && !is_of_mount(merge, parent))
                r = -EXDEV;
        if (r == 0 && meeting == MEETING_REPLACE && (directory.st_mode & S_ISVTX) && self != 0 &&
            there->st_uid != self && directory.st_uid != self)
                r = -EPERM;
        return r < 0 ? error_set_errno(merge->err, r, "cannot write %s", path) : 0;
}

/* Devices were left out: there may be nothing to move. */
static int move(const struct merge *merge, const char *path, enum meeting meeting,
                const struct tree_attr *attr)
{
        /* A directory replaces no file by rename(2). */
        if ((meeting == MEETING_REPLACE && S_ISDIR(attr->mode) &&
             unlinkat(merge->to_fd, path, 0) < 0) ||
            (renameat(merge->from_fd, path, merge->to_fd, path) < 0 && errno != ENOENT))
                return error_set_errno(merge->err, -errno, "cannot write %s", path);
        return 0;
}

/* Whether `path` is `dir` or in it. */
static bool is_in(const char *path, const char *dir)
{
        size_t len = strlen(dir);

        return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int walk(struct merge *merge, struct tree *tree)
{
        _cleanup_free_ char *moved = NULL;
        struct tree_walk *walk;
        struct tree_attr attr;
        struct stat there;
        const char *path;
        int r = tree_walk_new(tree, &walk, merge->err);

        if (r < 0)
                return r;
        while ((r = tree_walk_next(walk, &path, &attr, merge->err)) > 0) {
                int meeting;

                if (!*path || (moved && is_in(path, moved)))
                        continue;
                r = meeting = meet(merge, path, &attr, &there);
                if (meeting == MEETING_JOIN) {
                        r = join(merge, path, &there);
                } else if (meeting >= 0) {
                        r = merge->moves ? move(merge, path, (enum meeting)meeting, &attr)
                                         : check_move(merge, path, (enum meeting)meeting, &there);
                        free(moved);
                        moved = strdup(path);
                        if (!moved)
                                r = error_set_oom(merge->err);
                }
                if (r < 0)
                        break;
        }
        tree_walk_free(walk);
        return r;
}

int local_merge(struct tree *tree, int from_fd, int to_fd, bool moves, struct error *err)
{
        struct merge merge = { .from_fd = from_fd, .to_fd = to_fd, .err = err };
        int r = walk(&merge, tree);

        if (r == 0 && moves) {
                merge.moves = true;
                r = walk(&merge, tree);
        }
        for (size_t i = merge.opened.count; i-- > 0 && (r < 0 || !moves);)
                (void)!fchmodat(to_fd, merge.opened.items[i].path, merge.opened.items[i].mode, 0);
        directories_done(&merge.opened);
        return r;
}
