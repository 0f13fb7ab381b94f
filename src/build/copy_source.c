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

static void fill_stat(const struct copy_source *source, const struct stat *st,
                      struct copy_stat *ret)
{
        *ret = (struct copy_stat){
                .mode = st->st_mode,
                .rdev_major = major(st->st_rdev),
                .rdev_minor = minor(st->st_rdev),
                .size = (uint64_t)st->st_size,
                .device = st->st_dev,
                .ino = st->st_ino,
                .nlink = (uint32_t)st->st_nlink,
                .mtime = source->is_dated ? source->date : st->st_mtim,
        };
}

static int host_stat(const struct copy_source *source, const char *path, struct copy_stat *ret)
{
        _cleanup_close_ int fd = open_below(source->root_fd, path, O_PATH);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        fill_stat(source, &st, ret);
        return 0;
}

/* A directory that is looked at. */
struct scan {
        const struct copy_source *source;
        bool (*leaves_out)(void *context, const char *name);
        void *context;
        struct copy_entries *entries;
        int code;
};

static int scan_add(struct scan *scan, const char *name, size_t len, struct copy_stat st)
{
        struct copy_entries *entries = scan->entries;
        char *copy = strndup(name, len);

        if (copy && entries->count == entries->cap) {
                size_t cap = entries->cap ? entries->cap * 2 : 64;
                struct copy_entry *items = reallocarray(entries->items, cap, sizeof(*items));

                if (items) {
                        entries->items = items;
                        entries->cap = cap;
                }
        }
        if (!copy || entries->count == entries->cap) {
                free(copy);
                return -ENOMEM;
        }
        entries->items[entries->count++] = (struct copy_entry){ .name = copy, .st = st };
        return 0;
}

/* Adds a name of a directory of the host. No name of it can lead elsewhere. */
static int host_scan_name(struct scan *scan, int dir_fd, const struct dirent *entry)
{
        struct copy_stat found;
        struct stat st;

        if (path_name_is_dot(entry->d_name, strlen(entry->d_name)) ||
            (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN &&
             scan->leaves_out(scan->context, entry->d_name)))
                return 0;
        if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (entry->d_type == DT_UNKNOWN && !S_ISDIR(st.st_mode) &&
            scan->leaves_out(scan->context, entry->d_name))
                return 0;
        fill_stat(scan->source, &st, &found);
        return scan_add(scan, entry->d_name, strlen(entry->d_name), found);
}

static int host_scan(struct scan *scan, const char *path)
{
        int fd = open_below(scan->source->root_fd, path, O_RDONLY | O_DIRECTORY);
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
                r = host_scan_name(scan, fd, entry);
        if (r == 0 && errno != 0)
                r = -errno;
        closedir(dir);
        return r;
}

static int host_readlink(int root_fd, const char *path, struct buf *ret)
{
        _cleanup_close_ int fd = open_below(root_fd, path, O_PATH);

        return fd < 0 ? fd : io_readlink(fd, "", ret);
}

/* ---- trees ---- */

static void fill_attr(const struct copy_source *source, const struct tree_attr *attr,
                      struct copy_stat *ret)
{
        *ret = (struct copy_stat){
                .mode = attr->mode,
                .uid = source->anonymous ? 0 : attr->uid,
                .gid = source->anonymous ? 0 : attr->gid,
                .rdev_major = attr->rdev_major,
                .rdev_minor = attr->rdev_minor,
                .size = attr->size,
                .ino = attr->ino,
                .nlink = attr->nlink,
                .mtime = attr->mtime,
        };
}

static int tree_stat(const struct copy_source *source, const char *path, struct copy_stat *ret)
{
        struct tree_attr attr;
        int r = tree_resolve(source->tree, path, false, &attr);

        if (r == 0)
                fill_attr(source, &attr, ret);
        return r;
}

static int scan_tree_name(void *userdata, const struct tree_dirent *entry)
{
        struct scan *scan = userdata;
        char name[NAME_MAX + 1];

        if (path_name_is_dot(entry->name, entry->name_len))
                return 0;
        memcpy(name, entry->name, entry->name_len);
        name[entry->name_len] = '\0';
        if (!S_ISDIR(entry->type) && scan->leaves_out(scan->context, name))
                return 0;
        scan->code = scan_add(scan, name, entry->name_len, (struct copy_stat){ .mode = 0 });
        return scan->code;
}

static int tree_scan(struct scan *scan, const char *path)
{
        struct tree *tree = scan->source->tree;
        struct tree_attr dir, attr;
        int r;

        r = tree_resolve(tree, path, false, &dir);
        if (r == 0)
                r = tree_readdir(tree, dir.ino, 0, false, scan_tree_name, scan);
        if (r >= 0)
                r = scan->code;
        for (size_t i = 0; i < scan->entries->count && r == 0; i++) {
                r = tree_lookup(tree, dir.ino, scan->entries->items[i].name, &attr);
                if (r == 0)
                        fill_attr(scan->source, &attr, &scan->entries->items[i].st);
        }
        return r;
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

void copy_entries_done(struct copy_entries *entries)
{
        for (size_t i = 0; i < entries->count; i++)
                free(entries->items[i].name);
        free(entries->items);
}

static int compare_entries(const void *a, const void *b)
{
        return strcmp(((const struct copy_entry *)a)->name, ((const struct copy_entry *)b)->name);
}

int copy_source_scan(const struct copy_source *source, const char *path,
                     bool (*leaves_out)(void *context, const char *name), void *context,
                     struct copy_entries *ret, struct error *err)
{
        struct copy_entries entries = { .items = NULL };
        struct scan scan = {
                .source = source, .leaves_out = leaves_out, .context = context, .entries = &entries
        };
        int r = source->tree ? tree_scan(&scan, path) : host_scan(&scan, path);

        if (r < 0) {
                copy_entries_done(&entries);
                return error_set_errno(err, r, "cannot list %s", *path ? path : ".");
        }
        if (entries.count > 1)
                qsort(entries.items, entries.count, sizeof(*entries.items), compare_entries);
        *ret = entries;
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
