#include "bundle.h"

#include "archive/decompress.h"
#include "archive/tar_read.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES      ((size_t)256 << 10)
#define BUNDLE_BYTES_MAX ((uint64_t)1 << 42)
#define BUNDLE_RATIO_MAX 1100
#define BUNDLE_FILES_MAX 100000u
#define BUNDLE_LINKS_MAX 8

/* A file of an archive. */
struct member {
        char *path; /* owned, clean */
        char *link; /* owned; the path of the file that it stands for, or NULL */
        uint64_t offset;
        uint64_t size;
};

struct bundle {
        char *path;             /* owned */
        int dir_fd;             /* -1 for an archive */
        int tar_fd;             /* -1 for a directory */
        struct member *members; /* owned, sorted by path */
        size_t count;
        size_t cap;
};

void bundle_free(struct bundle *bundle)
{
        if (!bundle)
                return;
        for (size_t i = 0; i < bundle->count; i++) {
                free(bundle->members[i].path);
                free(bundle->members[i].link);
        }
        free(bundle->members);
        cleanup_close(&bundle->dir_fd);
        cleanup_close(&bundle->tar_fd);
        free(bundle->path);
        free(bundle);
}

const char *bundle_path(const struct bundle *bundle)
{
        return bundle->path;
}

/* ---- archives ---- */

static int add_member(void *context, const struct entry *entry, uint64_t data_offset,
                      struct error *err)
{
        struct bundle *bundle = context;
        struct member member = { .offset = data_offset, .size = entry->size };
        struct member *members = bundle->members;
        char parent[TAR_PATH_MAX + 1];

        if (entry->type != ENTRY_FILE && entry->type != ENTRY_HARDLINK &&
            entry->type != ENTRY_SYMLINK)
                return 0;
        if (bundle->count >= BUNDLE_FILES_MAX || entry->extents)
                return error_set(err, -EBADMSG, "it is no archive of images");
        if (bundle->count == bundle->cap) {
                size_t cap = bundle->cap ? bundle->cap * 2 : 64;

                members = reallocarray(members, cap, sizeof(*members));
                if (!members)
                        return error_set_oom(err);
                bundle->members = members;
                bundle->cap = cap;
        }
        member.path = path_resolve("/", entry->path);
        if (!member.path)
                return error_set_oom(err);
        if (entry->type == ENTRY_HARDLINK) {
                member.link = path_resolve("/", entry->link);
        } else if (entry->type == ENTRY_SYMLINK) {
                path_parent(member.path, parent, sizeof(parent));
                member.link = path_resolve(parent, entry->link);
        }
        if (entry->type != ENTRY_FILE && !member.link) {
                free(member.path);
                return error_set_oom(err);
        }
        members[bundle->count++] = member;
        return 0;
}

/* Reads the archive once: from `fd`, and where it cannot stay as it is, into `copy_fd`. */
static int scan(struct bundle *bundle, int fd, int copy_fd, enum codec *ret_codec,
                struct error *err)
{
        static const struct decompress_limits limits = { .bytes_max = BUNDLE_BYTES_MAX,
                                                         .ratio_max = BUNDLE_RATIO_MAX };
        struct fd_stream stream = { .fd = fd, .name = bundle->path };
        struct entry_sink sink = { .add = add_member, .context = bundle };
        struct byte_source source = byte_source_of_fd(&stream);
        struct decompressor *decompressor = NULL;
        struct tar_reader *reader = NULL;
        _cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
        bool complete;
        ssize_t n = 0;
        int r;

        if (!chunk)
                return error_set_oom(err);
        r = decompressor_new(&source, &limits, &decompressor, err);
        if (r == 0)
                r = tar_reader_new(&sink, NULL, &reader, err);
        while (r == 0 && (n = decompressor_read(decompressor, chunk, CHUNK_BYTES, err)) > 0) {
                r = tar_reader_feed(reader, chunk, (size_t)n, err);
                if (r == 0 && copy_fd >= 0) {
                        r = io_write(copy_fd, chunk, (size_t)n);
                        if (r < 0)
                                error_set_errno(err, r, "cannot write to the store");
                }
        }
        if (r == 0)
                r = n < 0 ? (int)n : tar_reader_finish(reader, &complete, err);
        if (r == 0)
                *ret_codec = decompressor_codec(decompressor);
        tar_reader_free(reader);
        decompressor_free(decompressor);
        return r;
}

static int compare_members(const void *a, const void *b)
{
        return strcmp(((const struct member *)a)->path, ((const struct member *)b)->path);
}

/* Whether a file can be read at any place as it lies: not a pipe, and not compressed. */
static bool is_plain_tar(int fd)
{
        char head[265] = "";

        return io_pread(fd, head, sizeof(head) - 1, 0) > 0 && memcmp(head + 257, "ustar", 5) == 0;
}

