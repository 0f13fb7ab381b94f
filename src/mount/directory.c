#include "directory.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <uthash.h>

#define XATTRS_MAX         4096
#define XATTR_BYTES_MAX    65536
#define SPARSE_EXTENTS_MAX (1u << 20)

/* A file of several names, and the one under which it was met first. */
struct linked {
        ino_t ino;
        char *path; /* owned */
        UT_hash_handle hh;
};

struct scan {
        int root;
        const char *name;
        dev_t dev;
        struct index_builder *builder;
        struct linked *linked; /* owned */
        struct strv pending;   /* directories that are yet to be read */
        struct entry entry;    /* the current one; what it points to is in the following */
        struct buf target;
        struct buf xattr_bytes;
        struct entry_xattr xattrs[XATTRS_MAX];
        struct entry_extent *extents; /* owned */
        bool opaque;
        bool whiteout;
};

static void scan_done(struct scan *scan)
{
        struct linked *linked, *next;

        HASH_ITER (hh, scan->linked, linked, next) {
                HASH_DEL(scan->linked, linked);
                free(linked->path);
                free(linked);
        }
        strv_done(&scan->pending);
        buf_done(&scan->target);
        buf_done(&scan->xattr_bytes);
        free(scan->extents);
        index_builder_free(scan->builder);
}

static int fail(const struct scan *scan, const char *path, int code, struct error *err)
{
        return error_set_errno(err, code, "cannot read %s/%s", scan->name, path);
}

/* ---- extended attributes ---- */

/* What comes behind "trusted.overlay." and its like, or NULL. */
static const char *overlay_name(const char *name)
{
        static const char *const prefixes[] = { "trusted.overlay.", "user.overlay.",
                                                "user.fuseoverlayfs." };

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                        return name + strlen(prefixes[i]);
        return NULL;
}

static int take_overlay_xattr(struct scan *scan, const char *path, const char *name,
                              const char *value, size_t len, struct error *err)
{
        if (strcmp(name, "opaque") == 0)
                scan->opaque = len == 1 && value[0] == 'y';
        else if (strcmp(name, "whiteout") == 0)
                scan->whiteout = true;
        else if (strcmp(name, "redirect") == 0 || strcmp(name, "metacopy") == 0)
                return error_set(err, -EOPNOTSUPP,
                                 "%s/%s was written by overlayfs with %s, which is not supported",
                                 scan->name, path, name[0] == 'r' ? "redirect_dir" : "metacopy");
        return 0;
}

static int compare_xattrs(const void *a, const void *b)
{
        const struct entry_xattr *left = a, *right = b;

        return strcmp(left->name, right->name);
}

/* Appends one attribute's value. Returns its length, or a negative errno. */
static ssize_t read_value(struct scan *scan, const char *path, const char *name)
{
        ssize_t n;

        if (buf_reserve(&scan->xattr_bytes, XATTR_BYTES_MAX) < 0)
                return -ENOMEM;
        n = lgetxattr(path, name, scan->xattr_bytes.data + scan->xattr_bytes.len, XATTR_BYTES_MAX);
        if (n < 0)
                return -errno;
        scan->xattr_bytes.len += (size_t)n;
        return n;
}

/* Reads the attributes of what `self` names; `path` is for errors. */
static int read_xattrs(struct scan *scan, const char *self, const char *path, struct error *err)
{
        size_t places[XATTRS_MAX], count = 0;
        char names[XATTR_BYTES_MAX];
        ssize_t n = llistxattr(self, names, sizeof(names));

        scan->opaque = scan->whiteout = false;
        scan->entry.xattr_count = 0;
        buf_clear(&scan->xattr_bytes);
        if (n < 0)
                return errno == EOPNOTSUPP ? 0 : fail(scan, path, -errno, err);
        for (const char *name = names; name < names + n; name += strlen(name) + 1) {
                const char *overlay = overlay_name(name);
                ssize_t len;
                int r;

                if (strncmp(name, "security.selinux", strlen("security.selinux")) == 0)
                        continue;
                if (count == XATTRS_MAX)
                        return error_set(err, -E2BIG, "%s/%s has over %d extended attributes",
                                         scan->name, path, XATTRS_MAX);
                places[count] = scan->xattr_bytes.len;
                len = read_value(scan, self, name);
                if (len == -ENODATA)
                        continue;
                if (len < 0)
                        return fail(scan, path, (int)len, err);
                if (!overlay) {
                        scan->xattrs[count++] =
                                (struct entry_xattr){ .name = name, .value_len = (size_t)len };
                        continue;
                }
                r = take_overlay_xattr(scan, path, overlay, scan->xattr_bytes.data + places[count],
                                       (size_t)len, err);
                if (r < 0)
                        return r;
        }
        /* The names move in with the values: both live until the next call. */
        if (n > 0 && buf_append(&scan->xattr_bytes, names, (size_t)n) < 0)
                return error_set_oom(err);
        for (size_t i = 0; i < count; i++) {
                const char *moved = scan->xattr_bytes.data + scan->xattr_bytes.len - (size_t)n;

                scan->xattrs[i].name = moved + (scan->xattrs[i].name - names);
                scan->xattrs[i].value = scan->xattr_bytes.data + places[i];
        }
        qsort(scan->xattrs, count, sizeof(*scan->xattrs), compare_xattrs);
        scan->entry.xattrs = scan->xattrs;
        scan->entry.xattr_count = count;
        return 0;
}

