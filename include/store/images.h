/*
 * The images of a store, by name: floor 2.
 *
 * oci/index.json lists them: a descriptor of a manifest or an index for each name, the whole
 * reference in the annotation org.opencontainers.image.ref.name. An image that has lost its last
 * name stays, once and without a name ("dangling"), until it is removed.
 */
#pragma once

#include "base/error.h"
#include "oci/config.h"
#include "oci/index.h"
#include "oci/manifest.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "store/store.h"

/* Reads the list as it is. */
int store_images_read(struct store *store, struct image_index *ret, struct error *err);

/* The name in a descriptor of that list; NULL: dangling. Borrowed. */
const char *store_image_name(const struct descriptor *descriptor);

/*
 * Lets `name` (a whole reference; NULL for none) mean the image of this descriptor, whose blobs are
 * all there. What it has meant before is left dangling when it has no other name.
 */
int store_images_put(struct store *store, const char *name, const struct descriptor *image,
                     struct error *err);

/*
 * Takes a name away, and where `name` is NULL all entries of the image. `ret_gone` tells whether
 * the image has no entry left. -ENOENT: there is no such entry.
 */
int store_images_remove(struct store *store, const char *name, const struct digest *image,
                        bool *ret_gone, struct error *err);

/* An image that was found. */
struct stored_image {
        struct descriptor root;     /* as the list has it: of a manifest or an index */
        struct descriptor manifest; /* of the platform's manifest */
        struct manifest parsed;
        struct image_config config;
};

#define STORED_IMAGE_INIT ((struct stored_image){ .root = DESCRIPTOR_INIT })

void stored_image_done(struct stored_image *image);

/*
 * What a name means in this store, for all who ask: of the references that it may stand for, the
 * first that the store has an image of, else the first.
 */
int store_name_read(struct store *store, const char *text, struct reference *ret,
                    struct error *err);

/* Reads a name that an image shall get, as reference_parse_name(): a whole reference, the first
 * that it may stand for. The caller frees it. */
int store_name_new(const struct store *store, const char *text, char **ret, struct error *err);

/* The reference as people write it, so that it is read back as the same; NULL when memory ran out.
 * The caller frees it. */
char *store_name_show(const struct store *store, const struct reference *reference);

/*
 * Finds an image by a reference, or by the beginning of an image ID (the config's digest) of at
 * least 4 digits; `platform` NULL: this machine's, or of an index without it the first. -ENOENT;
 * -EINVAL: the text is neither, or more than one image's ID begins so; -EBADMSG: the store is
 * damaged.
 */
int store_image_find(struct store *store, const char *text, const struct platform *platform,
                     struct stored_image *ret, struct error *err);

/* Reads the image of a descriptor of the list. */
int store_image_load(struct store *store, const struct descriptor *root,
                     const struct platform *platform, struct stored_image *ret, struct error *err);

/* Removes every file that neither an image, nor a record, nor a living process needs. Tells the
 * bytes that were freed. */
int store_collect(struct store *store, uint64_t *ret_bytes, struct error *err);

/* After a failure, or for a process that was killed: lets go of what this process has pinned, and
 * removes what nobody needs. That it cannot be removed is no error: the next collection does it. */
void store_abandon(struct store *store);
