#include "archive/decompress.h"

#include "../random_tree.h"
#include "base/buf.h"

#include <bzlib.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* A source that gives what it has in pieces of at most `step` bytes. */
struct pieces {
        const char *data;
        size_t len;
        size_t at;
        size_t step;
        int fail_with; /* instead of an end */
};

static ssize_t read_piece(void *context, void *data, size_t len, struct error *err)
{
        struct pieces *pieces = context;
        size_t n = pieces->len - pieces->at;

        if (n == 0 && pieces->fail_with)
                return error_set(err, pieces->fail_with, "the source failed");
        n = n < pieces->step ? n : pieces->step;
        n = n < len ? n : len;
        memcpy(data, pieces->data + pieces->at, n);
        pieces->at += n;
        return (ssize_t)n;
}

/* Unpacks by reads of `read_len` bytes. Returns 0 or what failed. */
static int unpack(struct pieces *pieces, size_t read_len, const struct decompress_limits *limits,
                  struct buf *ret, enum codec *ret_codec, struct error *err)
{
        struct byte_source source = { read_piece, pieces };
        struct decompressor *decompressor;
        char *chunk = malloc(read_len);
        ssize_t n;
        int r;

        r = decompressor_new(&source, limits, &decompressor, err);
        if (r < 0) {
                free(chunk);
                return r;
        }
        *ret_codec = decompressor_codec(decompressor);
        do {
                n = decompressor_read(decompressor, chunk, read_len, err);
                if (n > 0)
                        buf_append(ret, chunk, (size_t)n);
        } while (n == (ssize_t)read_len);
        if (n >= 0) {
                cr_assert_eq(decompressor_read(decompressor, chunk, read_len, err), 0);
                cr_assert_eq(pieces->at, pieces->len, "all input is read");
        }
        decompressor_free(decompressor);
        free(chunk);
        return n < 0 ? (int)n : 0;
}

static const struct decompress_limits no_limits;

/* Unpacking in pieces of many sizes gives these bytes. */
static void assert_unpacks(const struct buf *stream, enum codec codec, const char *in, size_t len)
{
        static const size_t steps[] = { 1, 13, 4096, 1 << 20 };

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                struct pieces pieces = { stream->data, stream->len, 0, steps[i], 0 };
                size_t read_len = steps[(i + 1) % 4] + i;
                struct buf out = BUF_INIT;
                struct error err = ERROR_INIT;
                enum codec found;

                /* Byte by byte on both sides would take long. */
                if (len > 100000 && (steps[i] == 1 || read_len < 100))
                        continue;
                cr_assert_eq(unpack(&pieces, read_len, &no_limits, &out, &found, &err), 0,
                             "codec %d: %s", codec, err.message);
                cr_assert_eq(found, codec);
                cr_assert_eq(out.len, len);
                cr_assert(len == 0 || memcmp(out.data, in, len) == 0);
                buf_done(&out);
        }
}

static void assert_fails(const void *data, size_t len, int code, const char *words)
{
        struct pieces pieces = { data, len, 0, 1000, 0 };
        struct error err = ERROR_INIT;
        struct buf out = BUF_INIT;
        enum codec codec;

        cr_assert_eq(unpack(&pieces, 5000, &no_limits, &out, &codec, &err), code, "%s: %s", words,
                     err.message);
        cr_assert_not_null(strstr(err.message, words), "'%s' is not in: %s", words, err.message);
        buf_done(&out);
}

static char *make_input(size_t len)
{
        char *in = malloc(len + 1);

        random_content(7, 0, in, len);
        return in;
}

static void pack_gzip(const char *in, size_t len, struct buf *ret)
{
        z_stream z = { .next_in = (Bytef *)in, .avail_in = (uInt)len };

        cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
        cr_assert_eq(buf_reserve(ret, deflateBound(&z, len)), 0);
        z.next_out = (Bytef *)ret->data + ret->len;
        z.avail_out = (uInt)(ret->cap - ret->len);
        cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
        ret->len += z.total_out;
        deflateEnd(&z);
}

static void pack_zstd(const char *in, size_t len, struct buf *ret)
{
        ZSTD_CCtx *zstd = ZSTD_createCCtx();
        size_t n;

        cr_assert_eq(buf_reserve(ret, ZSTD_compressBound(len)), 0);
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
        n = ZSTD_compress2(zstd, ret->data + ret->len, ret->cap - ret->len, in, len);
        cr_assert_not(ZSTD_isError(n));
        ret->len += n;
        ZSTD_freeCCtx(zstd);
}

static void pack_xz(const char *in, size_t len, struct buf *ret)
{
        size_t at = 0;

        cr_assert_eq(buf_reserve(ret, lzma_stream_buffer_bound(len)), 0);
        cr_assert_eq(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, (const uint8_t *)in, len,
                                             (uint8_t *)ret->data + ret->len, &at,
                                             ret->cap - ret->len),
                     LZMA_OK);
        ret->len += at;
}

