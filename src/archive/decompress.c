#include "archive/decompress.h"

#include "base/cleanup.h"
#include "decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES (256 * 1024)

struct decompressor {
        const struct byte_source *in;
        struct decompress_limits limits;
        enum codec codec;
        struct decoder *decoder;
        uint8_t *input;
        size_t input_at;
        size_t input_len;
        bool input_is_last; /* the source has ended */
        bool is_done;
        uint64_t total_in;
        uint64_t total_out;
};

DEFINE_CLEANUP(decompressor, struct decompressor, decompressor_free)

/* Makes at least `want` bytes of input available, or all that there are. */
static int fill(struct decompressor *decompressor, size_t want, struct error *err)
{
        size_t have = decompressor->input_len - decompressor->input_at;

        if (have >= want)
                return 0;
        memmove(decompressor->input, decompressor->input + decompressor->input_at, have);
        decompressor->input_at = 0;
        decompressor->input_len = have;
        while (!decompressor->input_is_last && decompressor->input_len < want) {
                ssize_t n = decompressor->in->read(decompressor->in->context,
                                                   decompressor->input + decompressor->input_len,
                                                   INPUT_BYTES - decompressor->input_len, err);

                if (n < 0)
                        return (int)n;
                decompressor->input_is_last = n == 0;
                decompressor->input_len += (size_t)n;
                decompressor->total_in += (uint64_t)n;
        }
        return 0;
}

/* What the input goes on with. */
static enum codec sniff(const struct decompressor *decompressor)
{
        return decompress_sniff(decompressor->input + decompressor->input_at,
                                decompressor->input_len - decompressor->input_at);
}

int decompressor_new(const struct byte_source *in, const struct decompress_limits *limits,
                     struct decompressor **ret, struct error *err)
{
        _cleanup_(cleanup_decompressor) struct decompressor *decompressor =
                calloc(1, sizeof(*decompressor));
        int r;

        if (!decompressor)
                return error_set_oom(err);
        decompressor->in = in;
        decompressor->limits = *limits;
        decompressor->input = malloc(INPUT_BYTES);
        if (!decompressor->input)
                return error_set_oom(err);
        r = fill(decompressor, DECOMPRESS_MAGIC_BYTES, err);
        if (r < 0)
                return r;
        decompressor->codec = sniff(decompressor);
        r = decoder_new(decompressor->codec, &decompressor->decoder, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(decompressor);
        return 0;
}

void decompressor_free(struct decompressor *decompressor)
{
        if (!decompressor)
                return;
        decoder_free(decompressor->decoder);
        free(decompressor->input);
        free(decompressor);
}

enum codec decompressor_codec(const struct decompressor *decompressor)
{
        return decompressor->codec;
}

static int check_limits(const struct decompressor *decompressor, struct error *err)
{
        const struct decompress_limits *limits = &decompressor->limits;
        uint64_t out = decompressor->total_out, ratio_max = limits->ratio_max;

        if (limits->bytes_max > 0 && out > limits->bytes_max)
                return error_set(err, -EFBIG, "it unpacks to more than %" PRIu64 " bytes",
                                 limits->bytes_max);
        if (limits->large_bytes > 0 && out > limits->large_bytes)
                ratio_max = limits->large_ratio_max;
        if (ratio_max > 0 && out > DECOMPRESS_RATIO_FREE_BYTES &&
            out / ratio_max > decompressor->total_in)
                return error_set(err, -EFBIG,
                                 "it unpacks to more than %" PRIu64 " times its size: this looks "
                                 "like an attack",
                                 ratio_max);
        return 0;
}

/* A member has ended: what follows is another one, or nothing. */
static int end_member(struct decompressor *decompressor, struct error *err)
{
        int r;

        r = fill(decompressor, DECOMPRESS_MAGIC_BYTES, err);
        if (r < 0)
                return r;
        if (decompressor->input_at == decompressor->input_len) {
                decompressor->is_done = true;
                return 0;
        }
        if (sniff(decompressor) != decompressor->codec)
                return error_set(err, -EBADMSG, "something else follows the %s data",
                                 compression_format_name(decompressor->codec));
        return decoder_reset(decompressor->decoder, err);
}

/* Runs the decoder once. Returns the number of bytes given, which may be none. */
static ssize_t step(struct decompressor *decompressor, uint8_t *out, size_t len, struct error *err)
{
        struct decode_buffers buffers = { .out = out, .out_len = len };
        size_t in_len, taken, given;
        int r;

        r = fill(decompressor, 1, err);
        if (r < 0)
                return r;
        in_len = decompressor->input_len - decompressor->input_at;
        buffers.in = decompressor->input + decompressor->input_at;
        buffers.in_len = in_len;
        buffers.in_is_last = decompressor->input_is_last;
        r = decoder_run(decompressor->decoder, &buffers, err);
        if (r < 0)
                return r;
        taken = in_len - buffers.in_len;
        given = len - buffers.out_len;
        decompressor->input_at += taken;
        decompressor->total_out += given;
        if (r == 1)
                r = end_member(decompressor, err);
        else if (taken == 0 && given == 0 && decompressor->input_is_last)
                return error_set(err, -EBADMSG, "the %s data is cut short",
                                 compression_format_name(decompressor->codec));
        return r < 0 ? r : (ssize_t)given;
}

ssize_t decompressor_read(struct decompressor *decompressor, void *data, size_t len,
                          struct error *err)
{
        size_t done = 0;

        while (done < len && !decompressor->is_done) {
                ssize_t n = step(decompressor, (uint8_t *)data + done, len - done, err);
                int r;

                if (n < 0)
                        return n;
                done += (size_t)n;
                r = check_limits(decompressor, err);
                if (r < 0)
                        return r;
        }
        return (ssize_t)done;
}
