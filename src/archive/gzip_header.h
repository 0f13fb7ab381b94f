/*
 * The header of a gzip member, taken byte by byte. RFC 1952, 2.3.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zeros before the first byte. */
struct gzip_header {
        unsigned fixed_len; /* bytes seen of the part that is always there */
        unsigned part;      /* what comes now */
        unsigned left;      /* bytes of it */
        unsigned extra_len;
        uint32_t crc; /* of all bytes so far */
        uint8_t flags;
};

/* Takes bytes up to the header's end. Returns how many; `ret_state` is 1 when the header is whole,
 * 0 when it is not, -1 when it is none. */
size_t gzip_header_take(struct gzip_header *header, const uint8_t *data, size_t len,
                        int *ret_state);
