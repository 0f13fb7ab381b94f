#include "copy_source.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SYMLINKS_MAX 40

/* ---- the host ---- */

/* Opens a path step by step: for kernels without openat2() (before 5.6), and for paths that are
 * longer than a system call takes. */
static int open_stepwise(int root_fd, const char *path, int flags)
{
        int fd = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        const char *name;
        size_t len;

        while (fd >= 0 && (len = path_next(&path, &name)) > 0) {
                bool last = path[strspn(path, "/")] == '\0';
                char text[NAME_MAX + 1];
                int next;

                if (len > NAME_MAX) {
                        close(fd);
                        return -ENAMETOOLONG;
                }
                memcpy(text, name, len);
                text[len] = '\0';
                next = openat(fd, text,
                              (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
                close(fd);
                fd = next;
        }
        return fd < 0 ? -errno : fd;
}

/* Opens a path below the root in which no component is a symlink. */
static int open_below(int root_fd, const char *path, int flags)
{
        /* With O_PATH a symlink at the end is what is opened, and no error. */
        struct open_how how = { .flags = (uint32_t)flags | O_NOFOLLOW | O_CLOEXEC,
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                           RESOLVE_NO_MAGICLINKS };
        long fd;

        if (*path == '\0')
                path = ".";
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0)
                return (int)fd;
        if (errno == ENOSYS || errno == ENAMETOOLONG)
                return open_stepwise(root_fd, path, flags);
        return -errno;
}

static int host_stat(const struct copy_source *source, const char *path, struct copy_stat *ret)
{
        _cleanup_close_ int fd = open_below(source->root_fd, path, O_PATH);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = (struct copy_stat){
                .mode = st.st_mode,
                .rdev_major = major(st.st_rdev),
                .rdev_minor = minor(st.st_rdev),
                .size = (uint64_t)st.st_size,
                .device = st.st_dev,
                .ino = st.st_ino,
                .nlink = (uint32_t)st.st_nlink,
                .mtime = source->is_dated ? source->date : st.st_mtim,
        };
        return 0;
}

static int host_list(int root_fd, const char *path, struct strv *ret)
{
        int fd = open_below(root_fd, path, O_RDONLY | O_DIRECTORY);
        struct dirent *entry;
        DIR *dir;
        int r = 0;

        if (fd < 0)
                return fd;
        dir = fdopendir(fd);
        if (!dir) {
                close(fd);
                return -ENOMEM;
        }
        while (r == 0 && (errno = 0, entry = readdir(dir)))
                if (!path_name_is_dot(entry->d_name, strlen(entry->d_name)))
                        r = strv_add(ret, entry->d_name);
        if (r == 0 && errno != 0)
                r = -errno;
        closedir(dir);
        return r;
}

static int host_readlink(int root_fd, const char *path, struct buf *ret)
{
        _cleanup_close_ int fd = open_below(root_fd, path, O_PATH);
        char target[PATH_MAX];
        ssize_t n;

        if (fd < 0)
                return fd;
        n = readlinkat(fd, "", target, sizeof(target));
        return n < 0 ? -errno : buf_append(ret, target, (size_t)n);
}

/* ---- trees ---- */

static int tree_stat(const struct copy_source *source, const char *path, struct copy_stat *ret)
{
        struct tree_attr attr;
        int r = tree_resolve(source->tree, path, false, &attr);

        if (r < 0)
                return r;
        *ret = (struct copy_stat){
                .mode = attr.mode,
                .uid = source->anonymous ? 0 : attr.uid,
                .gid = source->anonymous ? 0 : attr.gid,
                .rdev_major = attr.rdev_major,
                .rdev_minor = attr.rdev_minor,
                .size = attr.size,
                .ino = attr.ino,
                .nlink = attr.nlink,
                .mtime = attr.mtime,
        };
        return 0;
}

struct names {
        struct strv *list;
        int code;
};

static int collect_name(void *userdata, const struct tree_dirent *entry)
{
        struct names *names = userdata;

        if (!path_name_is_dot(entry->name, entry->name_len))
                names->code = strv_take(names->list, strndup(entry->name, entry->name_len));
        return names->code;
}

static int tree_list(struct tree *tree, const char *path, struct strv *ret)
{
        struct names names = { .list = ret };
        struct tree_attr attr;
        int r;

        r = tree_resolve(tree, path, false, &attr);
        if (r == 0)
                r = tree_readdir(tree, attr.ino, 0, false, collect_name, &names);
        return r < 0 ? r : names.code;
}

static int tree_read_target(struct tree *tree, const char *path, struct buf *ret)
{
        struct tree_attr attr;
        int r = tree_resolve(tree, path, false, &attr);

        return r < 0 ? r : tree_readlink(tree, attr.ino, ret);
}

/* ---- both ---- */

static int explain(int code, const char *what, const char *path, struct error *err)
{
        if (code == -ENOENT)
                return code;
        return error_set_errno(err, code, "cannot %s %s", what, *path ? path : ".");
}

int copy_source_stat(const struct copy_source *source, const char *path, struct copy_stat *ret,
                     struct error *err)
{
        int r = source->tree ? tree_stat(source, path, ret) : host_stat(source, path, ret);

        return r == -ENOTDIR ? -ENOENT : r < 0 ? explain(r, "look at", path, err) : 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int copy_source_list(const struct copy_source *source, const char *path, struct strv *ret,
                     struct error *err)
{
        int r = source->tree ? tree_list(source->tree, path, ret)
                             : host_list(source->root_fd, path, ret);

        if (r < 0)
                return error_set_errno(err, r, "cannot list %s", *path ? path : ".");
        if (ret->count > 1)
                qsort(ret->items, ret->count, sizeof(*ret->items), compare_names);
        return 0;
}

int copy_source_readlink(const struct copy_source *source, const char *path, struct buf *ret,
                         struct error *err)
{
        int r = source->tree ? tree_read_target(source->tree, path, ret)
                             : host_readlink(source->root_fd, path, ret);

        return r < 0 ? error_set_errno(err, r, "cannot read the link %s", path) : 0;
}

/* Takes the next component of `*rest` into the path `at`. */
static int descend(struct buf *at, const char **rest)
{
        const char *name;
        size_t len = path_next(rest, &name);
        int r = 0;

        if (len == 1 && name[0] == '.')
                return 0;
        if (len == 2 && name[0] == '.' && name[1] == '.') {
                while (at->len > 0 && at->data[--at->len] != '/')
                        ;
                if (at->data)
                        at->data[at->len] = '\0';
                return 0;
        }
        if (at->len > 0)
                r = buf_append_char(at, '/');
        return r < 0 ? r : buf_append(at, name, len);
}

/* Puts a symlink's target in front of what is left of the path. */
static int follow(const struct copy_source *source, struct buf *at, const char *rest, char **path,
                  struct error *err)
{
        struct buf target = BUF_INIT;
        int r;

        r = copy_source_readlink(source, at->data, &target, err);
        if (r == 0 && (buf_append_char(&target, '/') < 0 || buf_append_str(&target, rest) < 0))
                r = error_set_oom(err);
        if (r < 0) {
                buf_done(&target);
                return r;
        }
        if (target.data[0] == '/') {
                buf_clear(at);
        } else {
                while (at->len > 0 && at->data[--at->len] != '/')
                        ;
                at->data[at->len] = '\0';
        }
        free(*path);
        *path = buf_take_str(&target);
        return 0;
}

int copy_source_resolve(const struct copy_source *source, const char *path, char **ret,
                        struct error *err)
{
        _cleanup_free_ char *text = strdup(path);
        struct buf at = BUF_INIT;
        const char *rest = text;
        unsigned links = 0;
        int r = text ? 0 : error_set_oom(err);

        while (r == 0 && rest[strspn(rest, "/")] != '\0') {
                struct copy_stat st;

                if (descend(&at, &rest) < 0) {
                        r = error_set_oom(err);
                        break;
                }
                r = copy_source_stat(source, buf_str(&at), &st, err);
                if (r == 0 && S_ISLNK(st.mode)) {
                        if (++links > SYMLINKS_MAX)
                                r = error_set_errno(err, -ELOOP, "cannot follow %s", path);
                        else
                                r = follow(source, &at, rest, &text, err);
                        rest = text;
                }
        }
        if (r == 0) {
                *ret = buf_take_str(&at);
                r = *ret ? 0 : error_set_oom(err);
        }
        buf_done(&at);
        return r;
}

int copy_source_xattrs(const struct copy_source *source, const char *path, struct strv *ret_names,
                       struct buf **ret_values, struct error *err)
{
        char list[65536], value[65536];
        struct tree_attr attr;
        ssize_t n;
        int r;

        *ret_values = NULL;
        if (!source->tree || source->anonymous)
                return 0;
        r = tree_resolve(source->tree, path, false, &attr);
        if (r < 0)
                return error_set_errno(err, r, "cannot look at %s", path);
        n = tree_listxattr(source->tree, attr.ino, list, sizeof(list));
        if (n <= 0)
                return n < 0 ? error_set_errno(err, (int)n, "cannot read the xattrs of %s", path)
                             : 0;
        for (const char *name = list; name < list + n && r == 0; name += strlen(name) + 1)
                r = strv_add(ret_names, name);
        if (r == 0)
                *ret_values = calloc(ret_names->count, sizeof(**ret_values));
        if (!*ret_values)
                return error_set_oom(err);
        for (size_t i = 0; i < ret_names->count; i++) {
                n = tree_getxattr(source->tree, attr.ino, ret_names->items[i], value,
                                  sizeof(value));
                if (n > 0 && buf_append(&(*ret_values)[i], value, (size_t)n) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

/* ---- content ---- */

int copy_file_open(const struct copy_source *source, const char *path, struct copy_file *ret,
                   struct error *err)
{
        struct copy_file file = {
                .source = source, .fd = -1, .data_end = UINT64_MAX, .path = path
        };
        struct tree_attr attr;
        struct stat st;
        int r;

        if (source->tree) {
                r = tree_resolve(source->tree, path, false, &attr);
                if (r < 0)
                        return error_set_errno(err, r, "cannot open %s", path);
                file.ino = attr.ino;
        } else {
                /* It was a regular file when it was looked at; a FIFO now must not block. */
                file.fd = open_below(source->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
                if (file.fd < 0)
                        return error_set_errno(err, file.fd, "cannot open %s", path);
                if (fstat(file.fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                        close(file.fd);
                        return error_set(err, -EINVAL, "%s is no regular file any more", path);
                }
        }
        /* Most files of a host have no holes, and two system calls less are made for each. */
        if (source->tree || st.st_blocks < st.st_size / 512)
                file.data_end = 0;
        *ret = file;
        return 0;
}

/* As lseek(2): data or a hole from where the file stands; -ENXIO when there is none. */
static int seek(struct copy_file *file, int whence, uint64_t *ret)
{
        off_t offset;

        if (file->source->tree)
                return tree_seek(file->source->tree, file->ino, file->offset, whence, ret);
        offset = lseek(file->fd, (off_t)file->offset, whence);
        if (offset < 0)
                return -errno;
        *ret = (uint64_t)offset;
        return 0;
}

static int find_end(struct copy_file *file, uint64_t *ret)
{
        struct tree_attr attr;
        struct stat st;
        int r;

        if (file->source->tree) {
                r = tree_getattr(file->source->tree, file->ino, &attr);
                if (r == 0)
                        *ret = attr.size;
                return r;
        }
        if (fstat(file->fd, &st) < 0)
                return -errno;
        *ret = (uint64_t)st.st_size;
        return 0;
}

int copy_file_skip_hole(struct copy_file *file, uint64_t *ret_len, struct error *err)
{
        uint64_t data;
        int r;

        *ret_len = 0;
        if (file->offset < file->data_end)
                return 0;
        r = seek(file, SEEK_DATA, &data);
        if (r == -ENXIO)
                r = find_end(file, &data);
        if (r == 0 && data > file->offset) {
                *ret_len = data - file->offset;
                file->offset = data;
        }
        if (r == 0)
                r = seek(file, SEEK_HOLE, &file->data_end);
        if (r == -ENXIO) {
                /* The end: what is appended from now on is left out. */
                file->data_end = file->offset;
                r = 0;
        }
        return r < 0 ? error_set_errno(err, r, "cannot read %s", file->path) : 0;
}

ssize_t copy_file_read(struct copy_file *file, void *data, size_t len, struct error *err)
{
        uint64_t left = file->data_end - file->offset;
        ssize_t n;

        if (left < len)
                len = (size_t)left;
        n = file->source->tree ? tree_read(file->source->tree, file->ino, file->offset, data, len)
                               : io_pread(file->fd, data, len, (off_t)file->offset);

        if (n < 0)
                return error_set_errno(err, (int)n, "cannot read %s", file->path);
        file->offset += (uint64_t)n;
        return n;
}

void copy_file_close(struct copy_file *file)
{
        if (file->fd >= 0)
                close(file->fd);
}
