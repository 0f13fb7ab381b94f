/*
 * What the commands show of containers. Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "container/container.h"

#include <jansson.h>

/* The fields of `docker ps`, all of them strings. Returns 0 or -ENOMEM. */
int container_row(const struct container *container, bool whole, json_t *ret);

/* The container as `docker inspect` shows it. */
int container_to_json(struct store *store, const struct container *container, json_t **ret,
                      struct error *err);
