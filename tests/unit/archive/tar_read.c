#include "archive/tar_read.h"

#include "../entry_log.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tar under construction. */
struct tar {
        struct buf bytes;
};

static void set_checksum(char *header)
{
        unsigned sum = 0;
        char text[8];

        memset(header + 148, ' ', 8);
        for (int i = 0; i < 512; i++)
                sum += (unsigned char)header[i];
        snprintf(text, sizeof(text), "%06o", sum & 0777777);
        memcpy(header + 148, text, 7);
}

static void pad(struct tar *tar)
{
        static const char zeros[512];

        buf_append(&tar->bytes, zeros, -tar->bytes.len % 512);
}

/* Appends a header of ustar; Returns it for the tests to change. (Inlined,
 * GCC 12 under the sanitizers takes it for NULL and warns.) */
__attribute__((noinline)) static char *add_header(struct tar *tar, char type, const char *name,
                                                  const char *link, size_t size)
{
        char header[512] = { 0 }, text[13];

        strncpy(header, name, 100);
        memcpy(header + 100, "0000640", 8);
        memcpy(header + 108, "0001750", 8);
        memcpy(header + 116, "0000144", 8);
        snprintf(text, sizeof(text), "%011zo", size & 077777777777);
        memcpy(header + 124, text, 12);
        memcpy(header + 136, "07346545000", 12);
        header[156] = type;
        strncpy(header + 157, link, 100);
        memcpy(header + 257, "ustar\00000", 8);
        memcpy(header + 329, "0000012", 8);
        memcpy(header + 337, "0000310", 8);
        set_checksum(header);
        cr_assert_eq(buf_append(&tar->bytes, header, sizeof(header)), 0);
        return tar->bytes.data + tar->bytes.len - 512;
}

/* Changes a field, and the checksum with it. */
static void set_field(char *header, size_t at, const void *bytes, size_t len)
{
        memcpy(header + at, bytes, len);
        set_checksum(header);
}

/* GCC 12 under the sanitizers warns of a header at NULL where it inlines this. */
__attribute__((noinline)) static void fill_field(char *header, size_t at, int byte, size_t len)
{
        memset(header + at, byte, len);
        set_checksum(header);
}

static void add_body(struct tar *tar, const void *data, size_t len)
{
        buf_append(&tar->bytes, data, len);
        pad(tar);
}

static void add_end(struct tar *tar)
{
        static const char zeros[1024];

        buf_append(&tar->bytes, zeros, sizeof(zeros));
}

/* Appends an extended header of these records, each "key=value" and ended by an empty text. */
static void add_pax(struct tar *tar, char type, const char *const *records)
{
        struct buf body = BUF_INIT;

        for (; **records; records++) {
                size_t len = strlen(*records) + 3, digits = 1;

                for (size_t rest = (len + 1) / 10; rest > 0; rest /= 10)
                        digits++;
                buf_appendf(&body, "%zu %s\n", len - 1 + digits, *records);
        }
        add_header(tar, type, "pax", "", body.len);
        add_body(tar, body.data, body.len);
        buf_done(&body);
}

#define PAX(tar, ...) add_pax(tar, 'x', (const char *const[]){ __VA_ARGS__, "" })

/* Feeds all of it in pieces of `step` bytes; the result of the first call that fails, or of the
 * last. */
static int read_in_steps(const void *data, size_t len, size_t step, const struct entry_sink *sink,
                         const struct byte_sink *content, bool *ret_complete, struct error *err)
{
        struct tar_reader *reader;
        int r = 0;

        cr_assert_eq(tar_reader_new(sink, content, &reader, err), 0);
        for (size_t at = 0; at < len && r == 0; at += step)
                r = tar_reader_feed(reader, (const char *)data + at,
                                    len - at < step ? len - at : step, err);
        if (r == 0)
                r = tar_reader_finish(reader, ret_complete, err);
        tar_reader_free(reader);
        return r;
}

static int read_tar(const struct tar *tar, struct entry_log *log, struct error *err)
{
        struct entry_sink sink = entry_log_sink(log);
        bool complete;

        return read_in_steps(tar->bytes.data, tar->bytes.len, tar->bytes.len + 1, &sink, NULL,
                             &complete, err);
}

