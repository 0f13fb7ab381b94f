#include "encode.h"

#include "base/cleanup.h"
#include "deflate_scan.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* An empty stored block, which aligns the stream to a byte; its header has up to 7 bits before it.
 */
#define ALIGN_BYTES_MAX 5

/* Of ISA-L's stateless compression: stored blocks of 64 KiB and what it has besides. */
#define ISAL_BOUND(len) ((len) + (len) / 4096 + 1024)

struct encoder {
        enum codec codec;
        struct libdeflate_compressor *deflate;
        struct isal_zstream *isal;
        uint8_t *isal_memory;
        uint32_t isal_memory_size;
        uint32_t isal_level;
        ZSTD_CCtx *zstd;
};

DEFINE_CLEANUP(encoder, struct encoder, encoder_free)

/* Smaller tables of tokens than the largest make for smaller output, at little cost. */
static int init_isal(struct encoder *encoder, int level)
{
        encoder->isal_level = (uint32_t)level;
        encoder->isal_memory_size = level == 1 ? ISAL_DEF_LVL1_MEDIUM : ISAL_DEF_LVL2_MEDIUM;
        encoder->isal_memory = malloc(encoder->isal_memory_size);
        encoder->isal = malloc(sizeof(*encoder->isal));
        return encoder->isal_memory && encoder->isal ? 0 : -ENOMEM;
}

static int init_zstd(struct encoder *encoder, int level)
{
        encoder->zstd = ZSTD_createCCtx();
        if (!encoder->zstd ||
            ZSTD_isError(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, level)))
                return -ENOMEM;
        return 0;
}

int encoder_new(const struct compression *compression, struct encoder **ret, struct error *err)
{
        _cleanup_(cleanup_encoder) struct encoder *encoder = calloc(1, sizeof(*encoder));
        int r = 0;

        if (!encoder)
                return error_set_oom(err);
        encoder->codec = compression->codec;
        switch (compression->codec) {
        case CODEC_GZIP:
                encoder->deflate = libdeflate_alloc_compressor(compression->level);
                r = encoder->deflate ? 0 : -ENOMEM;
                break;
        case CODEC_FAST:
                r = init_isal(encoder, compression->level);
                break;
        case CODEC_ZSTD:
                r = init_zstd(encoder, compression->level);
                break;
        case CODEC_NONE:
                break;
        case CODEC_XZ:
        case CODEC_BZIP2:
        default:
                r = -EINVAL;
                break;
        }
        if (r == -ENOMEM)
                return error_set_oom(err);
        if (r < 0)
                return error_set(err, r, "nothing is compressed with %s here",
                                 compression_format_name(compression->codec));
        *ret = TAKE_PTR(encoder);
        return 0;
}

void encoder_free(struct encoder *encoder)
{
        if (!encoder)
                return;
        libdeflate_free_compressor(encoder->deflate);
        free(encoder->isal);
        free(encoder->isal_memory);
        ZSTD_freeCCtx(encoder->zstd);
        free(encoder);
}

size_t encoder_bound(const struct encoder *encoder, size_t len)
{
        switch (encoder->codec) {
        case CODEC_GZIP:
                return libdeflate_deflate_compress_bound(encoder->deflate, len) + ALIGN_BYTES_MAX +
                       DEFLATE_SCAN_SLACK;
        case CODEC_FAST:
                return ISAL_BOUND(len);
        case CODEC_ZSTD:
                return ZSTD_compressBound(len);
        case CODEC_NONE:
        case CODEC_XZ:
        case CODEC_BZIP2:
        default:
                return len;
        }
}

static int library_failed(const char *library, struct error *err)
{
        return error_set(err, -EIO, "%s failed to compress a block", library);
}

/* Makes a finished deflate stream one that another can follow: its last block is no longer final,
 * and it ends with a whole byte. Returns the new length, 0 when the stream is not understood. */