static void pack_bzip2(const char *in, size_t len, struct buf *ret)
{
        unsigned n = (unsigned)(len + len / 50 + 1000);

        cr_assert_eq(buf_reserve(ret, n), 0);
        cr_assert_eq(BZ2_bzBuffToBuffCompress(ret->data + ret->len, &n, (char *)in, (unsigned)len,
                                              1, 0, 0),
                     BZ_OK);
        ret->len += n;
}

static const struct {
        enum codec codec;
        void (*pack)(const char *in, size_t len, struct buf *ret);
} packers[] = {
        { CODEC_GZIP, pack_gzip },
        { CODEC_ZSTD, pack_zstd },
        { CODEC_XZ, pack_xz },
        { CODEC_BZIP2, pack_bzip2 },
};

Test(decompress, reads_every_codec_in_pieces_of_any_size)
{
        static const size_t lengths[] = { 0, 1, 1000, 65536, 1000003 };
        char *in = make_input(1000003);

        for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
                for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
                        struct buf stream = BUF_INIT;

                        packers[i].pack(in, lengths[j], &stream);
                        assert_unpacks(&stream, packers[i].codec, in, lengths[j]);
                        buf_done(&stream);
                }
        }
        free(in);
}

Test(decompress, passes_on_what_is_not_compressed)
{
        static const char *const plain[] = { "", "x", "\x1f\x8b", "BZh91 is no bzip2", "usr/" };

        for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
                struct buf stream = BUF_INIT;

                buf_append_str(&stream, plain[i]);
                assert_unpacks(&stream, CODEC_NONE, plain[i], strlen(plain[i]));
                buf_done(&stream);
        }
}

Test(decompress, goes_on_through_members_and_frames)
{
        char *in = make_input(30000);

        for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
                struct buf stream = BUF_INIT;

                packers[i].pack(in, 10000, &stream);
                packers[i].pack(in + 10000, 0, &stream);
                packers[i].pack(in + 10000, 20000, &stream);
                assert_unpacks(&stream, packers[i].codec, in, 30000);
                buf_done(&stream);
        }
        free(in);
}

Test(decompress, skips_frames_of_zstd_that_are_to_be_skipped)
{
        static const char skippable[] = "\x5a\x2a\x4d\x18\x03\0\0\0abc";
        struct buf stream = BUF_INIT;

        buf_append(&stream, skippable, sizeof(skippable) - 1);
        pack_zstd("hello", 5, &stream);
        buf_append(&stream, skippable, sizeof(skippable) - 1);
        assert_unpacks(&stream, CODEC_ZSTD, "hello", 5);
        buf_done(&stream);
}

Test(decompress, reads_gzip_headers_with_all_their_parts)
{
        static const char extra[] = "\5\0extra", name[] = "name\0comment";
        struct buf plain = BUF_INIT, stream = BUF_INIT;
        uLong crc;

        pack_gzip("hello", 5, &plain);
        buf_append(&stream, plain.data, 10);
        stream.data[3] = 0x1e;
        buf_append(&stream, extra, sizeof(extra) - 1);
        buf_append(&stream, name, sizeof(name));
        crc = crc32(0, (const Bytef *)stream.data, (uInt)stream.len);
        buf_append_char(&stream, (char)(crc & 0xff));
        buf_append_char(&stream, (char)(crc >> 8 & 0xff));
        buf_append(&stream, plain.data + 10, plain.len - 10);
        assert_unpacks(&stream, CODEC_GZIP, "hello", 5);
        stream.data[13] = 'E';
        assert_fails(stream.data, stream.len, -EBADMSG, "corrupt");
        /* An extra field of no length. */
        buf_clear(&stream);
        buf_append(&stream, plain.data, 10);
        stream.data[3] = 0x04;
        buf_append(&stream, "\0\0", 2);
        buf_append(&stream, plain.data + 10, plain.len - 10);
        assert_unpacks(&stream, CODEC_GZIP, "hello", 5);
        stream.data[3] = (char)0xe4;
        assert_fails(stream.data, stream.len, -EBADMSG, "corrupt");
        buf_done(&stream);
        buf_done(&plain);
}

Test(decompress, says_that_input_is_cut_short_wherever_it_is)
{
        char *in = make_input(3000);

        for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
                struct buf stream = BUF_INIT;

                packers[i].pack(in, 3000, &stream);
                for (size_t len = 10; len < stream.len; len += 1 + len / 30)
                        assert_fails(stream.data, len, -EBADMSG, "cut short");
                assert_fails(stream.data, stream.len - 1, -EBADMSG, "cut short");
                buf_done(&stream);
        }
        free(in);
}

Test(decompress, notices_a_changed_byte_at_the_end_of_each_codec)
{
        char *in = make_input(3000);

        for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
                struct buf stream = BUF_INIT;

                packers[i].pack(in, 3000, &stream);
                stream.data[stream.len - 3] = (char)(stream.data[stream.len - 3] ^ 0x10);
                assert_fails(stream.data, stream.len, -EBADMSG, "");
                buf_done(&stream);
        }
        free(in);
}

