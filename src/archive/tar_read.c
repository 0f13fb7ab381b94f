#include "archive/tar_read.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "tar_header.h"
#include "tar_pax.h"
#include "tar_sparse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state {
        STATE_HEADER,
        STATE_ZERO,      /* after one block of zeros */
        STATE_META,      /* in the body of a header that speaks of the next entry */
        STATE_EXTENSION, /* of an old GNU sparse map */
        STATE_MAP,       /* the text of a 1.0 sparse map */
        STATE_CONTENT,
        STATE_PADDING, /* up to the next whole block */
        STATE_END,
};

struct tar_reader {
        const struct entry_sink *sink;
        const struct byte_sink *content; /* or NULL */
        enum state state;
        uint64_t offset;        /* of the next byte */
        uint64_t header_offset; /* of the entry being read, for errors */
        uint64_t left;          /* bytes of the body, of the content, or of the padding */
        uint64_t padding;       /* that follows the body or the content */
        uint64_t trailer;       /* bytes after the end marker */

        /* The block that is being put together. */
        union {
                struct tar_block header;
                struct tar_block_extension extension;
                char text[TAR_BLOCK_BYTES];
        } block;
        size_t block_len;

        /* What headers said of the next entry. `pax` points into `records`. */
        char meta_type;
        struct buf meta;
        struct buf records;
        struct tar_pax pax;
        struct buf long_path;
        struct buf long_link;

        /* The entry, whose strings lie here and above. */
        struct tar_header header;
        struct tar_sparse sparse;
        struct entry entry;
        uint64_t stored; /* bytes that its header says are stored of it */
};

int tar_reader_new(const struct entry_sink *sink, const struct byte_sink *content,
                   struct tar_reader **ret, struct error *err)
{
        struct tar_reader *reader = calloc(1, sizeof(*reader));

        if (!reader)
                return error_set_oom(err);
        reader->sink = sink;
        reader->content = content;
        *ret = reader;
        return 0;
}

/* Forgets what spoke of the last entry. */
static void clear_entry(struct tar_reader *reader)
{
        tar_pax_done(&reader->pax);
        tar_sparse_done(&reader->sparse);
        buf_clear(&reader->records);
        buf_clear(&reader->long_path);
        buf_clear(&reader->long_link);
}

void tar_reader_free(struct tar_reader *reader)
{
        if (!reader)
                return;
        tar_pax_done(&reader->pax);
        tar_sparse_done(&reader->sparse);
        buf_done(&reader->meta);
        buf_done(&reader->records);
        buf_done(&reader->long_path);
        buf_done(&reader->long_link);
        free(reader);
}

/* Says where in the archive an error was found. */
static int at_entry(const struct tar_reader *reader, struct error *err)
{
        if (err->code == -ENOMEM)
                return err->code;
        if (reader->entry.path)
                return error_wrap(err, "the entry '%.300s' at byte %" PRIu64 " of the tar",
                                  reader->entry.path, reader->header_offset);
        return error_wrap(err, "byte %" PRIu64 " of the tar", reader->header_offset);
}

static int refuse(const struct tar_reader *reader, struct error *err, const char *why)
{
        error_set(err, -EBADMSG, "%s", why);
        return at_entry(reader, err);
}

static uint64_t padding_of(uint64_t size)
{
        return -size & (TAR_BLOCK_BYTES - 1);
}

static void enter_padding(struct tar_reader *reader)
{
        reader->left = reader->padding;
        reader->state = reader->left > 0 ? STATE_PADDING : STATE_HEADER;
}

/* Gives the entry out. Its content, `stored` bytes, comes next. */
static int emit(struct tar_reader *reader, struct error *err)
{
        int r;

        r = reader->sink->add(reader->sink->context, &reader->entry, reader->offset, err);
        if (r < 0)
                return r;
        clear_entry(reader);
        reader->left = reader->stored;
        reader->state = STATE_CONTENT;
        if (reader->left == 0)
                enter_padding(reader);
        return 0;
}

static int emit_sparse(struct tar_reader *reader, struct error *err)
{
        int r;

        r = tar_sparse_finish(&reader->sparse, reader->stored, &reader->entry, err);
        return r < 0 ? at_entry(reader, err) : emit(reader, err);
}

static int read_id(const struct tar_reader *reader, const char *record, int64_t field,
                   uint32_t *ret, struct error *err)
{
        if (record && !tar_pax_integer(record, &field))
                return refuse(reader, err, "an owner or group in its pax header is no number");
        /* The last number means "no change" to chown(). */
        if (field < 0 || field >= UINT32_MAX)
                return refuse(reader, err, "its owner or group is not in the range of Linux");
        *ret = (uint32_t)field;
        return 0;
}