/* ---- one inode ---- */

static int read_target(struct scan *scan, int dir, const char *name, const char *path,
                       struct error *err)
{
        ssize_t n;

        buf_clear(&scan->target);
        if (buf_reserve(&scan->target, PATH_MAX) < 0)
                return error_set_oom(err);
        n = readlinkat(dir, name, scan->target.data, PATH_MAX);
        if (n < 0)
                return fail(scan, path, -errno, err);
        scan->target.data[n] = '\0';
        scan->entry.link = scan->target.data;
        return 0;
}

/* Finds the runs of data of a file that has fewer blocks than bytes. One that cannot be opened, or
 * whose filesystem does not tell, is taken for whole. */
static int find_extents(struct scan *scan, int dir, const char *name)
{
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        off_t size = (off_t)scan->entry.size, data = 0, hole;
        size_t count = 0, cap = 0;

        while (fd >= 0 && data < size && count < SPARSE_EXTENTS_MAX) {
                data = lseek(fd, data, SEEK_DATA);
                if (data < 0 && errno == ENXIO)
                        break; /* only a hole is left */
                hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
                if (hole < 0)
                        return 0;
                if (count == cap) {
                        struct entry_extent *extents;

                        cap = cap ? cap * 2 : 16;
                        extents = reallocarray(scan->extents, cap, sizeof(*extents));
                        if (!extents)
                                return -ENOMEM;
                        scan->extents = extents;
                }
                hole = hole < size ? hole : size;
                scan->extents[count++] = (struct entry_extent){ .offset = (uint64_t)data,
                                                                .length = (uint64_t)(hole - data) };
                data = hole;
        }
        if (fd < 0 || count == SPARSE_EXTENTS_MAX)
                return 0;
        if (!scan->extents)
                scan->extents = calloc(1, sizeof(*scan->extents));
        if (!scan->extents)
                return -ENOMEM;
        scan->entry.extents = scan->extents;
        scan->entry.extent_count = count;
        return 0;
}

/* Makes the entry a link to the name under which its file was met before, if it was. */
static int find_link(struct scan *scan, const struct stat *st)
{
        struct linked *linked;

        /* What is mounted on a file's name has names of another filesystem, if any. */
        if (st->st_nlink < 2 || st->st_dev != scan->dev)
                return 0;
        HASH_FIND(hh, scan->linked, &st->st_ino, sizeof(st->st_ino), linked);
        if (linked) {
                scan->entry.type = ENTRY_HARDLINK;
                scan->entry.link = linked->path;
                return 0;
        }
        linked = calloc(1, sizeof(*linked));
        if (!linked)
                return -ENOMEM;
        linked->ino = st->st_ino;
        linked->path = strdup(scan->entry.path);
        if (!linked->path) {
                free(linked);
                return -ENOMEM;
        }
        HASH_ADD(hh, scan->linked, ino, sizeof(linked->ino), linked);
        return 0;
}

static int add_marker(struct scan *scan, const char *dir, const char *prefix, const char *name,
                      struct error *err)
{
        struct buf path = BUF_INIT;
        struct entry marker = { .type = ENTRY_FILE };
        int r = buf_appendf(&path, "%s%s%s%s", dir, *dir ? "/" : "", prefix, name);

        if (r < 0)
                return error_set_oom(err);
        marker.path = buf_str(&path);
        r = index_builder_add(scan->builder, &marker, 0, err);
        buf_done(&path);
        return r;
}

static void fill_entry(struct scan *scan, const char *path, const struct stat *st)
{
        scan->entry = (struct entry){ .path = path,
                                      .type = entry_type_of_mode(st->st_mode),
                                      .mode = st->st_mode & 07777,
                                      .uid = st->st_uid,
                                      .gid = st->st_gid,
                                      .mtime = st->st_mtim };
        if (S_ISREG(st->st_mode))
                scan->entry.size = (uint64_t)st->st_size;
        if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
                scan->entry.device_major = major(st->st_rdev);
                scan->entry.device_minor = minor(st->st_rdev);
        }
}

/* Adds what `name` of the directory `dir_path` is. */
static int add_name(struct scan *scan, int dir, const char *dir_path, const char *name,
                    struct error *err)
{
        _cleanup_free_ char *path = NULL, *self = NULL;
        struct stat st;
        int r;

