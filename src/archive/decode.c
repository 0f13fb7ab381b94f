#include "decode.h"

#include "archive/decompress.h"
#include "base/cleanup.h"
#include "gzip_header.h"

#include <bzlib.h>
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/* What the libraries are given at once: they count in 32 bits. */
#define STEP_BYTES_MAX (1 << 30)

struct decoder {
        enum codec codec;
        struct gzip_header gzip_header;
        bool gzip_is_in_body;
        struct inflate_state *inflate;
        ZSTD_DCtx *zstd;
        lzma_stream xz;
        bz_stream bzip2;
        bool bzip2_is_open;
};

DEFINE_CLEANUP(decoder, struct decoder, decoder_free)

static size_t at_most(size_t len)
{
        return len < STEP_BYTES_MAX ? len : STEP_BYTES_MAX;
}

static int corrupt(const struct decoder *decoder, struct error *err)
{
        return error_set(err, -EBADMSG, "the %s data is corrupt",
                         compression_format_name(decoder->codec));
}

static int too_much_memory(const struct decoder *decoder, struct error *err)
{
        return error_set(err, -EFBIG, "the %s data asks for too much memory to unpack it",
                         compression_format_name(decoder->codec));
}

int decoder_reset(struct decoder *decoder, struct error *err)
{
        switch (decoder->codec) {
        case CODEC_GZIP:
                decoder->gzip_header = (struct gzip_header){ 0 };
                decoder->gzip_is_in_body = false;
                isal_inflate_init(decoder->inflate);
                /* The header is read here: the library wants it in one piece. */
                decoder->inflate->crc_flag = ISAL_GZIP_NO_HDR_VER;
                return 0;
        case CODEC_BZIP2:
                if (decoder->bzip2_is_open)
                        BZ2_bzDecompressEnd(&decoder->bzip2);
                decoder->bzip2 = (bz_stream){ .next_in = NULL };
                decoder->bzip2_is_open = BZ2_bzDecompressInit(&decoder->bzip2, 0, 0) == BZ_OK;
                return decoder->bzip2_is_open ? 0 : error_set_oom(err);
        case CODEC_NONE:
        case CODEC_ZSTD:
        case CODEC_FAST:
        case CODEC_XZ:
        default:
                return 0; /* these begin anew by themselves */
        }
}

int decoder_new(enum codec codec, struct decoder **ret, struct error *err)
{
        _cleanup_(cleanup_decoder) struct decoder *decoder = calloc(1, sizeof(*decoder));
        bool ok = true;
        int r;

        if (!decoder)
                return error_set_oom(err);
        decoder->codec = codec;
        decoder->xz = (lzma_stream)LZMA_STREAM_INIT;
        if (codec == CODEC_GZIP) {
                decoder->inflate = malloc(sizeof(*decoder->inflate));
                ok = decoder->inflate;
        } else if (codec == CODEC_ZSTD) {
                decoder->zstd = ZSTD_createDCtx();
                ok = decoder->zstd &&
                     !ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax,
                                                          DECOMPRESS_WINDOW_LOG_MAX));
        } else if (codec == CODEC_XZ) {
                ok = lzma_stream_decoder(&decoder->xz, DECOMPRESS_XZ_MEMORY_MAX,
                                         LZMA_CONCATENATED) == LZMA_OK;
        }
        if (!ok)
                return error_set_oom(err);
        r = decoder_reset(decoder, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(decoder);
        return 0;
}

void decoder_free(struct decoder *decoder)
{
        if (!decoder)
                return;
        free(decoder->inflate);
        ZSTD_freeDCtx(decoder->zstd);
        lzma_end(&decoder->xz);
        if (decoder->bzip2_is_open)
                BZ2_bzDecompressEnd(&decoder->bzip2);
        free(decoder);
}

static void advance(struct decode_buffers *buffers, size_t taken, size_t given)
{
        buffers->in += taken;
        buffers->in_len -= taken;
        buffers->out += given;
        buffers->out_len -= given;
}

static int run_gzip(struct decoder *decoder, struct decode_buffers *buffers, struct error *err)
{
        struct inflate_state *inflate = decoder->inflate;
        size_t in_len, out_len;

        if (!decoder->gzip_is_in_body) {
                int state;

                advance(buffers,
                        gzip_header_take(&decoder->gzip_header, buffers->in, buffers->in_len,
                                         &state),
                        0);
                if (state < 0)
                        return corrupt(decoder, err);
                if (state == 0)
                        return 0;
                decoder->gzip_is_in_body = true;
        }
        in_len = at_most(buffers->in_len);
        out_len = at_most(buffers->out_len);
        inflate->next_in = (uint8_t *)buffers->in;
        inflate->avail_in = (uint32_t)in_len;
        inflate->next_out = buffers->out;
        inflate->avail_out = (uint32_t)out_len;
        if (isal_inflate(inflate) < 0)
                return corrupt(decoder, err);
        advance(buffers, in_len - inflate->avail_in, out_len - inflate->avail_out);
        return inflate->block_state == ISAL_BLOCK_FINISH;
}

