#include "archive/tar_write.h"

#include "archive/tar_read.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "tar_header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest numbers that octal digits can say in a header. */
#define ID_LIMIT   07777777ULL
#define SIZE_LIMIT 077777777777LL

/* Names in headers that no reader of pax looks at. */
#define PAX_NAME    "././@PaxHeader"
#define SPARSE_NAME "GNUSparseFile.0/file"

struct tar_writer {
        const struct byte_sink *out;
        uint64_t offset;
        uint64_t left;      /* of the current entry's content */
        uint64_t padding;   /* after it */
        struct buf records; /* of the entry's pax header */
        struct buf map;     /* of a sparse file: it precedes the content */
        struct buf headers; /* all that precedes the content */
};

int tar_writer_new(const struct byte_sink *out, struct tar_writer **ret, struct error *err)
{
        struct tar_writer *writer = calloc(1, sizeof(*writer));

        if (!writer)
                return error_set_oom(err);
        writer->out = out;
        *ret = writer;
        return 0;
}

void tar_writer_free(struct tar_writer *writer)
{
        if (!writer)
                return;
        buf_done(&writer->records);
        buf_done(&writer->map);
        buf_done(&writer->headers);
        free(writer);
}

static int put(struct tar_writer *writer, const void *data, size_t len, struct error *err)
{
        writer->offset += len;
        return writer->out->write(writer->out->context, data, len, err);
}

static int put_zeros(struct tar_writer *writer, size_t len, struct error *err)
{
        static const char zeros[2 * TAR_BLOCK_BYTES];

        return len > 0 ? put(writer, zeros, len, err) : 0;
}

/* Fills a buffer up to a whole block. */
static int pad(struct buf *buf)
{
        static const char zeros[TAR_BLOCK_BYTES];

        return buf_append(buf, zeros, -buf->len & (TAR_BLOCK_BYTES - 1));
}

/* Appends a record: its length counts the digits of the length. */
static int add_record(struct buf *records, const char *prefix, const char *key, const void *value,
                      size_t value_len)
{
        size_t rest = strlen(prefix) + strlen(key) + value_len + strlen(" =\n");
        size_t len = rest + 1, digits = 1;

        for (size_t power = 10; rest + digits >= power; power *= 10) {
                digits++;
                len = rest + digits;
        }
        if (buf_appendf(records, "%zu %s%s=", len, prefix, key) < 0 ||
            buf_append(records, value, value_len) < 0)
                return -ENOMEM;
        return buf_append_char(records, '\n');
}

static int add_text_record(struct buf *records, const char *key, const char *value)
{
        return add_record(records, "", key, value, strlen(value));
}

static int add_number_record(struct buf *records, const char *key, uint64_t value)
{
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, value);
        return add_text_record(records, key, text);
}

/* A time as a decimal fraction: a timespec of -2 s and 750,000,000 ns is "-1.25". */
static int add_time_record(struct buf *records, const char *key, const struct timespec *time)
{
        bool negative = time->tv_sec < 0;
        uint64_t seconds = negative ? 0 - (uint64_t)time->tv_sec : (uint64_t)time->tv_sec;
        long ns = time->tv_nsec;
        char text[48];
        size_t len;

        if (negative && ns > 0) {
                seconds--;
                ns = 1000000000 - ns;
        }
        len = (size_t)snprintf(text, sizeof(text), "%s%" PRIu64, negative ? "-" : "", seconds);
        if (ns > 0) {
                len += (size_t)snprintf(text + len, sizeof(text) - len, ".%09ld", ns);
                while (text[len - 1] == '0')
                        len--;
        }
        return add_record(records, "", key, text, len);
}

