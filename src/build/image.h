/*
 * Making an image of what the target stage is. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "build/image_put.h"
#include "oci/index.h"
#include "worker.h"

/* Writes config and manifest of a stage; `ret_config` is the config's digest. */
int image_make(struct store *store, const struct build_options *options,
               struct stage_result *result, struct digest *ret_config, struct descriptor *ret,
               struct error *err);

/* Lets the names of the options mean an image. */
int image_name(struct store *store, const struct build_options *options,
               const struct descriptor *image, struct error *err);

/* Reads an index of which the store has all images, which alone can be handed on as it is: `ret`
 * and its text. Returns 1; or 0 where it has not, or `root` is no index. */
int image_read_whole_index(struct store *store, const struct descriptor *root,
                           struct image_index *ret, struct buf *ret_text, struct error *err);