/* The tar is read as these lines; it is released. */
static void assert_entries(struct tar *tar, const char *expected)
{
        struct error err = ERROR_INIT;
        struct entry_log log = { 0 };

        cr_assert_eq(read_tar(tar, &log, &err), 0, "%s", err.message);
        cr_assert_str_eq(buf_str(&log.text), expected);
        entry_log_done(&log);
        buf_done(&tar->bytes);
}

/* The tar is refused with an error in which these words occur; it is released. */
static void assert_refused(struct tar *tar, const char *words)
{
        struct error err = ERROR_INIT;
        struct entry_log log = { 0 };

        cr_assert_eq(read_tar(tar, &log, &err), -EBADMSG, "%s", words);
        cr_assert_not_null(strstr(err.message, words), "'%s' is not in: %s", words, err.message);
        entry_log_done(&log);
        buf_done(&tar->bytes);
}

Test(tar_read, reports_every_type_with_all_that_its_header_says)
{
        struct tar tar = { 0 };

        add_header(&tar, '0', "f", "", 3);
        add_body(&tar, "abc", 3);
        add_header(&tar, '5', "d/", "", 0);
        add_header(&tar, '2', "l", "to/there", 0);
        add_header(&tar, '1', "h", "f", 0);
        add_header(&tar, '3', "c", "", 0);
        add_header(&tar, '4', "b", "", 0);
        add_header(&tar, '6', "p", "", 0);
        add_header(&tar, '7', "contiguous", "", 0);
        add_end(&tar);
        assert_entries(&tar, "- f 0640 1000:100 1000000000.000000000 3\n"
                             "d d/ 0640 1000:100 1000000000.000000000 0\n"
                             "l l -> to/there 0640 1000:100 1000000000.000000000 0\n"
                             "h h -> f 0640 1000:100 1000000000.000000000 0\n"
                             "c c 0640 1000:100 1000000000.000000000 0 10,200\n"
                             "b b 0640 1000:100 1000000000.000000000 0 10,200\n"
                             "p p 0640 1000:100 1000000000.000000000 0\n"
                             "- contiguous 0640 1000:100 1000000000.000000000 0\n");
}

static void load(const char *name, struct buf *ret)
{
        struct error err = ERROR_INIT;
        char path[512];

        snprintf(path, sizeof(path), "%s/tar/%s", TEST_DATA, name);
        cr_assert_eq(io_read_file(AT_FDCWD, path, 1 << 20, ret, &err), 0, "%s", err.message);
}

/* The sparse file of the archives: 4,096 times the digit i at 64 KiB + i * 128 KiB. */
static void assert_sparse_content(const char *archive, const struct buf *tar,
                                  const struct entry_log *log)
{
        const uint64_t *offsets = (const uint64_t *)(const void *)log->offsets.data;
        size_t files = log->offsets.len / sizeof(*offsets);
        bool found = false;

        for (size_t i = 0; i < files; i++) {
                const char *at = tar->data + offsets[i];

                if (strncmp(at, "plain", 5) == 0)
                        continue;
                found = true;
                for (int run = 0; run < 6; run++, at += 4096) {
                        cr_assert_eq(at[0], '0' + run, "%s", archive);
                        cr_assert_eq(memcmp(at, at + 1, 4095), 0, "%s", archive);
                }
        }
        cr_assert(found, "%s has no sparse file", archive);
}

/* What the archive's own program put in, in its order. */
static void assert_archive(const char *name, const char *expected)
{
        struct error err = ERROR_INIT;
        struct entry_log log = { 0 };
        struct entry_sink sink = entry_log_sink(&log);
        struct buf tar = BUF_INIT;
        bool complete;

        load(name, &tar);
        cr_assert_eq(read_in_steps(tar.data, tar.len, tar.len, &sink, NULL, &complete, &err), 0,
                     "%s: %s", name, err.message);
        cr_assert(complete, "%s", name);
        cr_assert_str_eq(buf_str(&log.text), expected, "%s:\n%s", name, buf_str(&log.text));
        if (strstr(expected, "dir/sparse"))
                assert_sparse_content(name, &tar, &log);
        entry_log_done(&log);
        buf_done(&tar);
}

