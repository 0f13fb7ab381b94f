#include "base/cleanup.h"
#include "base/io.h"
#include "build/tree_source.h"
#include "outputs.h"
#include "tree_walk.h"

#include <errno.h>
#include <fcntl.h>
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

/* Attributes of others than users mean something to the host's kernel. */
static void set_xattrs(struct local *local, int fd, const struct entry *entry)
{
        for (size_t i = 0; i < entry->xattr_count; i++) {
                const struct entry_xattr *xattr = &entry->xattrs[i];

                if (strncmp(xattr->name, "user.", strlen("user.")) != 0 ||
                    fsetxattr(fd, xattr->name, xattr->value, xattr->value_len, 0) < 0)
                        local->left_out++;
        }
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
                set_xattrs(local, fd, entry);
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
                local->left_out += entry->xattr_count;
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

int local_write(struct tree *tree, int dir_fd, size_t *ret_left_out, struct error *err)
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
                *ret_left_out = local.left_out;
        return r;
}

/* ---- modes and times of directories ---- */

struct directory {
        char *path; /* owned */
        mode_t mode;
        struct timespec mtime;
};

static int add_directory(struct directory **directories, size_t *count, const char *path,
                         const struct tree_attr *attr)
{
        struct directory *items = reallocarray(*directories, *count + 1, sizeof(*items));
        char *copy = strdup(path);

        if (items)
                *directories = items;
        if (!items || !copy) {
                free(copy);
                return -ENOMEM;
        }
        items[(*count)++] = (struct directory){ .path = copy,
                                                .mode = attr->mode & 01777,
                                                .mtime = attr->mtime };
        return 0;
}

static int finish_directory(int dir_fd, const struct directory *directory, struct error *err)
{
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, directory->mtime };

        if (utimensat(dir_fd, directory->path, times, 0) < 0 ||
            fchmodat(dir_fd, directory->path, directory->mode, 0) < 0)
                return error_set_errno(err, -errno, "cannot write %s", directory->path);
        return 0;
}

int local_finish(struct tree *tree, int dir_fd, struct error *err)
{
        struct directory *directories = NULL;
        struct tree_walk *walk;
        struct tree_attr attr;
        const char *path;
        size_t count = 0;
        int r = tree_walk_new(tree, &walk, err);

        if (r < 0)
                return r;
        while ((r = tree_walk_next(walk, &path, &attr, err)) > 0)
                if (*path && S_ISDIR(attr.mode) &&
                    add_directory(&directories, &count, path, &attr) < 0) {
                        r = error_set_oom(err);
                        break;
                }
        tree_walk_free(walk);
        /* The deepest first, as what is above may then be closed to us. */
        while (count > 0) {
                if (r == 0)
                        r = finish_directory(dir_fd, &directories[--count], err);
                else
                        count--;
                free(directories[count].path);
        }
        free(directories);
        return r;
}

/* ---- into a directory that has files ---- */

/* What is to be done about a name. */
enum meeting {
        MEETING_FREE,    /* it goes there */
        MEETING_REPLACE, /* what is there goes first */
        MEETING_JOIN,    /* both are directories */
        MEETING_REFUSED, /* a file, and a directory is there */
};

static enum meeting meet(int to_fd, const char *path, const struct tree_attr *attr)
{
        struct stat st;

        if (fstatat(to_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return MEETING_FREE;
        if (!S_ISDIR(st.st_mode))
                return MEETING_REPLACE;
        return S_ISDIR(attr->mode) ? MEETING_JOIN : MEETING_REFUSED;
}

/* Devices were left out: there may be nothing to move. */
static int move(int from_fd, int to_fd, const char *path, enum meeting meeting,
                const struct tree_attr *attr, struct error *err)
{
        /* A directory replaces no file by rename(2). */
        if ((meeting == MEETING_REPLACE && S_ISDIR(attr->mode) && unlinkat(to_fd, path, 0) < 0) ||
            (renameat(from_fd, path, to_fd, path) < 0 && errno != ENOENT))
                return error_set_errno(err, -errno, "cannot write %s", path);
        return 0;
}

/* Whether `path` is `dir` or in it. */
static bool is_in(const char *path, const char *dir)
{
        size_t len = strlen(dir);

        return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int walk(struct tree *tree, int from_fd, int to_fd, bool moves, struct error *err)
{
        _cleanup_free_ char *moved = NULL;
        struct tree_walk *walk;
        struct tree_attr attr;
        const char *path;
        int r = tree_walk_new(tree, &walk, err);

        if (r < 0)
                return r;
        while ((r = tree_walk_next(walk, &path, &attr, err)) > 0) {
                enum meeting meeting;

                if (!*path || (moved && is_in(path, moved)))
                        continue;
                meeting = meet(to_fd, path, &attr);
                if (meeting == MEETING_JOIN)
                        continue;
                if (meeting == MEETING_REFUSED)
                        r = error_set(err, -EISDIR, "%s is a directory, and a file is to go there",
                                      path);
                else
                        r = moves ? move(from_fd, to_fd, path, meeting, &attr, err) : 0;
                free(moved);
                moved = strdup(path);
                if (!moved)
                        r = error_set_oom(err);
                if (r < 0)
                        break;
        }
        tree_walk_free(walk);
        return r;
}

int local_merge(struct tree *tree, int from_fd, int to_fd, struct error *err)
{
        int r = walk(tree, from_fd, to_fd, false, err);

        return r < 0 ? r : walk(tree, from_fd, to_fd, true, err);
}