static int read_names(struct tar_reader *reader, struct error *err)
{
        struct entry *entry = &reader->entry;

        entry->path = reader->long_path.len > 0 ? buf_str(&reader->long_path)
                      : reader->pax.path        ? reader->pax.path
                                                : reader->header.path;
        entry->link = reader->long_link.len > 0 ? buf_str(&reader->long_link)
                      : reader->pax.link        ? reader->pax.link
                                                : reader->header.link;
        if (entry->path[0] == '\0')
                return refuse(reader, err, "its name is empty");
        if (strlen(entry->path) > TAR_PATH_MAX || strlen(entry->link) > TAR_PATH_MAX)
                return refuse(reader, err, "its name or link is too long");
        return 0;
}

/* What an entry of this type is, or false for types that no layer has. */
static bool read_type(struct tar_reader *reader)
{
        static const struct {
                char type;
                enum entry_type entry_type;
        } types[] = {
                { '0', ENTRY_FILE }, { '\0', ENTRY_FILE },    { '7', ENTRY_FILE },
                { 'S', ENTRY_FILE }, { '1', ENTRY_HARDLINK }, { '2', ENTRY_SYMLINK },
                { '3', ENTRY_CHAR }, { '4', ENTRY_BLOCK },    { '5', ENTRY_DIRECTORY },
                { '6', ENTRY_FIFO },
        };
        const char *path = reader->entry.path;

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                if (types[i].type != reader->header.type)
                        continue;
                reader->entry.type = types[i].entry_type;
                /* V7 had no type for directories. */
                if (reader->header.type == '\0' && path[strlen(path) - 1] == '/')
                        reader->entry.type = ENTRY_DIRECTORY;
                return true;
        }
        return false;
}

static int read_type_and_link(struct tar_reader *reader, struct error *err)
{
        struct entry *entry = &reader->entry;
        char text[64];
        bool has_link;

        if (!read_type(reader)) {
                snprintf(text, sizeof(text),
                         "its type, character %d, is none that a layer may have",
                         (unsigned char)reader->header.type);
                return refuse(reader, err, text);
        }
        has_link = entry->type == ENTRY_SYMLINK || entry->type == ENTRY_HARDLINK;
        if (has_link && entry->link[0] == '\0')
                return refuse(reader, err, "it is a link to nothing");
        if (!has_link)
                entry->link = NULL;
        return 0;
}

static int read_numbers(struct tar_reader *reader, struct error *err)
{
        const struct tar_header *header = &reader->header;
        struct entry *entry = &reader->entry;
        int64_t size = header->size;
        int r;

        entry->mode = (uint32_t)header->mode & 07777;
        r = read_id(reader, reader->pax.uid, header->uid, &entry->uid, err);
        if (r < 0)
                return r;
        r = read_id(reader, reader->pax.gid, header->gid, &entry->gid, err);
        if (r < 0)
                return r;
        entry->mtime = (struct timespec){ .tv_sec = header->mtime_s };
        if (reader->pax.mtime && !tar_pax_time(reader->pax.mtime, &entry->mtime))
                return refuse(reader, err, "the time in its pax header is no time");
        if (reader->pax.size && !tar_pax_integer(reader->pax.size, &size))
                return refuse(reader, err, "the size in its pax header is no number");
        /* Links, directories and devices may say a size, but have no content. */
        if (entry->type != ENTRY_FILE)
                size = 0;
        if (size < 0 || header->size < 0 ||
            reader->offset + (uint64_t)size > INT64_MAX - TAR_BLOCK_BYTES)
                return refuse(reader, err, "its size is not one that a file can have");
        reader->stored = entry->size = (uint64_t)size;
        reader->padding = padding_of(reader->stored);
        if (entry->type != ENTRY_CHAR && entry->type != ENTRY_BLOCK)
                return 0;
        if (header->dev_major < 0 || header->dev_major > UINT32_MAX || header->dev_minor < 0 ||
            header->dev_minor > UINT32_MAX)
                return refuse(reader, err, "its device number is not in the range of Linux");
        entry->device_major = (uint32_t)header->dev_major;
        entry->device_minor = (uint32_t)header->dev_minor;
        return 0;
}

/* An old GNU header with a sparse map, which further blocks may continue. */
static int begin_old_sparse(struct tar_reader *reader, struct error *err)
{
        const struct tar_block *block = &reader->block.header;
        int64_t size;
        bool more;
        int r;

        if (!reader->header.is_gnu ||
            !tar_number_read(block->gnu.real_size, sizeof(block->gnu.real_size), &size) || size < 0)
                return refuse(reader, err, "its header of a sparse file is malformed");
        reader->entry.size = (uint64_t)size;
        r = tar_sparse_add_header(&reader->sparse, block, &more, err);
        if (r < 0)
                return at_entry(reader, err);
        if (!more)
                return emit_sparse(reader, err);
        reader->state = STATE_EXTENSION;
        return 0;
}