#define N30  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define LONG "dir/" N30 N30 N30 N30 "/"
#define RUNS "{65536+4096 196608+4096 327680+4096 458752+4096 589824+4096 720896+4096}"
#define WHO  "1000:100"

Test(tar_read, finds_sparse_files_in_all_forms_of_gnu_tar)
{
#define GNU_LIST(time, xattr)                               \
        "d dir/ 0755 " WHO " " time " 0\n"                  \
        "- dir/hard 0644 " WHO " " time " 5" xattr "\n"     \
        "l dir/link -> plain 0777 " WHO " " time " 0\n"     \
        "d " LONG " 0755 " WHO " " time " 0\n"              \
        "h dir/plain -> dir/hard 0644 " WHO " " time " 0\n" \
        "- dir/sparse 0644 " WHO " " time " 1048576 " RUNS "\n"
        static const char pax[] = GNU_LIST("1000000000.500000000", " user.bin=61003d0a");

        assert_archive("gnu-sparse-old.tar", GNU_LIST("1000000000.000000000", ""));
        assert_archive("gnu-sparse-0.0.tar", pax);
        assert_archive("gnu-sparse-0.1.tar", pax);
        assert_archive("gnu-sparse-1.0.tar", pax);
}

Test(tar_read, reads_what_other_programs_write)
{
#define T  "1000000000.000000000"
#define NS "1000000000.500000000"
        assert_archive("gnu-v7.tar", "- dir/plain 0644 " WHO " " T " 5\n"
                                     "l dir/link -> plain 0777 " WHO " " T " 0\n");
        assert_archive("bsdtar-pax.tar",
                       "d dir/ 0755 " WHO " " NS " 0\n"
                       "- dir/sparse 0644 " WHO " " NS " 1048576 " RUNS "\n"
                       "l dir/link -> plain 0777 " WHO " " NS " 0\n"
                       "- dir/hard 0644 " WHO " " NS " 5 user.bin=61003d0a\n"
                       "h dir/plain -> dir/hard 0644 " WHO " " NS " 0 user.bin=61003d0a\n"
                       "d " LONG " 0755 " WHO " " NS " 0\n");
        assert_archive("bsdtar-gnu.tar", "d dir/ 0755 " WHO " " T " 0\n"
                                         "l dir/link -> plain 0777 " WHO " " T " 0\n"
                                         "- dir/hard 0644 " WHO " " T " 5\n"
                                         "h dir/plain -> dir/hard 0644 " WHO " " T " 0\n"
                                         "d " LONG " 0755 " WHO " " T " 0\n");
        assert_archive("go-pax.tar", "d dir/ 0755 " WHO " " NS " 0\n"
                                     "- dir/plain 0644 " WHO " " NS " 5 user.bin=61003d0a\n"
                                     "h dir/hard -> dir/plain 0644 " WHO " " NS " 0\n"
                                     "l dir/link -> plain 0777 " WHO " " NS " 0\n"
                                     "d " LONG " 0755 " WHO " " NS " 0\n");
        assert_archive("go-gnu.tar", "d dir/ 0755 " WHO " " T " 0\n"
                                     "- dir/plain 0644 " WHO " " T " 5\n"
                                     "h dir/hard -> dir/plain 0644 " WHO " " T " 0\n"
                                     "l dir/link -> plain 0777 " WHO " " T " 0\n"
                                     "d " LONG " 0755 " WHO " " T " 0\n");
#define PYTHON_LIST(time)                               \
        "d dir/ 0755 " WHO " " time " 0\n"              \
        "- dir/hard 0644 " WHO " " time " 5\n"          \
        "l dir/link -> plain 0777 " WHO " " time " 0\n" \
        "d " LONG " 0755 " WHO " " time " 0\n"          \
        "h dir/plain -> dir/hard 0644 " WHO " " time " 0\n"
        assert_archive("python-pax.tar", PYTHON_LIST(NS));
        assert_archive("python-gnu.tar", PYTHON_LIST(T));
}