static size_t open_stream(uint8_t *data, size_t len)
{
        static const uint8_t empty_block[] = { 0, 0, 0xff, 0xff };
        size_t final_bit, end_bit, end;

        memset(data + len, 0, DEFLATE_SCAN_SLACK);
        if (!deflate_scan(data, len, &final_bit, &end_bit))
                return 0;
        data[final_bit / 8] &= (uint8_t) ~(1U << final_bit % 8);
        /* The header of a stored block is three bits of zero, padded with zeros: they are there. */
        end = (end_bit + 3 + 7) / 8;
        memcpy(data + end, empty_block, sizeof(empty_block));
        return end + sizeof(empty_block);
}

static int run_libdeflate(struct encoder *encoder, const void *in, size_t len, uint8_t *out,
                          size_t *ret_len, struct error *err)
{
        size_t room = encoder_bound(encoder, len) - ALIGN_BYTES_MAX - DEFLATE_SCAN_SLACK;
        size_t n = libdeflate_deflate_compress(encoder->deflate, in, len, out, room);

        n = n > 0 ? open_stream(out, n) : 0;
        if (n == 0)
                return library_failed("libdeflate", err);
        *ret_len = n;
        return 0;
}

static int run_isal(struct encoder *encoder, const void *in, size_t len, uint8_t *out,
                    size_t *ret_len, struct error *err)
{
        struct isal_zstream *stream = encoder->isal;

        isal_deflate_stateless_init(stream);
        stream->level = encoder->isal_level;
        stream->level_buf = encoder->isal_memory;
        stream->level_buf_size = encoder->isal_memory_size;
        stream->flush = FULL_FLUSH;
        stream->end_of_stream = 0;
        stream->next_in = (uint8_t *)in;
        stream->avail_in = (uint32_t)len;
        stream->next_out = out;
        stream->avail_out = (uint32_t)encoder_bound(encoder, len);
        if (isal_deflate_stateless(stream) != COMP_OK || stream->avail_in > 0)
                return library_failed("ISA-L", err);
        *ret_len = stream->total_out;
        return 0;
}

static int run_zstd(struct encoder *encoder, const void *in, size_t len, uint8_t *out,
                    size_t *ret_len, struct error *err)
{
        size_t n = ZSTD_compress2(encoder->zstd, out, encoder_bound(encoder, len), in, len);

        if (ZSTD_isError(n))
                return library_failed("libzstd", err);
        *ret_len = n;
        return 0;
}

int encoder_run(struct encoder *encoder, const void *in, size_t len, void *out, size_t *ret_len,
                uint32_t *ret_checksum, struct error *err)
{
        *ret_checksum = 0;
        switch (encoder->codec) {
        case CODEC_GZIP:
                *ret_checksum = libdeflate_crc32(0, in, len);
                return run_libdeflate(encoder, in, len, out, ret_len, err);
        case CODEC_FAST:
                *ret_checksum = libdeflate_crc32(0, in, len);
                return run_isal(encoder, in, len, out, ret_len, err);
        case CODEC_ZSTD:
                return run_zstd(encoder, in, len, out, ret_len, err);
        case CODEC_NONE:
        case CODEC_XZ:
        case CODEC_BZIP2:
        default:
                memcpy(out, in, len);
                *ret_len = len;
                return 0;
        }
}

size_t encode_head(enum codec codec, uint8_t ret[static ENCODE_FRAME_MAX])
{
        /* No name, no time, an unknown system: RFC 1952, 2.3. */
        static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };

        if (codec != CODEC_GZIP && codec != CODEC_FAST)
                return 0;
        memcpy(ret, gzip, sizeof(gzip));
        return sizeof(gzip);
}

static void put_le32(uint8_t *at, uint32_t value)
{
        for (int i = 0; i < 4; i++)
                at[i] = (uint8_t)(value >> 8 * i);
}

size_t encode_tail(enum codec codec, uint32_t checksum, uint64_t total_len,
                   uint8_t ret[static ENCODE_FRAME_MAX])
{
        if (codec != CODEC_GZIP && codec != CODEC_FAST)
                return 0;
        /* A final block with nothing in it but its end. */
        ret[0] = 3;
        ret[1] = 0;
        put_le32(ret + 2, checksum);
        put_le32(ret + 6, (uint32_t)total_len);
        return 10;
}

uint32_t encode_join_checksums(uint32_t first, uint32_t second, size_t len)
{
        return (uint32_t)crc32_combine(first, second, (z_off_t)len);
}
