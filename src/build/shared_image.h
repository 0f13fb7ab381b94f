/*
 * A cache inside an image (--cache-to type=inline): members of its config. Private to src/build/.
 */
#pragma once

#include "base/buf.h"
#include "oci/config.h"

/* The name of an image in the list of an OCI layout. */
#define SHARED_TAG "org.opencontainers.image.ref.name"

/* More than that of records is not put into a config: what steps have observed is left out then. */
#define SHARED_IMAGE_RECORDS_MAX ((size_t)1 << 20)

/* Takes out of a config what it says of a cache, which is that of another image. */
void shared_image_clear(struct image_config *config);

/* Puts in BuildKit's list of steps, and the records (shared_records.h). */
int shared_image_set(struct image_config *config, const struct buf *steps,
                     const struct buf *records, struct error *err);

/* Appends the records of a config's text to `ret`; none where there are none. */
int shared_image_read(const struct buf *config, struct buf *ret, struct error *err);