Test(tar_read, does_not_depend_on_the_pieces_that_it_is_fed)
{
        static const char *const names[] = { "gnu-sparse-old.tar", "gnu-sparse-0.0.tar",
                                             "gnu-sparse-1.0.tar", "go-gnu.tar" };
        static const size_t steps[] = { 1, 7, 511, 512, 513, 4096 };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct entry_log whole = { 0 };
                struct entry_sink sink = entry_log_sink(&whole);
                struct error err = ERROR_INIT;
                struct buf tar = BUF_INIT;
                bool complete;

                load(names[i], &tar);
                cr_assert_eq(
                        read_in_steps(tar.data, tar.len, tar.len, &sink, NULL, &complete, &err), 0);
                for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
                        struct entry_log log = { 0 };
                        struct entry_sink other = entry_log_sink(&log);

                        cr_assert_eq(read_in_steps(tar.data, tar.len, steps[j], &other, NULL,
                                                   &complete, &err),
                                     0);
                        cr_assert_str_eq(buf_str(&log.text), buf_str(&whole.text));
                        cr_assert_eq(log.offsets.len, whole.offsets.len);
                        cr_assert_eq(memcmp(log.offsets.data, whole.offsets.data, log.offsets.len),
                                     0);
                        entry_log_done(&log);
                }
                entry_log_done(&whole);
                buf_done(&tar);
        }
}

static int append(void *context, const void *data, size_t len, struct error *err)
{
        return buf_append(context, data, len) < 0 ? error_set_oom(err) : 0;
}

Test(tar_read, hands_on_content_as_it_is_stored)
{
        struct buf tar = BUF_INIT, content = BUF_INIT;
        struct byte_sink to = { append, &content };
        struct error err = ERROR_INIT;
        struct entry_log log = { 0 };
        struct entry_sink sink = entry_log_sink(&log);
        bool complete;

        load("gnu-sparse-1.0.tar", &tar);
        cr_assert_eq(read_in_steps(tar.data, tar.len, 100, &sink, &to, &complete, &err), 0);
        cr_assert_eq(content.len, 5 + 6 * 4096);
        cr_assert_eq(memcmp(content.data, "plain000", 8), 0);
        entry_log_done(&log);
        buf_done(&content);
        buf_done(&tar);
}

Test(tar_read, believes_pax_records_over_headers_and_the_last_of_each)
{
        struct tar tar = { 0 };

        PAX(&tar, "path=a", "path=long/\xff", "size=3", "uid=3000000000", "gid=7", "mtime=-1.25",
            "atime=x", "comment=c", "linkpath=");
        add_header(&tar, '0', "f", "", 77777);
        add_body(&tar, "abc", 3);
        add_header(&tar, '0', "g", "", 0);
        PAX(&tar, "path=dropped");
        PAX(&tar, "mtime=5.1234567899", "uid=");
        add_header(&tar, '2', "l", "there", 0);
        add_end(&tar);
        assert_entries(&tar, "- long/\xff 0640 3000000000:7 -2.750000000 3\n"
                             "- g 0640 1000:100 1000000000.000000000 0\n"
                             "l l -> there 0640 1000:100 5.123456789 0\n");
}

Test(tar_read, takes_long_names_and_links_of_gnu_over_all_others)
{
        struct tar tar = { 0 };

        add_header(&tar, 'L', "././@LongLink", "", 10);
        add_body(&tar, "long/name\0", 10);
        add_header(&tar, 'K', "././@LongLink", "", 9);
        add_body(&tar, "long/link", 9);
        PAX(&tar, "path=pax", "linkpath=pax");
        add_header(&tar, '2', "short", "short", 0);
        add_header(&tar, '0', "next", "", 0);
        add_end(&tar);
        assert_entries(&tar, "l long/name -> long/link 0640 1000:100 1000000000.000000000 0\n"
                             "- next 0640 1000:100 1000000000.000000000 0\n");
}

Test(tar_read, joins_prefix_and_name_of_ustar_and_of_old_go)
{
        struct tar tar = { 0 };
        char *header;

        header = add_header(&tar, '0', "name", "", 0);
        set_field(header, 345, "the/prefix", 11);
        /* GNU's magic: the field holds times, */
        header = add_header(&tar, '0', "gnu", "", 0);
        set_field(header, 257, "ustar  ", 8);
        set_field(header, 345, "07346545000", 12);
        /* but Go before 1.8 wrote a prefix there. */
        header = add_header(&tar, '0', "old-go", "", 0);
        set_field(header, 257, "ustar  ", 8);
        set_field(header, 345, "the/prefix", 11);
        add_end(&tar);
        assert_entries(&tar, "- the/prefix/name 0640 1000:100 1000000000.000000000 0\n"
                             "- gnu 0640 1000:100 1000000000.000000000 0\n"
                             "- the/prefix/old-go 0640 1000:100 1000000000.000000000 0\n");
}

