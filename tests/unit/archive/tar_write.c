#include "archive/tar_write.h"

#include "../entry_log.h"
#include "../random_tree.h"
#include "archive/tar_read.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>

static int append(void *context, const void *data, size_t len, struct error *err)
{
        return buf_append(context, data, len) < 0 ? error_set_oom(err) : 0;
}

/* A writer into a buffer. */
struct archive {
        struct buf bytes;
        struct byte_sink sink;
        struct tar_writer *writer;
};

static void begin(struct archive *archive)
{
        struct error err = ERROR_INIT;

        *archive = (struct archive){ .sink.write = append };
        archive->sink.context = &archive->bytes;
        cr_assert_eq(tar_writer_new(&archive->sink, &archive->writer, &err), 0);
}

static void end(struct archive *archive)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(tar_writer_finish(archive->writer, &err), 0, "%s", err.message);
        tar_writer_free(archive->writer);
        archive->writer = NULL;
}

/* Adds an entry and, as its content, that of a random tree's entry `number`. Returns the offset. */
static uint64_t add(struct archive *archive, const struct entry *entry, size_t number)
{
        struct entry_extent whole = { 0, entry->size };
        const struct entry_extent *runs = entry->extents ? entry->extents : &whole;
        size_t count = entry->extents ? entry->extent_count : 1;
        struct error err = ERROR_INIT;
        uint64_t offset;

        cr_assert_eq(tar_writer_add(archive->writer, entry, &offset, &err), 0, "%s", err.message);
        cr_assert_eq(offset, archive->bytes.len);
        cr_assert_eq(offset % 512, 0);
        for (size_t i = 0; i < count; i++) {
                char *data = malloc(runs[i].length + 1);

                random_content(number, runs[i].offset, data, runs[i].length);
                cr_assert_eq(tar_writer_data(archive->writer, data, runs[i].length, &err), 0);
                free(data);
        }
        return offset;
}

static void read_back(const struct archive *archive, struct entry_log *log)
{
        struct entry_sink sink = entry_log_sink(log);
        struct error err = ERROR_INIT;
        struct tar_reader *reader;
        bool complete;

        cr_assert_eq(tar_reader_new(&sink, NULL, &reader, &err), 0);
        cr_assert_eq(tar_reader_feed(reader, archive->bytes.data, archive->bytes.len, &err), 0,
                     "%s", err.message);
        cr_assert_eq(tar_reader_finish(reader, &complete, &err), 0, "%s", err.message);
        cr_assert(complete);
        tar_reader_free(reader);
}

Test(tar_write, of_any_entries_is_read_back_as_the_same)
{
        struct archive archive;
        struct random_tree tree;
        struct entry_log expected = { 0 }, log = { 0 };

        random_tree_init(&tree, random_seed(), 600);
        begin(&archive);
        for (size_t i = 0; i < tree.count; i++) {
                struct entry entry = tree.entries[i];
                uint64_t offset = add(&archive, &entry, i);
                char *with_slash = NULL;

                if (entry.type == ENTRY_FILE)
                        buf_append(&expected.offsets, &offset, sizeof(offset));
                if (entry.type == ENTRY_DIRECTORY) {
                        cr_assert(asprintf(&with_slash, "%s/", entry.path) > 0);
                        entry.path = with_slash;
                }
                entry_log_entry(&expected.text, &entry);
                free(with_slash);
        }
        end(&archive);
        read_back(&archive, &log);
        cr_assert_str_eq(buf_str(&log.text), buf_str(&expected.text));
        cr_assert_eq(log.offsets.len, expected.offsets.len);
        cr_assert_eq(memcmp(log.offsets.data, expected.offsets.data, log.offsets.len), 0);
        entry_log_done(&log);
        entry_log_done(&expected);
        buf_done(&archive.bytes);
        random_tree_done(&tree);
}

