/*
 * Making an image of layers that are there: floor 3.
 */
#pragma once

#include "build/layers.h"

/*
 * Writes a config (its text, byte for byte) and a manifest of it and these layers; `ret` is the
 * manifest's descriptor. The layers' blobs are there already; `annotations` may be NULL.
 */
int image_put(struct store *store, const struct buf *config, const struct platform *platform,
              const struct layers *layers, const struct strmap *annotations, struct descriptor *ret,
              struct error *err);
