/*
 * What is done to the layers of a stage before an image is made of it. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "plan.h"
#include "worker.h"

/* How many of a stage's layers are those of the image that it begins with, over all stages. */
size_t squash_base_count(const struct plan *plan, size_t stage);

/* Makes one layer of those above the first `base_count`, and of the history's entries for them
 * entries without one. */
int squash_layers(struct store *store, const struct build_options *options, size_t base_count,
                  struct stage_result *result, struct error *err);

/* Sees to it that the blobs of the layers above the first `base_count`, or with force of all, are
 * compressed as the options say. */
int squash_compress(struct store *store, const struct build_options *options, size_t base_count,
                    struct stage_result *result, struct error *err);