/* One of each kind, with what needs records and what does not. */
static void write_one_of_each(struct archive *archive)
{
        static const struct entry_xattr xattrs[] = { { "security.capability", "\1\0\0\2", 4 },
                                                     { "user.empty", "", 0 } };
        static const struct entry_extent extents[] = { { 4096, 10 }, { 8192, 600 } };
        const struct entry entries[] = {
                { .path = "d", .type = ENTRY_DIRECTORY, .mode = 01777 },
                { .path = "d/f",
                  .mode = 04755,
                  .size = 5,
                  .mtime = { .tv_sec = 1700000000 },
                  .xattrs = xattrs,
                  .xattr_count = 2 },
                { .path = "d/h", .type = ENTRY_HARDLINK, .link = "d/f", .mode = 0644 },
                { .path = "d/s",
                  .type = ENTRY_SYMLINK,
                  .link = "f",
                  .mode = 0777,
                  .mtime = { .tv_sec = -2, .tv_nsec = 750000000 } },
                { .path = "c", .type = ENTRY_CHAR, .device_major = 10, .device_minor = 1048575 },
                { .path = "b",
                  .type = ENTRY_BLOCK,
                  .device_major = 4095,
                  .uid = 2097152,
                  .gid = 4294967294 },
                { .path = "p", .type = ENTRY_FIFO },
                { .path = "sparse", .size = 10000, .extents = extents, .extent_count = 2 },
                { .path = "hole", .size = 9ULL << 30, .extents = extents, .extent_count = 0 },
                { .path = "non-utf8 \xff", .mtime = { .tv_sec = 8589934592 } },
        };

        begin(archive);
        for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
                add(archive, &entries[i], i);
        end(archive);
}

Test(tar_write, gives_the_same_bytes_as_ever_in_any_locale)
{
        static const char *const locales[] = { "C", "C.UTF-8" };
        struct error err = ERROR_INIT;
        struct buf golden = BUF_INIT;

        cr_assert_eq(io_read_file(AT_FDCWD, TEST_DATA "/tar/golden.tar", 1 << 20, &golden, &err), 0,
                     "%s", err.message);
        for (size_t i = 0; i < 2; i++) {
                struct archive archive;

                cr_assert_not_null(setlocale(LC_ALL, locales[i]));
                write_one_of_each(&archive);
                cr_assert_eq(archive.bytes.len, golden.len);
                cr_assert_eq(memcmp(archive.bytes.data, golden.data, golden.len), 0);
                buf_done(&archive.bytes);
        }
        buf_done(&golden);
}

/* Whether the entry with this path takes one block, and so no pax header. */
static bool fits_into_header(const char *path, enum entry_type type)
{
        struct entry entry = { .path = path, .type = type };
        struct archive archive;
        bool fits;

        begin(&archive);
        fits = add(&archive, &entry, 0) == 512;
        end(&archive);
        buf_done(&archive.bytes);
        return fits;
}

Test(tar_write, splits_names_at_a_slash_and_takes_records_for_what_cannot_be_split)
{
        struct buf path = BUF_INIT;

        for (int i = 0; i < 100; i++)
                buf_append_char(&path, 'n');
        cr_assert(fits_into_header(buf_str(&path), ENTRY_FILE));
        cr_assert_not(fits_into_header(buf_str(&path), ENTRY_DIRECTORY), "the slash is too much");
        buf_append_char(&path, 'n');
        cr_assert_not(fits_into_header(buf_str(&path), ENTRY_FILE));
        path.data[40] = '/';
        cr_assert(fits_into_header(buf_str(&path), ENTRY_FILE));
        cr_assert(fits_into_header(buf_str(&path), ENTRY_DIRECTORY));
        buf_clear(&path);
        for (int i = 0; i < 256; i++)
                buf_append_char(&path, i == 155 ? '/' : 'n');
        cr_assert(fits_into_header(buf_str(&path), ENTRY_FILE));
        buf_append_char(&path, 'n');
        cr_assert_not(fits_into_header(buf_str(&path), ENTRY_FILE));
        buf_done(&path);
}

Test(tar_write, counts_the_digits_of_a_records_own_length)
{
        struct buf value = BUF_INIT;

        /* Around each power of ten, where one digit more makes the length one more. */
        for (size_t len = 60; len < 1100; len += len < 120 || len > 960 ? 1 : 97) {
                struct entry_xattr xattr = { "user.a", NULL, len };
                struct entry entry = { .path = "f", .xattrs = &xattr, .xattr_count = 1 };
                struct entry_log log = { 0 };
                struct archive archive;

                while (value.len < len)
                        buf_append_char(&value, 'v');
                xattr.value = value.data;
                begin(&archive);
                add(&archive, &entry, 0);
                end(&archive);
                read_back(&archive, &log);
                cr_assert_eq(log.count, 1);
                entry_log_done(&log);
                buf_done(&archive.bytes);
        }
        buf_done(&value);
}

