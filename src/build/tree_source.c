#include "build/tree_source.h"

#include "archive/tar_write.h"
#include "base/cleanup.h"
#include "build/compare.h"
#include "tree_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define CHUNK_BYTES ((size_t)256 << 10)

/* As the sealer has it: not every reader of tars knows sparse files. */
#define HOLES_BYTES_MIN ((uint64_t)1 << 20)

/* A file of several names, by its first. */
struct first_name {
        uint64_t ino;
        char *path; /* owned */
        UT_hash_handle hh;
};

struct tree_source {
        struct tree *tree;
        bool is_layer;
        struct comparison *comparison;
        struct first_name *names;
        struct buf text; /* of the current entry: its path, then its target */
        struct tree_xattrs xattrs;
        struct entry_extent *extents;
        size_t extent_cap;
        uint64_t ino; /* of the current file */
};

void tree_source_free(struct tree_source *source)
{
        struct first_name *name, *next;

        if (!source)
                return;
        HASH_ITER (hh, source->names, name, next) {
                HASH_DEL(source->names, name);
                free(name->path);
                free(name);
        }
        comparison_free(source->comparison);
        tree_xattrs_done(&source->xattrs);
        buf_done(&source->text);
        free(source->extents);
        free(source);
}

int tree_source_new(struct tree *base, struct tree *is, struct tree_source **ret, struct error *err)
{
        struct tree_source *source = calloc(1, sizeof(*source));
        int r;

        if (!source)
                return error_set_oom(err);
        source->tree = is;
        source->is_layer = base;
        r = comparison_new(base, is, &source->comparison, err);
        if (r < 0) {
                tree_source_free(source);
                return r;
        }
        *ret = source;
        return 0;
}

/* The first name of a file, NULL where this is it. Returns 0 or -ENOMEM. */
static int find_first_name(struct tree_source *source, const struct difference *difference,
                           const char **ret)
{
        struct first_name *name;

        *ret = NULL;
        if (S_ISDIR(difference->is.mode) || difference->is.nlink < 2)
                return 0;
        HASH_FIND(hh, source->names, &difference->is.ino, sizeof(difference->is.ino), name);
        if (name) {
                *ret = name->path;
                return 0;
        }
        name = calloc(1, sizeof(*name));
        if (name)
                name->path = strdup(difference->path);
        if (!name || !name->path) {
                free(name);
                return -ENOMEM;
        }
        name->ino = difference->is.ino;
        HASH_ADD(hh, source->names, ino, sizeof(name->ino), name);
        return 0;
}

static int add_extent(struct tree_source *source, size_t count, uint64_t begin, uint64_t end)
{
        if (count == source->extent_cap) {
                size_t cap = count ? count * 2 : 8;
                struct entry_extent *extents = reallocarray(source->extents, cap, sizeof(*extents));

                if (!extents)
                        return -ENOMEM;
                source->extents = extents;
                source->extent_cap = cap;
        }
        source->extents[count] = (struct entry_extent){ .offset = begin, .length = end - begin };
        return 0;
}

/* Finds the runs of data of the current file, and gives them to `ret` where they leave much out. */
static int find_extents(struct tree_source *source, struct entry *ret)
{
        uint64_t offset = 0, data = 0, begin = 0, end = 0;
        size_t count = 0;
        int r = 0;

        if (ret->size < HOLES_BYTES_MIN)
                return 0;
        r = add_extent(source, 0, 0, 0);
        while (r == 0 && offset < ret->size) {
                r = tree_seek(source->tree, source->ino, offset, SEEK_DATA, &begin);
                if (r == -ENXIO)
                        break;
                if (r == 0)
                        r = tree_seek(source->tree, source->ino, begin, SEEK_HOLE, &end);
                if (r == 0)
                        r = add_extent(source, count++, begin, end);
                data += end - begin;
                offset = end;
        }
        if (r < 0 && r != -ENXIO)
                return r;
        if (ret->size - data >= HOLES_BYTES_MIN) {
                ret->extents = source->extents;
                ret->extent_count = count;
        }
        return 0;
}

/* "dir/.wh.NAME" */
static int make_whiteout(struct tree_source *source, const char *path, struct entry *ret)
{
        const char *slash = strrchr(path, '/');
        size_t len = slash ? (size_t)(slash + 1 - path) : 0;
        int r = buf_append(&source->text, path, len);

        if (r == 0)
                r = buf_appendf(&source->text, ".wh.%s", path + len);
        *ret = (struct entry){ .type = ENTRY_FILE, .path = buf_str(&source->text) };
        return r;
}

static int fill_entry(struct tree_source *source, const struct difference *difference,
                      struct entry *ret, struct error *err)
{
        const struct tree_attr *attr = &difference->is;
        const char *first;
        int r = find_first_name(source, difference, &first);

