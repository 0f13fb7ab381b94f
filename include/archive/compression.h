/*
 * How a layer is compressed, or was: floor 1.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>

enum codec {
        CODEC_NONE,
        CODEC_GZIP,
        CODEC_ZSTD,
        CODEC_FAST,  /* gzip by a faster library, larger by a tenth */
        CODEC_XZ,    /* read only */
        CODEC_BZIP2, /* read only */
};

struct compression {
        enum codec codec;
        int level; /* 0: the codec's default */
};

/*
 * Reads a name ("gzip", "zstd", "fast", "none" or "uncompressed") and checks the level against the
 * codec's range (gzip 1 to 12, zstd 1 to 19, fast 1 to 2, none 0; 0 is each one's default, which is
 * filled in). Returns 0 or -EINVAL.
 */
int compression_parse(const char *name, int level, struct compression *ret, struct error *err);

/* "gzip" for CODEC_FAST too: what the bytes are. */
const char *compression_format_name(enum codec codec);

/* The size of the blocks into which the input is cut, each of which is compressed on its own. */
size_t compression_block_bytes(const struct compression *compression);

/*
 * Appends all that the bytes depend on besides the input: library, its version, level, block size,
 * as "libdeflate 1.14 level 2 block 524288". With the same record the same input gives the same
 * blob. Returns 0 or -ENOMEM.
 */
int compression_record(const struct compression *compression, struct buf *ret);

/* Finds what a record asks for. Whether this library is of the same version, the record of `ret`
 * tells. -EINVAL, which sets no error: it is none, or of another library. */
int compression_parse_record(const char *record, struct compression *ret);