Test(tar_read, reads_numbers_in_base_256_also_negative_ones)
{
        struct tar tar = { 0 };
        char *header = add_header(&tar, '3', "f", "", 0);

        set_field(header, 108, "\x80\0\0\0\x80\0\0\1", 8); /* uid 2147483649 */
        fill_field(header, 136, 0xff, 12);                 /* one second before 1970 */
        set_field(header, 337, "\x80\0\0\0\0\x0f\xff\xff", 8);
        add_end(&tar);
        assert_entries(&tar, "c f 0640 2147483649:100 -1.000000000 0 10,1048575\n");
}

Test(tar_read, knows_directories_of_v7_by_their_slash)
{
        struct tar tar = { 0 };
        char *header = add_header(&tar, '\0', "d/", "", 0);

        fill_field(header, 257, 0, 255);
        header = add_header(&tar, '\0', "f", "", 0);
        fill_field(header, 257, 0, 255);
        add_end(&tar);
        assert_entries(&tar, "d d/ 0640 1000:100 1000000000.000000000 0\n"
                             "- f 0640 1000:100 1000000000.000000000 0\n");
}

Test(tar_read, takes_checksums_of_signed_characters)
{
        struct tar tar = { 0 };
        char *header = add_header(&tar, '0', "\xe9", "", 0), text[8];
        unsigned sum;

        sum = (unsigned)strtoul(header + 148, NULL, 8) - 256;
        snprintf(text, sizeof(text), "%06o", sum & 0777777);
        memcpy(header + 148, text, 7);
        add_end(&tar);
        assert_entries(&tar, "- \xe9 0640 1000:100 1000000000.000000000 0\n");
}

Test(tar_read, gives_global_headers_no_effect)
{
        struct tar tar = { 0 };

        add_pax(&tar, 'g', (const char *const[]){ "path=p", "size=5", "uid=0", "comment=x", "" });
        add_header(&tar, '0', "f", "", 0);
        add_end(&tar);
        assert_entries(&tar, "- f 0640 1000:100 1000000000.000000000 0\n");
}

Test(tar_read, sorts_xattrs_and_reads_both_of_their_forms)
{
        static const char binary[] = "24 SCHILY.xattr.z.b=\0\n=\n"
                                     "27 SCHILY.xattr.security=x\n"
                                     "21 SCHILY.xattr.e.f=\n"
                                     "36 LIBARCHIVE.xattr.user.a%3Db=AAEC\n"
                                     "29 LIBARCHIVE.xattr.z.b=eHl6\n";
        struct tar tar = { 0 };

        add_header(&tar, 'x', "pax", "", sizeof(binary) - 1);
        add_body(&tar, binary, sizeof(binary) - 1);
        add_header(&tar, '0', "f", "", 0);
        add_header(&tar, '0', "g", "", 0);
        add_end(&tar);
        assert_entries(&tar, "- f 0640 1000:100 1000000000.000000000 0 "
                             "e.f= security=78 user.a=b=000102 z.b=000a3d\n"
                             "- g 0640 1000:100 1000000000.000000000 0\n");
}

Test(tar_read, ends_at_the_first_marker_and_says_whether_there_was_one)
{
        struct error err = ERROR_INIT;
        struct entry_log log = { 0 };
        struct entry_sink sink = entry_log_sink(&log);
        struct tar tar = { 0 };
        bool complete;

        add_header(&tar, '0', "f", "", 0);
        cr_assert_eq(
                read_in_steps(tar.bytes.data, tar.bytes.len, 512, &sink, NULL, &complete, &err), 0);
        cr_assert_not(complete);
        add_end(&tar);
        cr_assert_eq(read_in_steps(tar.bytes.data, 1024, 512, &sink, NULL, &complete, &err), 0);
        cr_assert(complete, "one block of zeros at the end is enough");
        add_header(&tar, '0', "of another archive", "", 0);
        buf_append_str(&tar.bytes, "and whatever");
        buf_clear(&log.text);
        cr_assert_eq(
                read_in_steps(tar.bytes.data, tar.bytes.len, 512, &sink, NULL, &complete, &err), 0);
        cr_assert(complete);
        cr_assert_str_eq(buf_str(&log.text), "- f 0640 1000:100 1000000000.000000000 0\n");
        cr_assert_eq(read_in_steps("", 0, 1, &sink, NULL, &complete, &err), 0);
        cr_assert_not(complete);
        entry_log_done(&log);
        buf_done(&tar.bytes);
}