        if (asprintf(&path, "%s%s%s", dir_path, *dir_path ? "/" : "", name) < 0 ||
            asprintf(&self, "/proc/self/fd/%d/%s", dir, name) < 0)
                return error_set_oom(err);
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return fail(scan, path, -errno, err);
        if (S_ISCHR(st.st_mode) && st.st_rdev == 0)
                return add_marker(scan, dir_path, ".wh.", name, err);
        fill_entry(scan, path, &st);
        r = read_xattrs(scan, self, path, err);
        if (r == 0 && scan->whiteout && S_ISREG(st.st_mode) && st.st_size == 0)
                return add_marker(scan, dir_path, ".wh.", name, err);
        if (r == 0 && S_ISLNK(st.st_mode))
                r = read_target(scan, dir, name, path, err);
        if (r < 0)
                return r;
        if (S_ISREG(st.st_mode) && st.st_blocks * 512 < st.st_size)
                r = find_extents(scan, dir, name);
        if (r == 0 && !S_ISDIR(st.st_mode))
                r = find_link(scan, &st);
        if (r < 0)
                return error_set_oom(err);
        r = index_builder_add(scan->builder, &scan->entry, 0, err);
        if (r == 0 && S_ISDIR(st.st_mode) && scan->opaque)
                r = add_marker(scan, path, ".wh..wh..opq", "", err);
        if (r == 0 && S_ISDIR(st.st_mode) && st.st_dev == scan->dev)
                r = strv_take(&scan->pending, TAKE_PTR(path)) < 0 ? error_set_oom(err) : 0;
        return r;
}

/* ---- the walk ---- */

/* Opens a directory below the root, name by name. */
static int open_directory(const struct scan *scan, const char *path)
{
        _cleanup_close_ int dir = openat(scan->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        while (dir >= 0 && *path) {
                size_t len = strcspn(path, "/");
                _cleanup_free_ char *name = strndup(path, len);
                int fd;

                if (!name)
                        return -ENOMEM;
                fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                cleanup_close(&dir);
                dir = fd;
                path += len + (path[len] == '/');
        }
        return dir < 0 ? -errno : TAKE_FD(dir);
}

static int read_directory(struct scan *scan, const char *path, struct error *err)
{
        int fd = open_directory(scan, path), r = 0;
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);

        if (!dir) {
                r = fd < 0 ? fd : -errno;
                cleanup_close(&fd);
                return fail(scan, path, r, err);
        }
        while (r == 0) {
                const struct dirent *found;

                errno = 0;
                found = readdir(dir);
                if (!found) {
                        r = errno ? fail(scan, path, -errno, err) : 0;
                        break;
                }
                if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
                    (*path == '\0' && strcmp(found->d_name, DIRECTORY_OWN) == 0))
                        continue;
                r = add_name(scan, dirfd(dir), path, found->d_name, err);
        }
        closedir(dir);
        return r;
}

static int add_root(struct scan *scan, const struct stat *st, struct error *err)
{
        char self[64];
        int r;

        snprintf(self, sizeof(self), "/proc/self/fd/%d/.", scan->root);
        fill_entry(scan, "./", st);
        r = read_xattrs(scan, self, "", err);
        if (r == 0)
                r = index_builder_add(scan->builder, &scan->entry, 0, err);
        if (r == 0 && scan->opaque)
                r = add_marker(scan, "", ".wh..wh..opq", "", err);
        return r;
}

static int walk(struct scan *scan, const struct stat *st, struct error *err)
{
        int r = add_root(scan, st, err);

        if (r == 0)
                r = strv_add(&scan->pending, "") < 0 ? error_set_oom(err) : 0;
        while (r == 0 && scan->pending.count > 0) {
                char *path = scan->pending.items[--scan->pending.count];

                r = read_directory(scan, path, err);
                free(path);
        }
        return r;
}

static int make_index(struct scan *scan, int index_fd, struct error *err)
{
        uint8_t id[INDEX_DIFF_ID_BYTES] = { 0 };
        uint64_t seed;
        struct stat st;
        int r;

        if (fstat(scan->root, &st) < 0)
                return error_set_errno(err, -errno, "cannot read %s", scan->name);
        scan->dev = st.st_dev;
        r = index_builder_new(&scan->builder, err);
        if (r == 0)
                r = walk(scan, &st, err);
        /* Inodes are numbered after it: the same directory has the same numbers again. */
        seed = (uint64_t)st.st_ino ^ (uint64_t)st.st_dev << 40;
        memcpy(id, &seed, sizeof(seed));
        /* Contents lie in no tar: any place in one will do. */
        return r < 0 ? r : index_builder_finish(scan->builder, id, INT64_MAX, index_fd, err);
}

int directory_open(int dir_fd, const char *name, struct tree_layer *ret, struct error *err)
{
        _cleanup_close_ int index_fd = memfd_create("index", MFD_CLOEXEC);
        _cleanup_close_ int root = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
        struct index *index;
        struct scan *scan;
        int r;

        if (index_fd < 0 || root < 0)
                return error_set_errno(err, -errno, "cannot read %s", name);
        scan = calloc(1, sizeof(*scan));
        if (!scan)
                return error_set_oom(err);
        scan->root = root;
        scan->name = name;
        r = make_index(scan, index_fd, err);
        scan_done(scan);
        free(scan);
        if (r == 0)
                r = index_open(index_fd, name, &index, err);
        if (r < 0)
                return r;
        *ret = (struct tree_layer){ .index = index, .tar_fd = TAKE_FD(root), .is_directory = true };
        return 0;
}
