/*
 * ADD of a local archive: it is unpacked straight into the image's tree.
 */
#include "copy.h"

#include "archive/decompress.h"
#include "archive/tar_read.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10)

/* An archive that inflates beyond these is taken for an attack. */
#define ARCHIVE_BYTES_MAX ((uint64_t)1 << 40)
#define ARCHIVE_RATIO_MAX 1100

/* A file is an archive if its first entry is one: so much is looked at. */
#define PROBE_BYTES ((size_t)2 << 20)

static ssize_t read_file(void *context, void *data, size_t len, struct error *err)
{
        return copy_file_read(context, data, len, err);
}

/* A file, decompressed, as a tar reader takes it. */
struct stream {
        struct copy_file file;
        bool open;
        struct byte_source file_source;
        struct decompressor *decompressor;
        struct tar_reader *reader;
        char *chunk;
};

static void stream_done(struct stream *stream)
{
        tar_reader_free(stream->reader);
        decompressor_free(stream->decompressor);
        if (stream->open)
                copy_file_close(&stream->file);
        free(stream->chunk);
}

/* `source` has to live as long as the stream. */
static int stream_begin(struct stream *stream, const struct byte_source *source,
                        const struct entry_sink *sink, const struct byte_sink *content,
                        struct error *err)
{
        static const struct decompress_limits limits = { .bytes_max = ARCHIVE_BYTES_MAX,
                                                         .ratio_max = ARCHIVE_RATIO_MAX };
        int r;

        stream->chunk = malloc(CHUNK_BYTES);
        if (!stream->chunk)
                return error_set_oom(err);
        r = decompressor_new(source, &limits, &stream->decompressor, err);
        return r < 0 ? r : tar_reader_new(sink, content, &stream->reader, err);
}

static int stream_open(struct stream *stream, const struct copy_source *source, const char *path,
                       const struct entry_sink *sink, const struct byte_sink *content,
                       struct error *err)
{
        int r = copy_file_open(source, path, &stream->file, err);

        if (r < 0)
                return r;
        stream->open = true;
        stream->file.data_end = UINT64_MAX; /* holes are the zeros that they are read as */
        stream->file_source = (struct byte_source){ .read = read_file, .context = &stream->file };
        return stream_begin(stream, &stream->file_source, sink, content, err);
}

/* ---- is it one? ---- */

static int note_entry(void *context, const struct entry *entry, uint64_t data_offset,
                      struct error *err)
{
        bool *found = context;

        (void)entry;
        (void)data_offset;
        *found = true;
        return error_set(err, -ECANCELED, "one entry is enough");
}

int copy_is_archive(const struct copy_source *source, const char *path, struct error *err)
{
        _cleanup_(stream_done) struct stream stream = { .open = false };
        struct error ignored = ERROR_INIT;
        bool found = false;
        struct entry_sink sink = { .add = note_entry, .context = &found };
        size_t seen = 0;
        ssize_t n;
        int r;

        r = stream_open(&stream, source, path, &sink, NULL, &ignored);
        if (r < 0 && (!stream.open || r == -ENOMEM)) {
                *err = ignored;
                return r;
        }
        while (r == 0 && seen < PROBE_BYTES) {
                n = decompressor_read(stream.decompressor, stream.chunk, 512, &ignored);
                if (n <= 0)
                        break;
                seen += (size_t)n;
                r = tar_reader_feed(stream.reader, stream.chunk, (size_t)n, &ignored);
        }
        return found;
}

/* ---- unpacking ---- */

struct unpack {
        const struct copy_manner *manner;
        struct tree *image;
        const char *target;           /* the directory that it is unpacked into */
        uint64_t ino;                 /* of the file whose content comes now, or 0 */
        uint64_t offset;              /* in it */
        struct entry_extent *extents; /* owned; of a sparse one: what is still to come */
        size_t extent_count;
        size_t extent_at;
        struct {
                uint64_t ino;
                struct timespec mtime;
        } * dated; /* owned; directories whose time is set at the end */
        size_t dated_count;
};

static void unpack_done(struct unpack *unpack)
{
        free(unpack->extents);
        free(unpack->dated);
}

static int explain(int code, const struct entry *entry, struct error *err)
{
        return error_set_errno(err, code, "cannot unpack \"%.1000s\"", entry->path);
}

/* Where in the image an entry belongs; NULL when memory ran out. */
static char *place_of(const struct unpack *unpack, const char *path)
{
        _cleanup_free_ char *rooted = path_resolve("/", path), *place;

        if (!rooted || asprintf(&place, "%s%s", unpack->target, rooted) < 0)
                return NULL;
        return path_clean(place);
}

static int find_parent(struct unpack *unpack, const char *place, uint64_t *ret)
{
        static const struct tree_owner root = { .uid = 0 };
        const char *slash = strrchr(place, '/');
        _cleanup_free_ char *parent = strndup(place, slash > place ? (size_t)(slash - place) : 1);
        struct tree_attr attr;
        int r = parent ? tree_make_path(unpack->image, parent, 0755,
                                        unpack->manner->owner ? unpack->manner->owner : &root,
                                        &attr)
                       : -ENOMEM;

        if (r == 0)
                *ret = attr.ino;
        return r;
}

