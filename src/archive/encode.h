/*
 * Compressing one block, and what stands around blocks: what the codecs have in common.
 */
#pragma once

#include "archive/compression.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The state of a codec; each thread has its own. */
struct encoder;

int encoder_new(const struct compression *compression, struct encoder **ret, struct error *err);
void encoder_free(struct encoder *encoder);

/* The room that encoder_run() needs for `len` bytes of input. */
size_t encoder_bound(const struct encoder *encoder, size_t len);

/*
 * Compresses a block of at least one byte. `ret_checksum` is what encode_tail() wants of it.
 * Returns 0 or -EIO, for a failure of the library.
 */
int encoder_run(struct encoder *encoder, const void *in, size_t len, void *out, size_t *ret_len,
                uint32_t *ret_checksum, struct error *err);

/* What precedes the first block and follows the last; each returns its length. */
#define ENCODE_FRAME_MAX 16
size_t encode_head(enum codec codec, uint8_t ret[static ENCODE_FRAME_MAX]);
size_t encode_tail(enum codec codec, uint32_t checksum, uint64_t total_len,
                   uint8_t ret[static ENCODE_FRAME_MAX]);

/* The checksum of a block and of the one of `len` bytes that follows it. */
uint32_t encode_join_checksums(uint32_t first, uint32_t second, size_t len);
