#include "archive/compress.h"

#include "../random_tree.h"
#include "base/buf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_MAX (5 * 1024 * 1024 + 12345)

static int append(void *context, const void *data, size_t len, struct error *err)
{
        return buf_append(context, data, len) < 0 ? error_set_oom(err) : 0;
}

/* Compresses `len` bytes by so many threads. */
static void compress_bytes(const char *codec, int level, unsigned threads, const char *in,
                           size_t len, struct buf *ret)
{
        struct byte_sink sink = { append, ret };
        struct error err = ERROR_INIT;
        struct compression compression;
        struct compressor *compressor;
        struct block_pool *pool;
        size_t block_bytes;

        cr_assert_eq(compression_parse(codec, level, &compression, &err), 0);
        block_bytes = compression_block_bytes(&compression);
        cr_assert_eq(block_pool_new(threads + 2, block_bytes, &pool, &err), 0);
        cr_assert_eq(compressor_new(&compression, threads, &sink, &compressor, &err), 0);
        for (size_t at = 0; at < len; at += block_bytes) {
                struct block *block = block_pool_get(pool);

                block->len = len - at < block_bytes ? len - at : block_bytes;
                memcpy(block->data, in + at, block->len);
                cr_assert_eq(compressor_push(compressor, block), 0);
                block_unref(block);
        }
        cr_assert_eq(compressor_finish(compressor, &err), 0, "%s", err.message);
        compressor_free(compressor);
        block_pool_free(pool);
}

/* Noise, zeros, text and runs: what makes for deflate blocks of each kind. */
static char *make_input(uint64_t seed, size_t len)
{
        char *in = malloc(len + 1);
        size_t at = 0;

        while (at < len) {
                size_t run = 1 + random_below(&seed, 300000);
                unsigned kind = (unsigned)random_below(&seed, 4);

                for (size_t end = at + run; at < end && at < len; at++)
                        in[at] = (char)(kind == 0   ? random_next(&seed)
                                        : kind == 1 ? 0
                                        : kind == 2 ? 'a' + random_below(&seed, 7)
                                                    : at % 251);
        }
        return in;
}

/* The stream is one gzip member of exactly these bytes, and nothing after it. */
static void assert_is_gzip_of(const struct buf *stream, const char *in, size_t len)
{
        z_stream z = { .next_in = (Bytef *)stream->data, .avail_in = (uInt)stream->len };
        char *out = malloc(len + 1);

        cr_assert_eq(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
        z.next_out = (Bytef *)out;
        z.avail_out = (uInt)len + 1;
        cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
        cr_assert_eq(z.avail_in, 0);
        cr_assert_eq(z.total_out, len);
        cr_assert_eq(memcmp(out, in, len), 0);
        inflateEnd(&z);
        free(out);
}

static void assert_is_zstd_of(const struct buf *stream, const char *in, size_t len)
{
        char *out = malloc(len + 1);

        cr_assert_eq(ZSTD_decompress(out, len + 1, stream->len ? stream->data : "", stream->len),
                     len);
        cr_assert_eq(memcmp(out, in, len), 0);
        free(out);
}

static void check(const char *codec, int level, const char *in, size_t len)
{
        struct buf out = BUF_INIT;

        compress_bytes(codec, level, 2, in, len, &out);
        if (strcmp(codec, "zstd") == 0)
                assert_is_zstd_of(&out, in, len);
        else if (strcmp(codec, "none") == 0)
                cr_assert(out.len == len && (len == 0 || memcmp(out.data, in, len) == 0));
        else
                assert_is_gzip_of(&out, in, len);
        buf_done(&out);
}

Test(compress, gives_streams_that_others_read)
{
        static const struct {
                const char *codec;
                int level;
        } ways[] = { { "gzip", 1 }, { "gzip", 2 }, { "gzip", 6 }, { "gzip", 12 }, { "fast", 1 },
                     { "fast", 2 }, { "zstd", 1 }, { "zstd", 3 }, { "zstd", 9 },  { "none", 0 } };
        uint64_t seed = random_seed();
        size_t lengths[] = {
                0, 1, 100, 524287, 524288, 524289, 1 + random_below(&seed, INPUT_MAX)
        };
        char *in = make_input(seed, INPUT_MAX);

        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++)
                        check(ways[i].codec, ways[i].level, in, lengths[j]);
        }
        free(in);
}