/* A sparse file by pax records: 0.0 and 0.1 have the map there, 1.0 before the content. */
static int begin_pax_sparse(struct tar_reader *reader, struct error *err)
{
        const struct tar_pax_sparse *records = &reader->pax.sparse;
        const char *major = records->major ? records->major : "0";
        const char *minor = records->minor ? records->minor : "1";
        const char *size_text = records->size ? records->size : records->real_size;
        bool is_0 = strcmp(major, "0") == 0 && (strcmp(minor, "0") == 0 || strcmp(minor, "1") == 0);
        bool is_1 = strcmp(major, "1") == 0 && strcmp(minor, "0") == 0;
        int64_t size = (int64_t)reader->entry.size;
        int r;

        if (reader->entry.type != ENTRY_FILE || (!is_0 && !is_1))
                return refuse(reader, err, "its sparse format is not known");
        if (size_text && (!tar_pax_integer(size_text, &size) || size < 0))
                return refuse(reader, err, "its size in a sparse map is no number");
        if (records->name && strlen(records->name) > TAR_PATH_MAX)
                return refuse(reader, err, "its name is too long");
        if (records->name)
                reader->entry.path = records->name;
        reader->entry.size = (uint64_t)size;
        if (is_1) {
                reader->state = STATE_MAP;
                return 0;
        }
        r = tar_sparse_add_records(&reader->sparse, records, err);
        return r < 0 ? at_entry(reader, err) : emit_sparse(reader, err);
}

static bool has_sparse_records(const struct tar_pax_sparse *records)
{
        return records->major || records->minor || records->map || records->extent_count > 0;
}

/* The header of an entry proper. */
static int begin_entry(struct tar_reader *reader, struct error *err)
{
        int r;

        reader->entry = (struct entry){ .path = NULL };
        r = read_names(reader, err);
        if (r < 0)
                return r;
        r = read_type_and_link(reader, err);
        if (r < 0)
                return r;
        r = read_numbers(reader, err);
        if (r < 0)
                return r;
        reader->entry.xattrs = reader->pax.xattrs;
        reader->entry.xattr_count = reader->pax.xattr_count;
        if (reader->header.type == 'S')
                return begin_old_sparse(reader, err);
        if (has_sparse_records(&reader->pax.sparse))
                return begin_pax_sparse(reader, err);
        return emit(reader, err);
}

/* The body of a header that speaks of the next entry is whole. */
static int end_meta(struct tar_reader *reader, struct error *err)
{
        struct tar_pax global;
        int r = 0;

        switch (reader->meta_type) {
        case 'x':
                tar_pax_done(&reader->pax);
                buf_done(&reader->records);
                reader->records = reader->meta;
                reader->meta = BUF_INIT;
                r = tar_pax_read(reader->records.data, reader->records.len, &reader->pax, err);
                break;
        case 'g':
                /* In Go, what came before a global header is lost with it. */
                clear_entry(reader);
                r = tar_pax_read(reader->meta.data, reader->meta.len, &global, err);
                if (r == 0)
                        tar_pax_done(&global);
                break;
        case 'L':
                buf_clear(&reader->long_path);
                r = buf_append_str(&reader->long_path, buf_str(&reader->meta));
                break;
        default:
                buf_clear(&reader->long_link);
                r = buf_append_str(&reader->long_link, buf_str(&reader->meta));
                break;
        }
        if (r == -ENOMEM)
                return error_set_oom(err);
        if (r < 0)
                return at_entry(reader, err);
        enter_padding(reader);
        return 0;
}

static int begin_meta(struct tar_reader *reader, struct error *err)
{
        if (reader->header.size < 0 || reader->header.size > TAR_META_BYTES_MAX)
                return refuse(reader, err, "its extended header is too large");
        reader->meta_type = reader->header.type;
        buf_clear(&reader->meta);
        reader->left = (uint64_t)reader->header.size;
        reader->padding = padding_of(reader->left);
        reader->state = STATE_META;
        return reader->left == 0 ? end_meta(reader, err) : 0;
}