Test(tar_read, refuses_every_cut_inside_of_an_entry)
{
        struct entry_log log = { 0 };
        struct entry_sink sink = entry_log_sink(&log);
        struct tar tar = { 0 };

        PAX(&tar, "path=p");
        add_header(&tar, '0', "f", "", 700);
        add_body(&tar, memset((char[700]){ 0 }, 'x', 700), 700);
        for (size_t len = 1; len < tar.bytes.len; len++) {
                struct error err = ERROR_INIT;
                bool complete;
                int r = read_in_steps(tar.bytes.data, len, len, &sink, NULL, &complete, &err);

                /* What pads the content may be missing. */
                if (len >= 3 * 512 + 700) {
                        cr_assert_eq(r, 0);
                        cr_assert_not(complete);
                } else {
                        cr_assert_eq(r, -EBADMSG, "%zu", len);
                        cr_assert_not_null(strstr(err.message, "cut short"));
                }
        }
        entry_log_done(&log);
        buf_done(&tar.bytes);
}

Test(tar_read, refuses_headers_that_are_no_headers)
{
        struct tar tar = { 0 };
        char *header;

        add_body(&tar, "<html>", 6);
        assert_refused(&tar, "byte 0 of the tar: there is no tar header");
        header = add_header(&tar, '0', "f", "", 0);
        header[0] = 'g';
        assert_refused(&tar, "checksum");
        header = add_header(&tar, '0', "f", "", 0);
        set_field(header, 124, "00000000009", 12);
        assert_refused(&tar, "is no number");
        header = add_header(&tar, '0', "f", "", 0);
        set_field(header, 124, "0000 000000", 12);
        assert_refused(&tar, "is no number");
        header = add_header(&tar, '0', "f", "", 0);
        fill_field(header, 108, 0x80, 8);
        fill_field(header, 136, 0x90, 12);
        assert_refused(&tar, "is no number");
        add_header(&tar, 'D', "f", "", 0);
        assert_refused(&tar, "the entry 'f' at byte 0 of the tar: its type, character 68");
        add_header(&tar, '2', "f", "", 0);
        assert_refused(&tar, "a link to nothing");
        add_header(&tar, '0', "", "", 0);
        assert_refused(&tar, "its name is empty");
        add_header(&tar, '0', "f", "", 0);
        buf_append(&tar.bytes, (char[512]){ 0 }, 512);
        add_header(&tar, '0', "g", "", 0);
        assert_refused(&tar, "single block of zeros");
}

Test(tar_read, refuses_sizes_owners_and_devices_that_cannot_be)
{
        struct tar tar = { 0 };
        char *header;

        PAX(&tar, "size=-1");
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "its size");
        PAX(&tar, "size=9223372036854775807");
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "its size");
        PAX(&tar, "size=9223372036854775808");
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "is no number");
        header = add_header(&tar, '0', "f", "", 0);
        fill_field(header, 124, 0xff, 12);
        assert_refused(&tar, "its size");
        PAX(&tar, "uid=4294967295");
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "owner or group");
        PAX(&tar, "gid=-1");
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "owner or group");
        PAX(&tar, "mtime=1e9");
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "no time");
        header = add_header(&tar, '4', "f", "", 0);
        fill_field(header, 329, 0xff, 8);
        assert_refused(&tar, "device");
}

static void refuse_records(const char *records, size_t len, const char *words)
{
        struct tar tar = { 0 };

        add_header(&tar, 'x', "pax", "", len);
        add_body(&tar, records, len);
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, words);
}

