/*
 * How the blobs of layers are compressed, and how far they may inflate. Private to src/build/.
 */
#pragma once

#include "archive/compression.h"
#include "archive/decompress.h"
#include "base/error.h"
#include "oci/descriptor.h"

/* A layer that inflates beyond these is taken for an attack: deflate cannot reach a ratio of more
 * than 1032. And it may hold a large file of zeros, but not one that fills a disk with next to
 * nothing. */
#define LAYER_LIMITS                              \
        ((struct decompress_limits){              \
                .bytes_max = (uint64_t)1 << 40,   \
                .ratio_max = 1100,                \
                .large_bytes = (uint64_t)2 << 30, \
                .large_ratio_max = 200,           \
        })

/* Sets the type of a layer's blob, and the annotation that says how it was made. */
int layer_describe_blob(const struct compression *compression, struct descriptor *blob,
                        struct error *err);