Test(tar_write, says_how_names_are_encoded_only_where_a_record_has_no_utf8)
{
        struct buf path = BUF_INIT;
        struct archive archive;

        for (int i = 0; i < 150; i++)
                buf_append_str(&path, "\xc3\xa9");
        begin(&archive);
        add(&archive, &(struct entry){ .path = buf_str(&path) }, 0);
        cr_assert_null(memmem(archive.bytes.data, archive.bytes.len, "hdrcharset", 10));
        path.data[7] = 'x';
        add(&archive, &(struct entry){ .path = buf_str(&path) }, 0);
        cr_assert_not_null(
                memmem(archive.bytes.data, archive.bytes.len, "21 hdrcharset=BINARY\n", 21));
        end(&archive);
        buf_done(&archive.bytes);
        buf_done(&path);
}

Test(tar_write, refuses_what_a_tar_cannot_hold)
{
        static const struct entry_extent overlapping[] = { { 0, 5 }, { 4, 5 } },
                                         outside[] = { { 5, 6 } },
                                         adjacent[] = { { 0, 5 }, { 5, 5 } },
                                         empty[] = { { 0, 0 } };
        static const struct entry_xattr xattr = { "user.a=b", "", 0 };
        const struct entry bad[] = {
                { .path = "" },
                { .path = "s", .type = ENTRY_SOCKET },
                { .path = "f/" },
                { .path = "l", .type = ENTRY_SYMLINK },
                { .path = "f", .link = "x" },
                { .path = "d", .type = ENTRY_DIRECTORY, .size = 1 },
                { .path = "c", .type = ENTRY_CHAR, .device_minor = 2097152 },
                { .path = "f", .xattrs = &xattr, .xattr_count = 1 },
                { .path = "f", .size = 10, .extents = overlapping, .extent_count = 2 },
                { .path = "f", .size = 10, .extents = outside, .extent_count = 1 },
                { .path = "f", .size = 10, .extents = adjacent, .extent_count = 2 },
                { .path = "f", .size = 10, .extents = empty, .extent_count = 1 },
        };
        struct archive archive;
        uint64_t offset;

        begin(&archive);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(tar_writer_add(archive.writer, &bad[i], &offset, &err), -EINVAL,
                             "case %zu", i);
                cr_assert(error_is_set(&err));
        }
        cr_assert_eq(archive.bytes.len, 0);
        end(&archive);
        cr_assert_eq(archive.bytes.len, 1024);
        buf_done(&archive.bytes);
}

Test(tar_write, insists_on_exactly_the_content_that_was_announced)
{
        const struct entry entry = { .path = "f", .size = 5 };
        struct error err = ERROR_INIT;
        struct archive archive;
        uint64_t offset;

        begin(&archive);
        cr_assert_eq(tar_writer_add(archive.writer, &entry, &offset, &err), 0);
        cr_assert_eq(tar_writer_data(archive.writer, "abc", 3, &err), 0);
        cr_assert_eq(tar_writer_data(archive.writer, "def", 3, &err), -EINVAL);
        cr_assert_eq(tar_writer_add(archive.writer, &entry, &offset, &err), -EINVAL);
        cr_assert_eq(tar_writer_finish(archive.writer, &err), -EINVAL);
        cr_assert_eq(tar_writer_data(archive.writer, "de", 2, &err), 0);
        cr_assert_eq(archive.bytes.len, 1024);
        end(&archive);
        buf_done(&archive.bytes);
}

static int fail(void *context, const void *data, size_t len, struct error *err)
{
        (void)context;
        (void)data;
        (void)len;
        return error_set(err, -ENOSPC, "full");
}

Test(tar_write, ends_with_what_the_sink_returns)
{
        const struct byte_sink sink = { .write = fail };
        const struct entry entry = { .path = "f" };
        struct error err = ERROR_INIT;
        struct tar_writer *writer;
        uint64_t offset;

        cr_assert_eq(tar_writer_new(&sink, &writer, &err), 0);
        cr_assert_eq(tar_writer_add(writer, &entry, &offset, &err), -ENOSPC);
        cr_assert_str_eq(err.message, "full");
        tar_writer_free(writer);
}