static int take_header(struct tar_reader *reader, struct error *err)
{
        bool is_zero = tar_block_is_zero(&reader->block);
        const char *fault;

        reader->entry.path = NULL;
        reader->header_offset = reader->offset - TAR_BLOCK_BYTES;
        if (is_zero) {
                reader->state = reader->state == STATE_ZERO ? STATE_END : STATE_ZERO;
                return 0;
        }
        if (reader->state == STATE_ZERO)
                return refuse(reader, err, "a single block of zeros stands between entries");
        fault = tar_header_read(&reader->block.header, &reader->header);
        if (fault)
                return refuse(reader, err, fault);
        switch (reader->header.type) {
        case 'x':
        case 'g':
        case 'L':
        case 'K':
                return begin_meta(reader, err);
        default:
                return begin_entry(reader, err);
        }
}

static int take_extension(struct tar_reader *reader, struct error *err)
{
        bool more;
        int r;

        r = tar_sparse_add_extension(&reader->sparse, &reader->block.extension, &more, err);
        if (r < 0)
                return at_entry(reader, err);
        return more ? 0 : emit_sparse(reader, err);
}

/* A block of the map is part of what is stored of the file. */
static int take_map(struct tar_reader *reader, struct error *err)
{
        bool more;
        int r;

        if (reader->stored < TAR_BLOCK_BYTES)
                return refuse(reader, err, "its map of a sparse file is cut short");
        reader->stored -= TAR_BLOCK_BYTES;
        r = tar_sparse_add_text(&reader->sparse, reader->block.text, &more, err);
        if (r < 0)
                return at_entry(reader, err);
        return more ? 0 : emit_sparse(reader, err);
}

static int take_block(struct tar_reader *reader, struct error *err)
{
        switch (reader->state) {
        case STATE_EXTENSION:
                return take_extension(reader, err);
        case STATE_MAP:
                return take_map(reader, err);
        case STATE_HEADER:
        case STATE_ZERO:
        case STATE_META:
        case STATE_CONTENT:
        case STATE_PADDING:
        case STATE_END:
        default:
                return take_header(reader, err);
        }
}

/* Takes bytes towards a whole block; there is at least one. Returns how many, or an error. */
static ssize_t feed_block(struct tar_reader *reader, const char *data, size_t len,
                          struct error *err)
{
        size_t n = TAR_BLOCK_BYTES - reader->block_len;
        int r;

        n = n < len ? n : len;
        memcpy(reader->block.text + reader->block_len, data, n);
        reader->block_len += n;
        reader->offset += n;
        if (reader->block_len == TAR_BLOCK_BYTES) {
                reader->block_len = 0;
                r = take_block(reader, err);
                if (r < 0)
                        return r;
        }
        return (ssize_t)n;
}

/* Takes bytes of a body, of content or of padding, of which at least one is left. */
static ssize_t feed_run(struct tar_reader *reader, const char *data, size_t len, struct error *err)
{
        size_t n = reader->left < len ? (size_t)reader->left : len;
        int r = 0;

        reader->left -= n;
        reader->offset += n;
        if (reader->state == STATE_META) {
                if (buf_append(&reader->meta, data, n) < 0)
                        return error_set_oom(err);
                r = reader->left == 0 ? end_meta(reader, err) : 0;
        } else if (reader->state == STATE_CONTENT) {
                if (reader->content)
                        r = reader->content->write(reader->content->context, data, n, err);
                if (r == 0 && reader->left == 0)
                        enter_padding(reader);
        } else if (reader->left == 0) {
                reader->state = STATE_HEADER;
        }
        return r < 0 ? r : (ssize_t)n;
}

int tar_reader_feed(struct tar_reader *reader, const void *data, size_t len, struct error *err)
{
        const char *at = data;

        while (len > 0 && reader->state != STATE_END) {
                bool is_run = reader->state == STATE_META || reader->state == STATE_CONTENT ||
                              reader->state == STATE_PADDING;
                ssize_t n =
                        is_run ? feed_run(reader, at, len, err) : feed_block(reader, at, len, err);

                if (n < 0)
                        return (int)n;
                at += n;
                len -= (size_t)n;
        }
        reader->trailer += len;
        if (reader->trailer > TAR_TRAILER_BYTES_MAX)
                return error_set(err, -EBADMSG,
                                 "the tar goes on for more than %u bytes after its end",
                                 TAR_TRAILER_BYTES_MAX);
        return 0;
}

int tar_reader_finish(struct tar_reader *reader, bool *ret_complete, struct error *err)
{
        bool has_meta = reader->records.len + reader->long_path.len + reader->long_link.len > 0;
        bool complete = reader->state == STATE_END || reader->state == STATE_ZERO;
        bool between = complete || reader->state == STATE_HEADER || reader->state == STATE_PADDING;

        if (!between || reader->block_len > 0 || has_meta)
                return error_set(err, -EBADMSG,
                                 "the tar is cut short: it ends in the middle of an entry, at byte "
                                 "%" PRIu64,
                                 reader->offset);
        *ret_complete = complete;
        return 0;
}
