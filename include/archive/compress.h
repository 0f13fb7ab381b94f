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

/* As many as there are CPUs to run on, up to COMPRESS_THREADS_MAX. */
unsigned compress_default_threads(void);

/*
 * The compressed bytes go to `out`, in order: from the caller's thread and from the compressor's,
 * never from two at once. Threads, of which there are at most `threads` (0: the default), are
 * started as there is work for them. `out` is borrowed. Returns 0, -ENOMEM, -EINVAL for a codec
 * that is read only, or what `out` returned.
 */
int compressor_new(const struct compression *compression, unsigned threads,
                   const struct byte_sink *out, struct compressor **ret, struct error *err);

/* What is not yet compressed is dropped. */
void compressor_free(struct compressor *compressor);

/*
 * Takes a block of compression_block_bytes(), but for the last which may be shorter, and keeps a
 * reference to it until its compressed form is written: the pool from which blocks come bounds the
 * memory of the compressor too. Returns 0 or the code of a failure, which compressor_finish() tells
 * in words.
 */
int compressor_push(struct compressor *compressor, struct block *block);

/* Waits until everything is compressed and has reached `out`. Returns 0, -ENOMEM, -EIO for a
 * failure of the library, or what `out` returned. To be called once. */
int compressor_finish(struct compressor *compressor, struct error *err);