Test(tar_read, refuses_malformed_records)
{
        static const char *const malformed[] = { "x",
                                                 "7 a=b\n",
                                                 "6 ab=\n1",
                                                 "5 ab\n",
                                                 "4 =\n",
                                                 "5 =b\n",
                                                 "-6 a=b\n",
                                                 "6  a=b\n",
                                                 "06a=b\n",
                                                 " 6 a=b\n",
                                                 "99999999999999999999999 a=b\n" };
        struct tar tar = { 0 };

        for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
                refuse_records(malformed[i], strlen(malformed[i]), "malformed");
        refuse_records("12 path=a\0b\n", 12, "has a NUL in it");
        refuse_records("20 SCHILY.xattr.\0=b\n", 20, "malformed");
        refuse_records("18 SCHILY.xattr.=\n", 18, "extended attribute");
        refuse_records("27 LIBARCHIVE.xattr.a%3=AA\n", 27, "not encoded");
        refuse_records("25 LIBARCHIVE.xattr.a=A!\n", 25, "not encoded");
        add_header(&tar, 'x', "pax", "", TAR_META_BYTES_MAX + 1);
        assert_refused(&tar, "its extended header is too large");
        add_header(&tar, 'L', "long", "", TAR_META_BYTES_MAX + 1);
        assert_refused(&tar, "its extended header is too large");
}

Test(tar_read, bounds_names_and_xattrs)
{
        struct buf text = BUF_INIT;
        struct tar tar = { 0 };
        char *long_text = malloc(TAR_META_BYTES_MAX);

        memset(long_text, 'a', TAR_META_BYTES_MAX);
        add_header(&tar, 'L', "long", "", TAR_PATH_MAX + 1);
        add_body(&tar, long_text, TAR_PATH_MAX + 1);
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "too long");
        buf_appendf(&text, "SCHILY.xattr.%.*s=", TAR_XATTR_NAME_MAX + 1, long_text);
        PAX(&tar, buf_str(&text));
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "is not of 1 to 255 bytes");
        buf_clear(&text);
        buf_appendf(&text, "SCHILY.xattr.a=%.*s", TAR_XATTR_SIZE_MAX + 1, long_text);
        PAX(&tar, buf_str(&text));
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "more than 65536 bytes");
        buf_clear(&text);
        for (int i = 0; i <= TAR_XATTRS_MAX; i++)
                buf_appendf(&text, "24 SCHILY.xattr.%05d=v\n", i);
        add_header(&tar, 'x', "pax", "", text.len);
        add_body(&tar, text.data, text.len);
        assert_refused(&tar, "more than 4096 extended attributes");
        buf_done(&text);
        free(long_text);
}

/* A sparse file whose map is given by pax records, with `stored` bytes of content. */
static void add_sparse(struct tar *tar, const char *map, const char *count, const char *size,
                       size_t stored)
{
        char map_record[256], count_record[64], size_record[64];

        snprintf(map_record, sizeof(map_record), "GNU.sparse.map=%s", map);
        snprintf(count_record, sizeof(count_record), "GNU.sparse.numblocks=%s", count);
        snprintf(size_record, sizeof(size_record), "GNU.sparse.size=%s", size);
        PAX(tar, map_record, count_record, size_record, "GNU.sparse.name=real");
        add_header(tar, '0', "f", "", stored);
        add_body(tar, memset((char[512]){ 0 }, 'x', 512), stored);
}

Test(tar_read, brings_sparse_maps_into_one_form)
{
        struct tar tar = { 0 };

        add_sparse(&tar, "0,0,4,2,6,2,20,0", "4", "20", 4);
        add_sparse(&tar, "0,3,3,2", "2", "5", 5);
        add_sparse(&tar, "9,0", "1", "9", 0);
        add_sparse(&tar, "0,0", "1", "0", 0);
        add_end(&tar);
        assert_entries(&tar, "- real 0640 1000:100 1000000000.000000000 20 {4+4}\n"
                             "- real 0640 1000:100 1000000000.000000000 5\n"
                             "- real 0640 1000:100 1000000000.000000000 9 {}\n"
                             "- real 0640 1000:100 1000000000.000000000 0\n");
}