        if (r == 0)
                r = buf_append_str(&source->text, *difference->path ? difference->path : "./");
        if (r == 0 && S_ISLNK(attr->mode) && !first) {
                r = buf_append_char(&source->text, '\0');
                if (r == 0)
                        r = tree_readlink(source->tree, attr->ino, &source->text);
        }
        *ret = (struct entry){ .type = first ? ENTRY_HARDLINK : entry_type_of_mode(attr->mode),
                               .path = buf_str(&source->text),
                               .mode = attr->mode & 07777,
                               .uid = attr->uid,
                               .gid = attr->gid,
                               .mtime = attr->mtime,
                               .device_major = attr->rdev_major,
                               .device_minor = attr->rdev_minor,
                               .link = first };
        if (ret->type == ENTRY_SYMLINK)
                ret->link = ret->path + strlen(ret->path) + 1;
        source->ino = attr->ino;
        if (r == 0 && ret->type == ENTRY_FILE) {
                ret->size = attr->size;
                r = find_extents(source, ret);
        }
        if (r < 0)
                return error_set_errno(err, r, "cannot read /%s", difference->path);
        r = tree_xattrs_read(source->tree, attr->ino, &source->xattrs, err);
        ret->xattrs = source->xattrs.items;
        ret->xattr_count = source->xattrs.count;
        return r;
}

/* Whether a name of the base is gone, as it also is where a socket has taken its place. */
static bool is_gone(const struct difference *difference)
{
        return difference->state == COMPARE_REMOVED ||
               (difference->state == COMPARE_CHANGED && S_ISSOCK(difference->is.mode));
}

static bool is_entry(const struct tree_source *source, const struct difference *difference)
{
        if (is_gone(difference))
                return !difference->inside && !S_ISSOCK(difference->was.mode);
        return !S_ISSOCK(difference->is.mode) && (source->is_layer || *difference->path);
}

static int next_entry(void *context, struct entry *ret, struct error *err)
{
        struct tree_source *source = context;
        struct difference difference;
        int r;

        buf_clear(&source->text);
        tree_xattrs_done(&source->xattrs);
        do
                r = comparison_next(source->comparison, &difference, err);
        while (r > 0 && !is_entry(source, &difference));
        if (r <= 0)
                return r;
        if (is_gone(&difference))
                r = make_whiteout(source, difference.path, ret) < 0 ? error_set_oom(err) : 0;
        else
                r = fill_entry(source, &difference, ret, err);
        return r < 0 ? r : 1;
}

static int read_entry(void *context, uint64_t offset, void *data, size_t len, struct error *err)
{
        const struct tree_source *source = context;
        ssize_t n = tree_read(source->tree, source->ino, offset, data, len);

        if (n == (ssize_t)len)
                return 0;
        return error_set_errno(err, n < 0 ? (int)n : -EIO, "cannot read /%s",
                               buf_str(&source->text));
}

struct entry_source tree_source_entries(struct tree_source *source)
{
        return (struct entry_source){ .next = next_entry, .read = read_entry, .context = source };
}

/* ---- as a tar ---- */

static int write_run(const struct entry_source *entries, struct tar_writer *writer, char *chunk,
                     const struct entry_extent *run, struct error *err)
{
        for (uint64_t at = 0; at < run->length;) {
                uint64_t left = run->length - at;
                size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
                int r = entries->read(entries->context, run->offset + at, chunk, n, err);

                if (r == 0)
                        r = tar_writer_data(writer, chunk, n, err);
                if (r < 0)
                        return r;
                at += n;
        }
        return 0;
}

static int write_entries(const struct entry_source *entries, struct tar_writer *writer, char *chunk,
                         struct error *err)
{
        struct entry entry;
        uint64_t offset;
        int r;

        while ((r = entries->next(entries->context, &entry, err)) > 0) {
                const struct entry_extent whole = { .length = entry.size };
                const struct entry_extent *runs = entry.extents ? entry.extents : &whole;
                size_t count = entry.extents ? entry.extent_count : 1;

                r = tar_writer_add(writer, &entry, &offset, err);
                for (size_t i = 0; i < count && r == 0; i++)
                        r = write_run(entries, writer, chunk, &runs[i], err);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : tar_writer_finish(writer, err);
}

int tree_write_tar(struct tree *tree, const struct byte_sink *out, struct error *err)
{
        _cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
        struct tree_source *source = NULL;
        struct tar_writer *writer = NULL;
        struct entry_source entries;
        int r = chunk ? tree_source_new(NULL, tree, &source, err) : error_set_oom(err);

        if (r == 0)
                r = tar_writer_new(out, &writer, err);
        if (r == 0) {
                entries = tree_source_entries(source);
                r = write_entries(&entries, writer, chunk, err);
        }
        tar_writer_free(writer);
        tree_source_free(source);
        return r;
}