Test(decompress, refuses_what_follows_a_stream_and_is_none)
{
        for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
                struct buf stream = BUF_INIT;

                packers[i].pack("hello", 5, &stream);
                buf_append_str(&stream, "garbage that nobody asked for");
                assert_fails(stream.data, stream.len, -EBADMSG,
                             packers[i].codec == CODEC_XZ ? "corrupt" : "something else follows");
                buf_done(&stream);
        }
}

static int unpack_within(const struct buf *stream, struct decompress_limits limits,
                         struct error *err)
{
        struct pieces pieces = { stream->data, stream->len, 0, 1 << 20, 0 };
        struct byte_source source = { read_piece, &pieces };
        struct decompressor *decompressor;
        char *chunk = malloc(1 << 20);
        ssize_t n;

        cr_assert_eq(decompressor_new(&source, &limits, &decompressor, err), 0);
        do {
                n = decompressor_read(decompressor, chunk, 1 << 20, err);
        } while (n == 1 << 20);
        decompressor_free(decompressor);
        free(chunk);
        return n < 0 ? (int)n : 0;
}

static int unpack_limited(const struct buf *stream, uint64_t bytes_max, uint64_t ratio_max,
                          struct error *err)
{
        return unpack_within(
                stream,
                (struct decompress_limits){ .bytes_max = bytes_max, .ratio_max = ratio_max }, err);
}

Test(decompress, bounds_the_ratio_of_large_output_more_narrowly)
{
        struct decompress_limits limits = { .ratio_max = 10000000, .large_ratio_max = 100 };
        size_t len = (size_t)DECOMPRESS_RATIO_FREE_BYTES * 2;
        char *zeros = calloc(1, len);
        struct error err = ERROR_INIT;
        struct buf stream = BUF_INIT;

        packers[0].pack(zeros, len, &stream);
        cr_expect_eq(unpack_within(&stream, limits, &err), 0, "nothing is large");
        limits.large_bytes = len;
        cr_expect_eq(unpack_within(&stream, limits, &err), 0, "it is not large");
        limits.large_bytes = len - 1;
        cr_expect_eq(unpack_within(&stream, limits, &err), -EFBIG);
        cr_expect_not_null(strstr(err.message, "more than 100 times its size"));
        buf_done(&stream);
        free(zeros);
}

Test(decompress, bounds_the_output_and_its_ratio)
{
        size_t len = (size_t)DECOMPRESS_RATIO_FREE_BYTES * 2;
        char *zeros = calloc(1, len);

        for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
                struct error err = ERROR_INIT;
                struct buf stream = BUF_INIT;

                packers[i].pack(zeros, len, &stream);
                cr_assert_eq(unpack_limited(&stream, len, 0, &err), 0);
                cr_assert_eq(unpack_limited(&stream, len - 1, 0, &err), -EFBIG);
                cr_assert_not_null(strstr(err.message, "it unpacks to more than 134217727 bytes"));
                cr_assert_eq(unpack_limited(&stream, 0, 100, &err), -EFBIG);
                cr_assert_not_null(strstr(err.message, "more than 100 times its size"));
                cr_assert_eq(unpack_limited(&stream, 0, 10000000, &err), 0);
                buf_clear(&stream);
                packers[i].pack(zeros, len / 2, &stream);
                cr_assert_eq(unpack_limited(&stream, 0, 100, &err), 0,
                             "small enough for any ratio");
                buf_done(&stream);
        }
        free(zeros);
}

Test(decompress, refuses_windows_that_take_too_much_memory)
{
        /* A frame header that asks for a window of 2 GiB. */
        static const char zstd[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
        lzma_options_lzma options;
        lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
        uint8_t xz[1000];
        size_t len = 0;

        assert_fails(zstd, sizeof(zstd) - 1, -EFBIG, "too much memory");
        lzma_lzma_preset(&options, 0);
        options.dict_size = 1 << 28;
        cr_assert_eq(lzma_stream_buffer_encode(filters, LZMA_CHECK_NONE, NULL,
                                               (const uint8_t *)"hello", 5, xz, &len, sizeof(xz)),
                     LZMA_OK);
        assert_fails(xz, len, -EFBIG, "too much memory");
}

Test(decompress, ends_with_what_its_source_returns)
{
        struct buf stream = BUF_INIT, out = BUF_INIT;
        struct pieces pieces;
        struct error err = ERROR_INIT;
        enum codec codec;

        pack_gzip("hello", 5, &stream);
        pieces = (struct pieces){ stream.data, stream.len, 0, 100, -EIO };
        cr_assert_eq(unpack(&pieces, 100, &no_limits, &out, &codec, &err), -EIO);
        pieces = (struct pieces){ stream.data, 3, 0, 100, -EIO };
        cr_assert_eq(unpack(&pieces, 100, &no_limits, &out, &codec, &err), -EIO);
        cr_assert_str_eq(err.message, "the source failed");
        buf_done(&stream);
        buf_done(&out);
}
