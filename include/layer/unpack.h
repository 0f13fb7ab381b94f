/*
 * Taking in a layer that was made elsewhere: floor 2.
 *
 * In one pass over the blob: its digest, the tar as it stands in it, the tar's digest (the diffID),
 * and each entry with the offset of its content. No file is extracted.
 */
#pragma once

#include "archive/compression.h"
#include "archive/decompress.h"
#include "archive/entry.h"
#include "base/error.h"
#include "base/stream.h"
#include "oci/digest.h"

#include <stdbool.h>
#include <stdint.h>

struct layer_unpack_options {
        const struct digest *digest; /* what the blob's must be, or NULL */
        bool has_size;
        uint64_t size;                /* what the blob's must be */
        const struct digest *diff_id; /* what the tar's must be, or NULL */
        struct decompress_limits limits;
        int tar_fd; /* the tar is written where it stands; -1: nowhere */
};

struct layer_unpacked {
        struct digest digest; /* of the blob */
        uint64_t size;
        enum codec codec;
        struct digest diff_id;
        uint64_t tar_size;
        uint64_t entry_count;
        bool complete; /* false: the tar has no end marker */
};

/*
 * Reads `blob` to its end. The callbacks are called on the caller's thread. `sink` sees entries
 * before the digests are known to be right: nothing that it made may be used unless this returns 0.
 * Returns 0; -EBADMSG for a blob, tar, digest or size that is not as it must be (the error says
 * which); -EFBIG where a limit is exceeded; -ENOMEM; the error of a write; or what a callback
 * returned.
 */
int layer_unpack(const struct byte_source *blob, const struct entry_sink *sink,
                 const struct layer_unpack_options *options, struct layer_unpacked *ret,
                 struct error *err);
