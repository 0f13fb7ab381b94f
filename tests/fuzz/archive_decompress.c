/*
 * Compressed streams: what is unpacked does not depend on the pieces in which input comes and
 * output is asked for; gzip is unpacked as by zlib, or refused as by zlib.
 */
#include "archive/decompress.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_BYTES (1 << 18)

struct input {
        const uint8_t *data;
        size_t size;
        size_t at;
        bool whole;
};

static ssize_t read_input(void *context, void *data, size_t len, struct error *err)
{
        struct input *input = context;
        size_t n = input->size - input->at;

        (void)err;
        if (!input->whole && n > 0)
                n = n < 1 + input->data[input->at] % 60U ? n : 1 + input->data[input->at] % 60U;
        n = n < len ? n : len;
        memcpy(data, input->data + input->at, n);
        input->at += n;
        return (ssize_t)n;
}

/* Unpacks up to OUT_BYTES. Returns how many, or what failed. */
static ssize_t unpack(const uint8_t *data, size_t size, bool whole, uint8_t *out)
{
        struct input input = { data, size, 0, whole };
        struct byte_source source = { read_input, &input };
        struct decompress_limits limits = { OUT_BYTES, 0 };
        struct decompressor *decompressor;
        struct error err = ERROR_INIT;
        size_t done = 0, step;
        ssize_t n;

        if (decompressor_new(&source, &limits, &decompressor, &err) < 0)
                abort();
        do {
                step = whole ? OUT_BYTES + 1 - done : 1 + (done * 7 + size) % 5000;
                step = step < OUT_BYTES + 1 - done ? step : OUT_BYTES + 1 - done;
                n = decompressor_read(decompressor, out + done, step, &err);
                if (n > 0)
                        done += (size_t)n;
        } while (n > 0 && n == (ssize_t)step && done <= OUT_BYTES);
        if ((n < 0) != error_is_set(&err) || done > OUT_BYTES)
                abort();
        if (n >= 0 && input.at != size)
                abort();
        decompressor_free(decompressor);
        return n < 0 ? n : (ssize_t)done;
}

/* Unpacks all members by zlib. Returns how many bytes, or -1. */
static ssize_t unpack_by_zlib(const uint8_t *data, size_t size, uint8_t *out)
{
        z_stream z = { .next_in = (Bytef *)data, .avail_in = (uInt)size };
        int r;

        if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
                abort();
        z.next_out = out;
        z.avail_out = OUT_BYTES + 1;
        do {
                r = inflate(&z, Z_NO_FLUSH);
                if (r == Z_STREAM_END && z.avail_in > 0) {
                        if (z.avail_in < 3 || memcmp(z.next_in, "\x1f\x8b\x08", 3) != 0)
                                r = Z_DATA_ERROR;
                        else
                                r = inflateReset(&z);
                }
        } while (r == Z_OK && z.avail_out > 0 && (z.avail_in > 0 || z.state));
        inflateEnd(&z);
        return r == Z_STREAM_END && z.avail_out > 0 ? (ssize_t)(OUT_BYTES + 1 - z.avail_out) : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *whole = malloc(OUT_BYTES + 1), *pieces = malloc(OUT_BYTES + 1);
        ssize_t n = unpack(data, size, true, whole), m = unpack(data, size, false, pieces);

        if (n != m || (n > 0 && memcmp(whole, pieces, (size_t)n) != 0))
                abort();
        if (size >= 3 && memcmp(data, "\x1f\x8b\x08", 3) == 0) {
                m = unpack_by_zlib(data, size, pieces);
                if ((n < 0) != (m < 0) || (n >= 0 && n != m) ||
                    (n > 0 && memcmp(whole, pieces, (size_t)n) != 0))
                        abort();
        }
        free(whole);
        free(pieces);
        return 0;
}
