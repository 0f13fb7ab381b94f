/*
 * Walking through deflate streams: of any bytes, it agrees with zlib about where a complete stream
 * ends and its last block begins; and it never looks beyond the slack.
 */
#include "../../src/archive/deflate_scan.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_BYTES 65536

/* What zlib says of the stream: false where it is not complete. */
static bool scan_by_zlib(const uint8_t *data, size_t size, size_t *ret_final_bit,
                         size_t *ret_end_bit)
{
        static uint8_t out[OUT_BYTES];
        z_stream z = { .next_in = (Bytef *)data, .avail_in = (uInt)size };
        int r;

        if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
                abort();
        *ret_final_bit = 0;
        do {
                z.next_out = out;
                z.avail_out = OUT_BYTES;
                r = inflate(&z, Z_BLOCK);
                if (r == Z_OK && (z.data_type & 128) && !(z.data_type & 64))
                        *ret_final_bit = z.total_in * 8 - (size_t)(z.data_type & 63);
        } while (r == Z_OK);
        *ret_end_bit = z.total_in * 8 - (size_t)(z.data_type & 63);
        inflateEnd(&z);
        return r == Z_STREAM_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *copy = calloc(1, size + DEFLATE_SCAN_SLACK);
        size_t final_bit, end_bit, zlib_final_bit, zlib_end_bit;

        if (size > 0)
                memcpy(copy, data, size);
        /* What zlib refuses may be passed over here: distances beyond the window, incomplete codes.
         */
        if (scan_by_zlib(copy, size, &zlib_final_bit, &zlib_end_bit)) {
                if (!deflate_scan(copy, size, &final_bit, &end_bit) ||
                    final_bit != zlib_final_bit || (end_bit + 7) / 8 != (zlib_end_bit + 7) / 8)
                        abort();
        } else {
                deflate_scan(copy, size, &final_bit, &end_bit);
        }
        free(copy);
        return 0;
}