static int open_archive(struct store *store, struct bundle *bundle, int fd, struct error *err)
{
        struct store_file copy = STORE_FILE_INIT;
        enum codec codec;
        int r = 0;

        if (!is_plain_tar(fd)) {
                r = store_file_new(store, &copy, err);
                if (r == 0)
                        bundle->tar_fd = dup(copy.fd);
        } else {
                bundle->tar_fd = dup(fd);
        }
        if (r == 0 && bundle->tar_fd < 0)
                r = error_set_errno(err, -errno, "cannot read");
        if (r == 0)
                r = scan(bundle, fd, copy.fd, &codec, err);
        /* The copy lives on without a name. */
        store_file_discard(store, &copy);
        if (r < 0)
                return error_wrap(err, "%s", bundle->path);
        if (bundle->count > 1)
                qsort(bundle->members, bundle->count, sizeof(*bundle->members), compare_members);
        return 0;
}

int bundle_open(struct store *store, const char *path, struct bundle **ret, struct error *err)
{
        bool is_stdin = strcmp(path, "-") == 0;
        _cleanup_close_ int fd = -1;
        struct bundle *bundle;
        struct stat st;
        int r;

        fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(err, -errno, "cannot open %s", path);
        bundle = calloc(1, sizeof(*bundle));
        if (!bundle)
                return error_set_oom(err);
        bundle->dir_fd = bundle->tar_fd = -1;
        bundle->path = strdup(is_stdin ? "standard input" : path);
        if (!bundle->path)
                r = error_set_oom(err);
        else if (S_ISDIR(st.st_mode))
                r = (bundle->dir_fd = TAKE_FD(fd), 0);
        else
                r = open_archive(store, bundle, fd, err);
        if (r < 0) {
                bundle_free(bundle);
                return r;
        }
        *ret = bundle;
        return 0;
}

/* ---- files ---- */

static const struct member *find_member(const struct bundle *bundle, const char *path)
{
        _cleanup_free_ char *rooted = path_resolve("/", path);
        struct member wanted = { .path = rooted };

        for (int links = 0; wanted.path && links < BUNDLE_LINKS_MAX; links++) {
                const struct member *member = bsearch(&wanted, bundle->members, bundle->count,
                                                      sizeof(*bundle->members), compare_members);

                if (!member || !member->link)
                        return member;
                wanted.path = member->link;
        }
        return NULL;
}

bool bundle_has(const struct bundle *bundle, const char *path)
{
        if (bundle->dir_fd >= 0)
                return faccessat(bundle->dir_fd, path, F_OK, 0) == 0;
        return find_member(bundle, path);
}

/* What a directory says of its files is no reason to look at others. Symlinks in it are those of
 * whoever made it: he may keep blobs elsewhere. */
static bool is_inside(const char *path)
{
        const char *at = path, *name;
        size_t len;

        while ((len = path_next(&at, &name)) > 0)
                if (len == 2 && memcmp(name, "..", 2) == 0)
                        return false;
        return !path_is_absolute(path);
}

int bundle_file_open(const struct bundle *bundle, const char *path, struct bundle_file *ret,
                     struct error *err)
{
        struct bundle_file file = { .fd = bundle->tar_fd, .name = path };
        const struct member *member;
        struct stat st;

        if (bundle->dir_fd >= 0) {
                if (!is_inside(path))
                        return error_set(err, -EBADMSG, "%s leads out of it", path);
                file.close = true;
                file.fd = openat(bundle->dir_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
                if (file.fd < 0)
                        return error_set_errno(err, -errno, "cannot open %s", path);
                if (fstat(file.fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                        close(file.fd);
                        return error_set(err, -EBADMSG, "%s is no regular file", path);
                }
                file.left = (uint64_t)st.st_size;
        } else {
                member = find_member(bundle, path);
                if (!member)
                        return error_set(err, -ENOENT, "it holds no %s", path);
                file.offset = member->offset;
                file.left = member->size;
        }
        *ret = file;
        return 0;
}

void bundle_file_close(struct bundle_file *file)
{
        if (file->close)
                close(file->fd);
}

static ssize_t read_file(void *context, void *data, size_t len, struct error *err)
{
        struct bundle_file *file = context;
        ssize_t n;

        if (file->left < len)
                len = (size_t)file->left;
        if (len == 0)
                return 0;
        n = io_pread(file->fd, data, len, (off_t)file->offset);
        if (n <= 0)
                return n < 0 ? error_set_errno(err, (int)n, "cannot read %s", file->name)
                             : error_set(err, -EBADMSG, "%s is cut", file->name);
        file->offset += (uint64_t)n;
        file->left -= (uint64_t)n;
        return n;
}

struct byte_source bundle_file_source(struct bundle_file *file)
{
        return (struct byte_source){ .read = read_file, .context = file };
}

int bundle_read(const struct bundle *bundle, const char *path, size_t max_bytes, struct buf *ret,
                struct error *err)
{
        struct bundle_file file;
        ssize_t n = 1;
        int r;

        r = bundle_file_open(bundle, path, &file, err);
        if (r < 0)
                return r;
        if (file.left > max_bytes)
                r = error_set(err, -EFBIG, "%s has over %zu bytes", path, max_bytes);
        else if (buf_reserve(ret, (size_t)file.left + 1) < 0)
                r = error_set_oom(err);
        while (r == 0 && file.left > 0 && n > 0) {
                n = read_file(&file, ret->data + ret->len, (size_t)file.left, err);
                if (n < 0)
                        r = (int)n;
                else
                        ret->len += (size_t)n;
        }
        if (ret->data)
                ret->data[ret->len] = '\0';
        bundle_file_close(&file);
        return r;
}
