/*
 * The config of a cache as BuildKit has it (cache/remotecache/v1 of moby/buildkit): which layers
 * there are, on which others each stands, and what the steps are that made them. Private to
 * src/build/.
 *
 * BuildKit's keys are digests of its own instructions, so it finds none of its steps in what is
 * written here, nor varve one of its own in what BuildKit has written; but either reads the other's
 * cache as a cache, and a registry or a tool that copies images sees nothing but blobs.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "oci/digest.h"

#include <time.h>

#define SHARED_CONFIG_TYPE   "application/vnd.buildkit.cacheconfig.v0"
#define SHARED_CONFIG_INLINE "moby.buildkit.cache.v0" /* member of an image's config */

struct shared_config;

int shared_config_new(struct shared_config **ret, struct error *err);
void shared_config_free(struct shared_config *config);

/* Adds a layer's blob that stands on the layer of number `parent`, -1 for nothing, unless it is
 * there. Returns its number or -ENOMEM. */
int shared_config_add_layer(struct shared_config *config, const struct digest *blob, int parent);

/* Adds a step, by its digest, that came after the step `input` (-1: first), and what the image was
 * with it: the layers up to the number `layer` (-1: none). Returns its number or -ENOMEM. */
int shared_config_add_step(struct shared_config *config, const struct digest *digest, int input,
                           int layer, const struct timespec *created);

/* Appends it as text. */
int shared_config_write(const struct shared_config *config, struct buf *ret, struct error *err);

/* The list of steps alone, as SHARED_CONFIG_INLINE has it: layers are those of the image. */
int shared_config_write_steps(const struct shared_config *config, struct buf *ret,
                              struct error *err);