Test(tar_read, refuses_sparse_maps_that_lie)
{
        static const struct {
                const char *map;
                const char *count;
                const char *size;
                size_t stored;
                const char *words;
        } lies[] = {
                { "0,5,4,5", "2", "20", 10, "overlap" },
                { "10,5,0,5", "2", "20", 10, "overlap" },
                { "0,10", "1", "9", 10, "beyond the size" },
                { "5,9223372036854775800", "1", "9", 10, "malformed" },
                { "5,922337203685477580", "1", "9", 10, "beyond the size" },
                { "0,5", "1", "20", 4, "not what is stored" },
                { "0,5", "1", "20", 6, "not what is stored" },
                { "0,5", "2", "20", 5, "malformed" },
                { "0,5,", "1", "20", 5, "malformed" },
                { "0,5,6", "1", "20", 5, "malformed" },
                { "0", "1", "20", 0, "malformed" },
                { "0;5", "1", "20", 5, "malformed" },
                { "-1,5", "1", "20", 5, "malformed" },
                { "0,5", "", "20", 5, "malformed" },
                { "0,5", "1", "-1", 5, "no number" },
        };
        struct tar tar = { 0 };

        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
                add_sparse(&tar, lies[i].map, lies[i].count, lies[i].size, lies[i].stored);
                add_end(&tar);
                assert_refused(&tar, lies[i].words);
        }
        PAX(&tar, "GNU.sparse.major=2", "GNU.sparse.minor=0");
        add_header(&tar, '0', "f", "", 0);
        assert_refused(&tar, "sparse format is not known");
        PAX(&tar, "GNU.sparse.offset=0", "GNU.sparse.offset=1");
        assert_refused(&tar, "out of order");
        PAX(&tar, "GNU.sparse.offset=0");
        assert_refused(&tar, "without a length");
        add_header(&tar, 'S', "f", "", 0);
        assert_refused(&tar, "header of a sparse file");
}

static void refuse_text_map(const char *text, size_t stored, const char *words)
{
        struct tar tar = { 0 };

        PAX(&tar, "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=20");
        add_header(&tar, '0', "f", "", stored);
        add_body(&tar, text, strlen(text));
        add_body(&tar, "12345", 5);
        add_end(&tar);
        assert_refused(&tar, words);
}

Test(tar_read, refuses_sparse_maps_before_the_content_that_lie)
{
        refuse_text_map("1\n0\n6\n", 517, "not what is stored");
        refuse_text_map("1\n0\n", 517, "malformed");
        refuse_text_map("\n0\n5\n", 517, "malformed");
        refuse_text_map("1\n\n5\n", 517, "malformed");
        refuse_text_map("1\n0\n-5\n", 517, "malformed");
        refuse_text_map("99999999\n", 517, "more than 1048576 runs");
        refuse_text_map("99999999999999999999\n", 517, "malformed");
        refuse_text_map("1\n0\n5\n", 511, "cut short");
}

Test(tar_read, does_not_go_on_for_ever_after_the_end)
{
        static const char zeros[1024 * 1024];
        struct entry_log log = { 0 };
        struct entry_sink sink = entry_log_sink(&log);
        struct error err = ERROR_INIT;
        struct tar_reader *reader;

        cr_assert_eq(tar_reader_new(&sink, NULL, &reader, &err), 0);
        cr_assert_eq(tar_reader_feed(reader, zeros, 1024, &err), 0);
        for (size_t left = TAR_TRAILER_BYTES_MAX; left > 0; left -= sizeof(zeros))
                cr_assert_eq(tar_reader_feed(reader, zeros, sizeof(zeros), &err), 0);
        cr_assert_eq(tar_reader_feed(reader, zeros, 1, &err), -EBADMSG);
        cr_assert_not_null(strstr(err.message, "after its end"));
        tar_reader_free(reader);
        entry_log_done(&log);
}

Test(tar_read, ends_with_what_a_sink_returns)
{
        struct entry_log log = { .fail_with = -EXDEV, .fail_after = 1 };
        struct error err = ERROR_INIT;
        struct tar tar = { 0 };

        add_header(&tar, '0', "f", "", 0);
        add_header(&tar, '0', "g", "", 0);
        cr_assert_eq(read_tar(&tar, &log, &err), -EXDEV);
        cr_assert_str_eq(err.message, "the sink is full");
        entry_log_done(&log);
        buf_done(&tar.bytes);
}