static int run_zstd(struct decoder *decoder, struct decode_buffers *buffers, struct error *err)
{
        ZSTD_inBuffer in = { buffers->in, buffers->in_len, 0 };
        ZSTD_outBuffer out = { buffers->out, buffers->out_len, 0 };
        size_t r = ZSTD_decompressStream(decoder->zstd, &out, &in);

        if (ZSTD_isError(r)) {
                ZSTD_ErrorCode code = ZSTD_getErrorCode(r);

                if (code == ZSTD_error_frameParameter_windowTooLarge)
                        return too_much_memory(decoder, err);
                if (code == ZSTD_error_memory_allocation)
                        return error_set_oom(err);
                return corrupt(decoder, err);
        }
        advance(buffers, in.pos, out.pos);
        return r == 0;
}

static int run_xz(struct decoder *decoder, struct decode_buffers *buffers, struct error *err)
{
        lzma_stream *xz = &decoder->xz;
        lzma_ret r;

        xz->next_in = buffers->in;
        xz->avail_in = buffers->in_len;
        xz->next_out = buffers->out;
        xz->avail_out = buffers->out_len;
        r = lzma_code(xz, buffers->in_is_last ? LZMA_FINISH : LZMA_RUN);
        advance(buffers, buffers->in_len - xz->avail_in, buffers->out_len - xz->avail_out);
        if (r == LZMA_MEM_ERROR)
                return error_set_oom(err);
        if (r == LZMA_MEMLIMIT_ERROR)
                return too_much_memory(decoder, err);
        if (r != LZMA_OK && r != LZMA_STREAM_END && r != LZMA_BUF_ERROR)
                return corrupt(decoder, err);
        return r == LZMA_STREAM_END;
}

static int run_bzip2(struct decoder *decoder, struct decode_buffers *buffers, struct error *err)
{
        bz_stream *bzip2 = &decoder->bzip2;
        size_t in_len = at_most(buffers->in_len), out_len = at_most(buffers->out_len);
        int r;

        bzip2->next_in = (char *)buffers->in;
        bzip2->avail_in = (unsigned)in_len;
        bzip2->next_out = (char *)buffers->out;
        bzip2->avail_out = (unsigned)out_len;
        r = BZ2_bzDecompress(bzip2);
        advance(buffers, in_len - bzip2->avail_in, out_len - bzip2->avail_out);
        if (r == BZ_MEM_ERROR)
                return error_set_oom(err);
        if (r != BZ_OK && r != BZ_STREAM_END)
                return corrupt(decoder, err);
        return r == BZ_STREAM_END;
}

int decoder_run(struct decoder *decoder, struct decode_buffers *buffers, struct error *err)
{
        size_t n;

        switch (decoder->codec) {
        case CODEC_GZIP:
                return run_gzip(decoder, buffers, err);
        case CODEC_ZSTD:
                return run_zstd(decoder, buffers, err);
        case CODEC_XZ:
                return run_xz(decoder, buffers, err);
        case CODEC_BZIP2:
                return run_bzip2(decoder, buffers, err);
        case CODEC_NONE:
        case CODEC_FAST:
        default:
                n = buffers->in_len < buffers->out_len ? buffers->in_len : buffers->out_len;
                memcpy(buffers->out, buffers->in, n);
                advance(buffers, n, n);
                return buffers->in_is_last && buffers->in_len == 0;
        }
}

enum codec decompress_sniff(const uint8_t *data, size_t len)
{
        static const struct {
                enum codec codec;
                const char *magic;
                size_t len;
        } magics[] = {
                { CODEC_GZIP, "\x1f\x8b\x08", 3 },
                { CODEC_ZSTD, "\x28\xb5\x2f\xfd", 4 },
                { CODEC_XZ, "\xfd\x37zXZ\0", 6 },
        };
        /* A digit stands before what a block, or the end of the stream, begins with. */
        static const char bzip2_block[] = "1AY&SY", bzip2_end[] = "\x17\x72\x45\x38\x50\x90";

        for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
                if (len >= magics[i].len && memcmp(data, magics[i].magic, magics[i].len) == 0)
                        return magics[i].codec;
        }
        /* A frame to be skipped, whose first byte has a number in it. */
        if (len >= 4 && (data[0] & 0xf0) == 0x50 && memcmp(data + 1, "\x2a\x4d\x18", 3) == 0)
                return CODEC_ZSTD;
        if (len >= 10 && memcmp(data, "BZh", 3) == 0 && data[3] >= '1' && data[3] <= '9' &&
            (memcmp(data + 4, bzip2_block, 6) == 0 || memcmp(data + 4, bzip2_end, 6) == 0))
                return CODEC_BZIP2;
        return CODEC_NONE;
}