Test(compress, does_not_depend_on_the_number_of_threads)
{
        static const char *const codecs[] = { "gzip", "fast", "zstd" };
        char *in = make_input(random_seed(), INPUT_MAX);

        for (size_t i = 0; i < 3; i++) {
                struct buf one = BUF_INIT;

                compress_bytes(codecs[i], 0, 1, in, INPUT_MAX, &one);
                for (unsigned threads = 2; threads <= 7; threads++) {
                        struct buf more = BUF_INIT;

                        compress_bytes(codecs[i], 0, threads, in, INPUT_MAX, &more);
                        cr_assert_eq(one.len, more.len);
                        cr_assert_eq(memcmp(one.data, more.data, one.len), 0);
                        buf_done(&more);
                }
                buf_done(&one);
        }
        free(in);
}

/* A sink that fails after some bytes, and is slow. */
struct narrow {
        size_t left;
};

static int write_some(void *context, const void *data, size_t len, struct error *err)
{
        struct narrow *narrow = context;

        (void)data;
        usleep(1000);
        if (len > narrow->left)
                return error_set(err, -ENOSPC, "the disk is full");
        narrow->left -= len;
        return 0;
}

Test(compress, stops_at_what_its_sink_returns_and_hangs_nobody)
{
        struct narrow narrow = { .left = 400000 };
        struct byte_sink sink = { write_some, &narrow };
        struct compression compression = { CODEC_FAST, 2 };
        struct error err = ERROR_INIT;
        struct compressor *compressor;
        struct block_pool *pool;
        int r = 0, pushed = 0;

        cr_assert_eq(block_pool_new(5, 524288, &pool, &err), 0);
        cr_assert_eq(compressor_new(&compression, 3, &sink, &compressor, &err), 0);
        for (; pushed < 1000 && r == 0; pushed++) {
                struct block *block = block_pool_get(pool);

                random_content((size_t)pushed, 0, block->data, 524288);
                block->len = 524288;
                r = compressor_push(compressor, block);
                block_unref(block);
        }
        cr_assert_eq(r, -ENOSPC);
        cr_assert_lt(pushed, 20);
        cr_assert_eq(compressor_finish(compressor, &err), -ENOSPC);
        cr_assert_str_eq(err.message, "the disk is full");
        compressor_free(compressor);
        block_pool_free(pool);
}

Test(compress, may_be_given_up_with_work_left)
{
        struct buf out = BUF_INIT;
        struct byte_sink sink = { append, &out };
        struct compression compression = { CODEC_GZIP, 9 };
        struct error err = ERROR_INIT;
        struct compressor *compressor;
        struct block *blocks[8];
        struct block_pool *pool;

        cr_assert_eq(block_pool_new(8, 524288, &pool, &err), 0);
        cr_assert_eq(compressor_new(&compression, 2, &sink, &compressor, &err), 0);
        for (size_t i = 0; i < 6; i++) {
                struct block *block = block_pool_get(pool);

                random_content(i, 0, block->data, 524288);
                block->len = 524288;
                cr_assert_eq(compressor_push(compressor, block), 0);
                block_unref(block);
        }
        compressor_free(compressor);
        compressor_free(NULL);
        for (size_t i = 0; i < 8; i++) {
                blocks[i] = block_pool_get(pool);
                cr_assert_not_null(blocks[i], "all blocks are back");
        }
        for (size_t i = 0; i < 8; i++)
                block_unref(blocks[i]);
        block_pool_free(pool);
        buf_done(&out);
}

Test(compress, refuses_codecs_that_are_only_read)
{
        struct buf out = BUF_INIT;
        struct byte_sink sink = { append, &out };
        struct compression compression = { CODEC_XZ, 0 };
        struct error err = ERROR_INIT;
        struct compressor *compressor;

        cr_assert_eq(compressor_new(&compression, 1, &sink, &compressor, &err), -EINVAL);
        cr_assert_str_eq(err.message, "nothing is compressed with xz here");
}
