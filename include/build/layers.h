/*
 * Layers of the store, as the union tree takes them: floor 3.
 */
#pragma once

#include "base/error.h"
#include "base/stream.h"
#include "fs/change.h"
#include "fs/tree.h"
#include "layer/seal.h"
#include "layer/unpack.h"
#include "oci/config.h"
#include "oci/manifest.h"
#include "store/images.h"
#include "store/store.h"

/* A layer at rest, and the blob that it travels as. */
struct layer {
        struct digest diff_id;
        struct digest content; /* of what it holds, once `has_content` */
        bool has_content;
        struct descriptor blob;
};

struct layers {
        struct layer *items; /* owned, the bottom first */
        size_t count;
};

void layers_done(struct layers *layers);

/* Appends a layer. Owns `layer`'s parts, also when it fails. Returns 0 or -ENOMEM. */
int layers_add(struct layers *layers, struct layer *layer);
int layers_copy(const struct layers *from, struct layers *ret);

/* The layers of an image. -EBADMSG: its manifest and its config do not have the same number, or
 * differ in what a layer that comes twice is. */
int layers_of_image(const struct manifest *manifest, const struct image_config *config,
                    struct layers *ret, struct error *err);

/* Opens the index of one. */
int layers_open_index(struct store *store, const struct layer *layer, struct index **ret,
                      struct error *err);

/* Finds the digest of what a layer holds, without its times (index_content_id()). */
int layer_know_content(struct store *store, struct layer *layer, struct error *err);

/*
 * Whether a layer of the store is what it was when it was put there: its files' digests are
 * computed unless they are known of these very files (store_stamp_check()). Returns 1; or 0 where
 * one was altered, which is removed.
 */
int layer_verify(struct store *store, const struct layer *layer, struct error *err);

/*
 * Whether a layer's blob holds what its diffID says: by what the store has noted of it, else the
 * blob is unpacked once. Returns 1, also for a layer without a blob; 0 where it cannot be told, as
 * the store has neither note nor blob, or had one that was altered, which is removed; -EBADMSG
 * where the blob holds something else.
 */
int layer_check_pair(struct store *store, const struct layer *layer, struct error *err);

/*
 * Opens the union of layers, for which tar, index or both are made anew from the blob where they
 * are missing. The spool lies in the process's directory of the store.
 */
int layers_open(struct store *store, const struct layers *layers, struct tree **ret,
                struct error *err);

/* The same of an image's layers, which are fetched where the store lacks them. */
int layers_open_image(struct store *store, const struct stored_image *image, struct tree **ret,
                      struct error *err);

/*
 * Takes a layer's blob, of any compression, into the store: the blob itself, the tar at rest and
 * its index. `expected` may say what its digest, size and diffID must be; limits are the store's
 * own. `keep_blob` false: the blob is there already.
 */
int layers_take_in(struct store *store, const struct byte_source *blob,
                   const struct layer_unpack_options *expected, bool keep_blob,
                   struct layer_unpacked *ret, struct error *err);

/*
 * Seals a step's changes into the store: tar, index and blob. Returns 0 with the layer in `ret`,
 * whose parts the caller owns. To be called with changes only. `compression` NULL: no blob is made
 * or told of; the layer is for this store alone.
 */
int layers_seal(struct store *store, struct change_list *changes,
                const struct compression *compression, struct layer *ret, struct error *err);

/* The same of any entries. Returns 1 with the layer, or 0: there were none. */
int layers_seal_entries(struct store *store, const struct entry_source *source,
                        const struct compression *compression, struct layer *ret,
                        struct error *err);

/* The annotation of a layer's blob that says how it was compressed: compression_record(). */
#define LAYER_COMPRESSION "varve.compression"

/*
 * Sees to it that the blob of a layer, whose tar is there, is compressed so: by this library, its
 * version, and at this level. The descriptor in `layer` is the new blob's.
 */
int layers_recompress(struct store *store, struct layer *layer,
                      const struct compression *compression, struct error *err);

/* Makes the blob of a layer anew from its tar where it is missing: garbage collection keeps for the
 * build cache the tar alone. With another version of the library the blob, and so its digest and
 * size in `layer`, may be other ones. */
int layers_restore_blob(struct store *store, struct layer *layer, struct error *err);
