/*
 * Decompressing a stream of outside origin: floor 1.
 *
 * What the stream is, is told from its first bytes: gzip (RFC 1952, also of several members), zstd
 * (RFC 8878, several and skippable frames), xz, bzip2, or else plain.
 */
#pragma once

#include "archive/compression.h"
#include "base/error.h"
#include "base/stream.h"

#include <stddef.h>
#include <stdint.h>

/* zstd asks for as much memory as a frame's window says, xz as its dictionary. */
#define DECOMPRESS_WINDOW_LOG_MAX 27
#define DECOMPRESS_XZ_MEMORY_MAX  (128ULL * 1024 * 1024)
/* A ratio is looked at when this much has come out: what is small does no harm. */
#define DECOMPRESS_RATIO_FREE_BYTES (64ULL * 1024 * 1024)

/* What a stream is, by its first bytes: DECOMPRESS_MAGIC_BYTES of them, or all that there are,
 * decide. */
#define DECOMPRESS_MAGIC_BYTES 10
enum codec decompress_sniff(const uint8_t *data, size_t len);

struct decompress_limits {
        uint64_t bytes_max;       /* of output; 0: no limit */
        uint64_t ratio_max;       /* of output to input; 0: no limit */
        uint64_t large_bytes;     /* what unpacks to more than this, unless 0, ... */
        uint64_t large_ratio_max; /* ... must not have a greater ratio than this */
};

struct decompressor;

/* Reads the first bytes of `in`, which is borrowed. Returns 0, -ENOMEM or what `in` returned. */
int decompressor_new(const struct byte_source *in, const struct decompress_limits *limits,
                     struct decompressor **ret, struct error *err);
void decompressor_free(struct decompressor *decompressor);

/* CODEC_GZIP for all of gzip. */
enum codec decompressor_codec(const struct decompressor *decompressor);

/*
 * Fills `data`. Returns the number of bytes, less than `len` at the end only; -EBADMSG for corrupt
 * or truncated input, or bytes after the end that are no further member; -EFBIG where a limit is
 * exceeded; -ENOMEM; or what `in` returned. At the end all of `in` has been read.
 */
ssize_t decompressor_read(struct decompressor *decompressor, void *data, size_t len,
                          struct error *err);