static int make_inode(struct unpack *unpack, const struct entry *entry, uint64_t dir,
                      const char *name, struct tree_attr *ret)
{
        static const uint32_t types[] = {
                [ENTRY_FILE] = S_IFREG, [ENTRY_DIRECTORY] = S_IFDIR, [ENTRY_SYMLINK] = S_IFLNK,
                [ENTRY_CHAR] = S_IFCHR, [ENTRY_BLOCK] = S_IFBLK,     [ENTRY_FIFO] = S_IFIFO,
        };
        struct tree_new_inode inode = { .mode = types[entry->type] | 0700,
                                        .rdev_major = entry->device_major,
                                        .rdev_minor = entry->device_minor,
                                        .target = entry->link };
        int r = tree_lookup(unpack->image, dir, name, ret);

        if (r == 0 && entry->type == ENTRY_DIRECTORY && S_ISDIR(ret->mode))
                return 0;
        if (r == 0)
                r = S_ISDIR(ret->mode) ? tree_rmdir(unpack->image, dir, name)
                                       : tree_unlink(unpack->image, dir, name);
        if (r < 0 && r != -ENOENT)
                return r;
        return tree_create(unpack->image, dir, name, &inode, ret);
}

static int set_attributes(struct unpack *unpack, const struct entry *entry, uint64_t ino)
{
        const struct copy_manner *manner = unpack->manner;
        struct tree_attr attr = { .mode = entry->mode,
                                  .uid = manner->owner ? manner->owner->uid : entry->uid,
                                  .gid = manner->owner ? manner->owner->gid : entry->gid,
                                  .size = entry->size,
                                  .atime = entry->mtime,
                                  .mtime = entry->mtime };
        unsigned set = TREE_SET_UID | TREE_SET_GID | TREE_SET_ATIME | TREE_SET_MTIME;
        int r;

        if (entry->type != ENTRY_SYMLINK)
                set |= TREE_SET_MODE;
        /* A sparse file's holes are there before its data. */
        if (entry->type == ENTRY_FILE && entry->size > 0)
                set |= TREE_SET_SIZE;
        r = tree_setattr(unpack->image, ino, &attr, set, &attr);
        for (size_t i = 0; i < entry->xattr_count && r == 0; i++) {
                r = tree_setxattr(unpack->image, ino, entry->xattrs[i].name, entry->xattrs[i].value,
                                  entry->xattrs[i].value_len, 0);
                if (r == -EOPNOTSUPP)
                        r = 0; /* one that no image has */
        }
        return r;
}

static int remember_directory(struct unpack *unpack, uint64_t ino, struct timespec mtime)
{
        void *dated = reallocarray(unpack->dated, unpack->dated_count + 1, sizeof(*unpack->dated));

        if (!dated)
                return -ENOMEM;
        unpack->dated = dated;
        unpack->dated[unpack->dated_count].ino = ino;
        unpack->dated[unpack->dated_count++].mtime = mtime;
        return 0;
}

static int expect_content(struct unpack *unpack, const struct entry *entry, uint64_t ino)
{
        free(unpack->extents);
        unpack->extents = NULL;
        unpack->ino = ino;
        unpack->offset = 0;
        unpack->extent_at = 0;
        unpack->extent_count = entry->extents ? entry->extent_count : 0;
        if (unpack->extent_count == 0)
                return 0;
        unpack->extents = reallocarray(NULL, entry->extent_count, sizeof(*unpack->extents));
        if (!unpack->extents)
                return -ENOMEM;
        memcpy(unpack->extents, entry->extents, entry->extent_count * sizeof(*unpack->extents));
        unpack->offset = unpack->extents[0].offset;
        return 0;
}

static int add_link(struct unpack *unpack, const struct entry *entry, uint64_t dir,
                    const char *name)
{
        _cleanup_free_ char *target = place_of(unpack, entry->link);
        struct tree_attr attr;
        int r;

        if (!target)
                return -ENOMEM;
        r = tree_resolve(unpack->image, target, false, &attr);
        if (r < 0)
                return r;
        r = tree_unlink(unpack->image, dir, name);
        return r < 0 && r != -ENOENT ? r : tree_link(unpack->image, attr.ino, dir, name, &attr);
}

static int add_entry(void *context, const struct entry *entry, uint64_t data_offset,
                     struct error *err)
{
        struct unpack *unpack = context;
        _cleanup_free_ char *place = place_of(unpack, entry->path);
        struct tree_attr attr;
        uint64_t dir;
        int r;

