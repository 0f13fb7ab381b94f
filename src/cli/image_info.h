/*
 * What the commands show of images. Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "store/images.h"

#include <jansson.h>
#include <stdint.h>

/* Bytes of a layer at rest; 0 where the store has none. */
uint64_t image_layer_size(struct store *store, const struct digest *diff_id);

/* Bytes of all layers at rest, as `docker images` counts them. */
uint64_t image_size(struct store *store, const struct stored_image *image);

/* "debian" and "12" of "docker.io/library/debian:12"; "<none>" where there is no name, and no
 * tag where there is a digest. The caller
 * frees both. Returns 0 or -ENOMEM. */
int image_split_name(const struct store *store, const char *name, char **ret_repository,
                     char **ret_tag);

/* The image as `docker inspect` shows it. */
int image_to_json(struct store *store, const struct stored_image *image, json_t **ret,
                  struct error *err);

/* Sets a cell of a row that is listed (listing.h), which is "" where `text` is NULL. Returns 0 or
 * -ENOMEM. */
int row_put(json_t *row, const char *field, const char *text);
