/*
 * Compressing a stream on several threads: floor 1.
 *
 * The input is cut into blocks of a size that the codec fixes, and each is compressed on its own,
 * so the output depends on the input, the codec, its level and its version only: never on the
 * number of threads, nor on how the input came in pieces. gzip is one member (RFC 1952), zstd is
 * frames one after another (RFC 8878).
 */
#pragma once

#include "archive/block.h"
#include "archive/compression.h"
#include "base/error.h"
#include "base/stream.h"

#include <stddef.h>

/* More threads would take more memory than a layer's sealing is to have. */
#define COMPRESS_THREADS_MAX 8

struct compressor;

/* The size of the blocks that compressor_push() takes. */
size_t compress_block_bytes(const struct compression *compression);

/* As many as there are CPUs to run on, up to COMPRESS_THREADS_MAX. */
unsigned compress_default_threads(void);

/*
 * The compressed bytes go to `out`, in order, from the compressor's threads, never from two at
 * once. Threads are started as there is work for them. `out` is borrowed. Returns 0, -ENOMEM or
 * -EINVAL for a codec that is read only.
 */
int compressor_new(const struct compression *compression, unsigned threads,
                   const struct byte_sink *out, struct compressor **ret, struct error *err);
void compressor_free(struct compressor *compressor);

/*
 * Takes a block, and a reference of its own to it. Every block but the last is full. Returns 0 or
 * the code of a failure, which compressor_finish() tells in words.
 */
int compressor_push(struct compressor *compressor, struct block *block);

/* Waits until everything is compressed and has reached `out`. Returns 0, -ENOMEM, -EIO for a
 * failure of the library, or what `out` returned. To be called once. */
int compressor_finish(struct compressor *compressor, struct error *err);
