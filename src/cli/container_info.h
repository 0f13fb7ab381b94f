/*
 * What the commands show of containers. Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "container/container.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The fields of `docker ps`, all of them strings. Returns 0 or -ENOMEM. */
int container_row(const struct container *container, bool whole, json_t *ret);

/* Bytes of its own layers at rest; `ret_all`, unless NULL: with those of its image. What one that
 * runs has changed since it was started is in no layer yet. */
uint64_t container_size(struct store *store, const struct container *container, uint64_t *ret_all);

/* The field Size of `docker ps -s`. Returns 0 or -ENOMEM. */
int container_put_size_text(struct store *store, const struct container *container, json_t *row);

/* The container as `docker inspect` shows it, with its sizes where these are wanted. */
int container_to_json(struct store *store, const struct container *container, bool sizes,
                      json_t **ret, struct error *err);
