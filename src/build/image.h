/*
 * Making an image of what the target stage is. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "worker.h"

/*
 * Writes a config (its text, byte for byte) and a manifest of it and these layers; `ret` is the
 * manifest's descriptor. The layers' blobs are there already; `annotations` may be NULL.
 */
int image_put(struct store *store, const struct buf *config, const struct platform *platform,
              const struct layers *layers, const struct strmap *annotations, struct descriptor *ret,
              struct error *err);

/* Writes config and manifest of a stage, and lets the tags mean the image. */
int image_store(struct store *store, const struct build_options *options,
                struct stage_result *result, struct build_result *ret, struct error *err);
