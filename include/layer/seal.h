/*
 * Sealing a layer: floor 2.
 *
 * In one pass over the entries: the tar at rest, its digest (the diffID), the compressed blob and
 * its digest, and each entry with the offset of its content, of which the caller makes the layer's
 * index. OCI image-spec, layer.md. The same entries and compression give the same bytes.
 */
#pragma once

#include "archive/compression.h"
#include "archive/entry.h"
#include "base/error.h"
#include "oci/digest.h"

#include <stdbool.h>
#include <stdint.h>

struct layer_seal_options {
        struct compression compression;
        unsigned threads; /* that compress; 0: one for each CPU */
        int tar_fd;       /* the tar is written where it stands */
        int blob_fd;      /* likewise the blob; -1 where none is wanted */
};

struct layer_sealed {
        uint64_t entry_count; /* 0: there is no layer, and nothing was written or digested */
        struct digest diff_id;
        uint64_t tar_size;
        struct digest digest; /* of the blob, and its size; unset without one */
        uint64_t size;
};

/*
 * Seals what `source` gives. Its callbacks, and those of `sink`, are called on the caller's thread.
 * The files are complete when this returns 0, and not synced; after an error what they hold is to
 * be thrown away. Returns 0, -ENOMEM, -EINVAL for an entry that no tar can hold, the error of a
 * write, or what a callback returned.
 */
int layer_seal(const struct entry_source *source, const struct entry_sink *sink,
               const struct layer_seal_options *options, struct layer_sealed *ret,
               struct error *err);

/* The media type of a layer of this codec: OCI's, or Docker's, which has none for zstd (NULL). */
const char *layer_media_type(enum codec codec, bool docker);
