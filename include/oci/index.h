/*
 * Image indexes, and Docker's manifest lists: floor 1.
 *
 * OCI image-spec, image-index.md. How deep indexes may nest is for who follows them to say.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strmap.h"
#include "oci/descriptor.h"
#include "oci/platform.h"

struct image_index {
        char *media_type;    /* MEDIA_TYPE_OCI_INDEX or MEDIA_TYPE_DOCKER_LIST; owned */
        char *artifact_type; /* owned */
        struct descriptors manifests;
        struct descriptor *subject; /* owned */
        struct strmap annotations;
};

#define IMAGE_INDEX_INIT ((struct image_index){ .media_type = NULL })

/* As manifest_parse(), errors included. */
int image_index_parse(const void *data, size_t len, const char *media_type, struct image_index *ret,
                      struct error *err);
void image_index_done(struct image_index *index);

/* Appends the index's text: the same index gives the same bytes. Returns 0 or -ENOMEM. */
int image_index_write(const struct image_index *index, struct buf *ret, struct error *err);

/*
 * The manifest that suits the platform best, the first of equals; borrowed. NULL where none does.
 * One without a platform suits only when no other does and it is the only one. Attestations
 * (platform unknown/unknown) never do.
 */
const struct descriptor *image_index_choose(const struct image_index *index,
                                            const struct platform *wanted);