static int add_xattr_records(struct buf *records, const struct entry *entry)
{
        for (size_t i = 0; i < entry->xattr_count; i++) {
                const struct entry_xattr *xattr = &entry->xattrs[i];
                int r = add_record(records, "SCHILY.xattr.", xattr->name, xattr->value,
                                   xattr->value_len);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* What of an entry does not fit into its header. `stored` is what the header says as its size. */
struct excess {
        bool path;
        bool link;
        bool uid;
        bool gid;
        bool stored;
        bool mtime;
        bool sparse;
};

/*
 * Makes the records in a fixed order: that of their names, but for the one that says how names are
 * encoded. Names are any bytes, which POSIX calls BINARY where they are no UTF-8.
 */
static int make_records(struct buf *records, const struct entry *entry, const char *path,
                        uint64_t stored, const struct excess *excess)
{
        if (((excess->path || excess->sparse) && !utf8_is_valid(path)) ||
            (excess->link && !utf8_is_valid(entry->link))) {
                if (add_text_record(records, "hdrcharset", "BINARY") < 0)
                        return -ENOMEM;
        }
        if (excess->sparse && (add_text_record(records, "GNU.sparse.major", "1") < 0 ||
                               add_text_record(records, "GNU.sparse.minor", "0") < 0 ||
                               add_text_record(records, "GNU.sparse.name", path) < 0 ||
                               add_number_record(records, "GNU.sparse.realsize", entry->size) < 0))
                return -ENOMEM;
        if (add_xattr_records(records, entry) < 0 ||
            (excess->gid && add_number_record(records, "gid", entry->gid) < 0) ||
            (excess->link && add_text_record(records, "linkpath", entry->link) < 0) ||
            (excess->mtime && add_time_record(records, "mtime", &entry->mtime) < 0) ||
            (excess->path && !excess->sparse && add_text_record(records, "path", path) < 0) ||
            (excess->stored && add_number_record(records, "size", stored) < 0) ||
            (excess->uid && add_number_record(records, "uid", entry->uid) < 0))
                return -ENOMEM;
        return 0;
}

/* Octal digits and a NUL fill the field. */
static void set_octal(char *field, size_t len, uint64_t value)
{
        field[--len] = '\0';
        while (len > 0) {
                field[--len] = (char)('0' + (value & 7));
                value >>= 3;
        }
}

#define SET_OCTAL(field, value) set_octal(field, sizeof(field), value)

static void set_checksum(struct tar_block *block)
{
        uint32_t sum = tar_block_checksum(block);

        set_octal(block->checksum, 7, sum);
        block->checksum[7] = ' ';
}

/* Puts a name into the header, split at a slash where it must be. False where it does not fit. */
static bool set_path(struct tar_block *block, const char *path)
{
        size_t len = strlen(path), at;

        if (len <= sizeof(block->name)) {
                memcpy(block->name, path, len);
                return true;
        }
        if (len > sizeof(block->ustar.prefix) + 1 + sizeof(block->name))
                return false;
        /* The shortest prefix that leaves a name that fits, and that is not just a slash. */
        for (at = len - 1 - sizeof(block->name); path[at] != '/'; at++) {
                if (at + 2 >= len)
                        return false;
        }
        if (at == 0 || at > sizeof(block->ustar.prefix) || at + 1 == len)
                return false;
        memcpy(block->ustar.prefix, path, at);
        memcpy(block->name, path + at + 1, len - at - 1);
        return true;
}

static const char entry_types[] = {
        [ENTRY_FILE] = '0',  [ENTRY_HARDLINK] = '1',  [ENTRY_SYMLINK] = '2', [ENTRY_CHAR] = '3',
        [ENTRY_BLOCK] = '4', [ENTRY_DIRECTORY] = '5', [ENTRY_FIFO] = '6',
};

/* Fills the entry's own header, and tells what had no place in it. */
static void make_header(struct tar_block *block, const struct entry *entry, const char *path,
                        uint64_t stored, struct excess *ret)
{
        size_t link_len = entry->link ? strlen(entry->link) : 0;
        int64_t seconds = entry->mtime.tv_sec;

        *block = (struct tar_block){ .type = entry_types[entry->type] };
        memcpy(block->magic, "ustar", 6);
        memcpy(block->version, "00", 2);
        *ret = (struct excess){
                .uid = entry->uid > ID_LIMIT,
                .gid = entry->gid > ID_LIMIT,
                .stored = stored > SIZE_LIMIT,
                .mtime = entry->mtime.tv_nsec != 0 || seconds < 0 || seconds > SIZE_LIMIT,
                .link = link_len > sizeof(block->link),
                .sparse = entry->extents != NULL,
        };
        if (ret->sparse)
                memcpy(block->name, SPARSE_NAME, strlen(SPARSE_NAME));
        else
                ret->path = !set_path(block, path);
        if (!ret->link && link_len > 0)
                memcpy(block->link, entry->link, link_len);
        SET_OCTAL(block->mode, entry->mode & 07777);
        SET_OCTAL(block->uid, ret->uid ? 0 : entry->uid);
        SET_OCTAL(block->gid, ret->gid ? 0 : entry->gid);
        SET_OCTAL(block->size, ret->stored ? 0 : stored);
        SET_OCTAL(block->mtime, seconds < 0 || seconds > SIZE_LIMIT ? 0 : (uint64_t)seconds);
        SET_OCTAL(block->dev_major, entry->device_major);
        SET_OCTAL(block->dev_minor, entry->device_minor);
        set_checksum(block);
}

/* Appends the pax header and its records, if there are any. */
static int add_pax_header(struct tar_writer *writer)
{
        struct tar_block block = { .type = 'x' };

        if (writer->records.len == 0)
                return 0;
        memcpy(block.name, PAX_NAME, strlen(PAX_NAME));
        memcpy(block.magic, "ustar", 6);
        memcpy(block.version, "00", 2);
        SET_OCTAL(block.mode, 0644);
        SET_OCTAL(block.uid, 0);
        SET_OCTAL(block.gid, 0);
        SET_OCTAL(block.size, writer->records.len);
        SET_OCTAL(block.mtime, 0);
        SET_OCTAL(block.dev_major, 0);
        SET_OCTAL(block.dev_minor, 0);
        set_checksum(&block);
        if (buf_append(&writer->headers, &block, sizeof(block)) < 0 ||
            buf_append(&writer->headers, writer->records.data, writer->records.len) < 0)
                return -ENOMEM;
        return pad(&writer->headers);
}

static int invalid(const struct entry *entry, const char *why, struct error *err)
{
        return error_set(err, -EINVAL, "'%.300s' cannot be put into a tar: %s", entry->path, why);
}

static int check_extents(const struct entry *entry, uint64_t *ret_data, struct error *err)
{
        uint64_t end = 0, data = 0;

        if (entry->extent_count > TAR_EXTENTS_MAX)
                return invalid(entry, "it has too many runs of data", err);
        for (size_t i = 0; i < entry->extent_count; i++) {
                const struct entry_extent *run = &entry->extents[i];

                if (run->length == 0 || run->offset < end || (i > 0 && run->offset == end) ||
                    run->length > entry->size || run->offset > entry->size - run->length)
                        return invalid(entry, "its runs of data are out of order", err);
                end = run->offset + run->length;
                data += run->length;
        }
        *ret_data = data;
        return 0;
}

static int check_entry(const struct entry *entry, struct error *err)
{
        bool is_link = entry->type == ENTRY_SYMLINK || entry->type == ENTRY_HARDLINK;
        size_t len = strlen(entry->path);

        if (len == 0)
                return error_set(err, -EINVAL, "an entry without a name cannot be put into a tar");
        if (entry->type == ENTRY_SOCKET)
                return invalid(entry, "it is a socket", err);
        if (is_link != (entry->link != NULL))
                return invalid(entry, "it has a target and is no link, or the reverse", err);
        if (len > TAR_PATH_MAX || (is_link && strlen(entry->link) > TAR_PATH_MAX))
                return invalid(entry, "its name or link is too long", err);
        if (entry->path[len - 1] == '/' && entry->type != ENTRY_DIRECTORY)
                return invalid(entry, "its name ends with a slash, and it is no directory", err);
        if (entry->type != ENTRY_FILE && (entry->size > 0 || entry->extents))
                return invalid(entry, "it has content and is no file", err);
        if (entry->device_major > ID_LIMIT || entry->device_minor > ID_LIMIT)
                return invalid(entry, "its device number is too large", err);
        if (entry->xattr_count > TAR_XATTRS_MAX)
                return invalid(entry, "it has too many extended attributes", err);
        for (size_t i = 0; i < entry->xattr_count; i++) {
                if (entry->xattrs[i].name[0] == '\0' || strchr(entry->xattrs[i].name, '='))
                        return invalid(entry, "an extended attribute has a '=' in its name", err);
        }
        return 0;
}

/* The map of a sparse file as text. GNU tar needs a last run, of no length, to know where the file
 * ends. */
static int make_map(struct buf *map, const struct entry *entry)
{
        const struct entry_extent *last =
                entry->extent_count > 0 ? &entry->extents[entry->extent_count - 1] : NULL;
        bool ends_with_hole = !last || last->offset + last->length < entry->size;

        if (buf_appendf(map, "%zu\n", entry->extent_count + (ends_with_hole ? 1 : 0)) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < entry->extent_count; i++) {
                if (buf_appendf(map, "%" PRIu64 "\n%" PRIu64 "\n", entry->extents[i].offset,
                                entry->extents[i].length) < 0)
                        return -ENOMEM;
        }
        if (ends_with_hole && buf_appendf(map, "%" PRIu64 "\n0\n", entry->size) < 0)
                return -ENOMEM;
        return pad(map);
}

/* Assembles all that precedes the content, of which there are `data` bytes. */
static int make_headers(struct tar_writer *writer, const struct entry *entry, const char *path,
                        uint64_t data, struct error *err)
{
        struct tar_block block;
        struct excess excess;

        buf_clear(&writer->records);
        buf_clear(&writer->map);
        buf_clear(&writer->headers);
        if (entry->extents && make_map(&writer->map, entry) < 0)
                return error_set_oom(err);
        make_header(&block, entry, path, writer->map.len + data, &excess);
        if (make_records(&writer->records, entry, path, writer->map.len + data, &excess) < 0)
                return error_set_oom(err);
        if (writer->records.len > TAR_META_BYTES_MAX)
                return invalid(entry, "its name and extended attributes are too large", err);
        if (add_pax_header(writer) < 0 || buf_append(&writer->headers, &block, sizeof(block)) < 0 ||
            buf_append(&writer->headers, writer->map.data, writer->map.len) < 0)
                return error_set_oom(err);
        return 0;
}

int tar_writer_add(struct tar_writer *writer, const struct entry *entry, uint64_t *ret_data_offset,
                   struct error *err)
{
        _cleanup_free_ char *with_slash = NULL;
        const char *path = entry->path;
        uint64_t data = entry->size;
        int r;

        if (writer->left > 0)
                return invalid(entry, "the content of the entry before it is not complete", err);
        r = check_entry(entry, err);
        if (r < 0)
                return r;
        r = entry->extents ? check_extents(entry, &data, err) : 0;
        if (r < 0)
                return r;
        if (entry->type == ENTRY_DIRECTORY && path[strlen(path) - 1] != '/') {
                if (asprintf(&with_slash, "%s/", path) < 0) {
                        with_slash = NULL;
                        return error_set_oom(err);
                }
                path = with_slash;
        }
        r = make_headers(writer, entry, path, data, err);
        if (r < 0)
                return r;
        r = put(writer, writer->headers.data, writer->headers.len, err);
        if (r < 0)
                return r;
        writer->left = data;
        writer->padding = -data & (TAR_BLOCK_BYTES - 1);
        *ret_data_offset = writer->offset;
        return 0;
}

int tar_writer_data(struct tar_writer *writer, const void *data, size_t len, struct error *err)
{
        int r;

        if (len > writer->left)
                return error_set(err, -EINVAL, "a file in a tar has more content than its size");
        r = put(writer, data, len, err);
        if (r < 0)
                return r;
        writer->left -= len;
        return writer->left == 0 && len > 0 ? put_zeros(writer, writer->padding, err) : 0;
}

int tar_writer_finish(struct tar_writer *writer, struct error *err)
{
        if (writer->left > 0)
                return error_set(err, -EINVAL, "a file in a tar has less content than its size");
        return put_zeros(writer, 2 * (size_t)TAR_BLOCK_BYTES, err);
}