        (void)data_offset;
        unpack->ino = 0;
        if (!place)
                return error_set_oom(err);
        /* "./" is the directory that it is unpacked into, which is as it is. */
        if (strcmp(place, *unpack->target ? unpack->target : "/") == 0)
                return 0;
        r = copy_check_target(place, err);
        if (r < 0)
                return r;
        r = find_parent(unpack, place, &dir);
        if (r == 0 && entry->type == ENTRY_HARDLINK) {
                r = add_link(unpack, entry, dir, path_base(place));
                return r < 0 ? explain(r, entry, err) : 0;
        }
        if (r == 0)
                r = make_inode(unpack, entry, dir, path_base(place), &attr);
        if (r == 0)
                r = set_attributes(unpack, entry, attr.ino);
        if (r == 0 && entry->type == ENTRY_FILE)
                r = expect_content(unpack, entry, attr.ino);
        if (r == 0 && (entry->type == ENTRY_DIRECTORY || entry->type == ENTRY_FILE))
                r = remember_directory(unpack, attr.ino, entry->mtime);
        return r < 0 ? explain(r, entry, err) : 0;
}

static int add_content(void *context, const void *data, size_t len, struct error *err)
{
        struct unpack *unpack = context;
        const char *at = data;

        while (len > 0 && unpack->ino != 0) {
                size_t run = len;
                int r;

                if (unpack->extents) {
                        const struct entry_extent *extent = &unpack->extents[unpack->extent_at];
                        uint64_t left = extent->offset + extent->length - unpack->offset;

                        run = left < len ? (size_t)left : len;
                }
                r = tree_write(unpack->image, unpack->ino, unpack->offset, at, run, false);
                if (r < 0)
                        return error_set_errno(err, r, "cannot write into the image");
                unpack->offset += run;
                at += run;
                len -= run;
                if (unpack->extents && unpack->extent_at + 1 < unpack->extent_count &&
                    unpack->offset == unpack->extents[unpack->extent_at].offset +
                                              unpack->extents[unpack->extent_at].length)
                        unpack->offset = unpack->extents[++unpack->extent_at].offset;
        }
        return 0;
}

static int set_times(struct unpack *unpack, struct error *err)
{
        for (size_t i = unpack->dated_count; i-- > 0;) {
                struct tree_attr attr = { .mtime = unpack->dated[i].mtime };
                int r = tree_setattr(unpack->image, unpack->dated[i].ino, &attr, TREE_SET_MTIME,
                                     &attr);

                if (r < 0 && r != -ENOENT)
                        return error_set_errno(err, r, "cannot set a time");
        }
        return 0;
}

/* Passes all of an archive on. */
static int stream_drain(struct stream *stream, struct error *err)
{
        bool complete;
        ssize_t n;
        int r = 0;

        while (r == 0 &&
               (n = decompressor_read(stream->decompressor, stream->chunk, CHUNK_BYTES, err)) != 0)
                r = n < 0 ? (int)n : tar_reader_feed(stream->reader, stream->chunk, (size_t)n, err);
        return r < 0 ? r : tar_reader_finish(stream->reader, &complete, err);
}

int copy_unpack_stream(const struct byte_source *source, struct tree *image, struct error *err)
{
        static const struct copy_manner as_it_is;
        _cleanup_(unpack_done) struct unpack unpack = { .manner = &as_it_is,
                                                        .image = image,
                                                        .target = "" };
        _cleanup_(stream_done) struct stream stream = { .open = false };
        struct entry_sink sink = { .add = add_entry, .context = &unpack };
        struct byte_sink content = { .write = add_content, .context = &unpack };
        int r = stream_begin(&stream, source, &sink, &content, err);

        if (r == 0)
                r = stream_drain(&stream, err);
        return r < 0 ? r : set_times(&unpack, err);
}

int copy_unpack(const struct copy_source *source, const struct copy_item *item,
                const struct copy_manner *manner, struct tree *image, struct error *err)
{
        static const struct tree_owner root = { .uid = 0 };
        _cleanup_free_ char *target = path_clean(item->target);
        _cleanup_(unpack_done) struct unpack unpack = { .manner = manner,
                                                        .image = image,
                                                        .target = target };
        _cleanup_(stream_done) struct stream stream = { .open = false };
        struct entry_sink sink = { .add = add_entry, .context = &unpack };
        struct byte_sink content = { .write = add_content, .context = &unpack };
        struct tree_attr attr;
        int r;

        if (!target)
                return error_set_oom(err);
        r = copy_check_target(target, err);
        if (r < 0)
                return r;
        r = tree_make_path(image, target, 0755, manner->owner ? manner->owner : &root, &attr);
        if (r < 0)
                return error_set_errno(err, r, "cannot make the directory %s in the image", target);
        if (strcmp(target, "/") == 0)
                target[0] = '\0';
        r = stream_open(&stream, source, item->path, &sink, &content, err);
        if (r == 0)
                r = stream_drain(&stream, err);
        if (r == 0)
                r = set_times(&unpack, err);
        return r < 0 ? error_wrap(err, "the archive %s", item->path) : 0;
}
