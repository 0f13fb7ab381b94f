/*
 * Walking through a raw deflate stream without decompressing it. RFC 1951.
 *
 * libdeflate can only end a stream, and streams can only be joined where none but the last has a
 * final block. So each stream's final block must be found and made one like the others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes behind the stream that must be readable. */
#define DEFLATE_SCAN_SLACK 32

/* Finds the first bit of the final block, and the bit behind its end. False for what is no complete
 * stream. */
bool deflate_scan(const uint8_t *data, size_t len, size_t *ret_final_bit, size_t *ret_end_bit);
