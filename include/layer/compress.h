/*
 * Compressing a layer's tar anew: floor 2.
 *
 * The build cache keeps a layer once, as the tar at rest. When the blob is wanted again it is made
 * again: the same codec, level and library give the same bytes.
 */
#pragma once

#include "archive/compression.h"
#include "base/error.h"
#include "base/stream.h"
#include "oci/digest.h"

#include <stdint.h>

/* Reads `tar` to its end and writes the blob to `blob_fd`, where it stands; not for CODEC_NONE.
 * Returns 0, -ENOMEM, what `tar` returned or the error of a write. */
int layer_compress(const struct byte_source *tar, const struct compression *compression,
                   int blob_fd, struct digest *ret_digest, uint64_t *ret_size, struct error *err);
