/*
 * What several commands do with volumes (cmd_volume.c). Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "store/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The volume as `docker inspect` shows it. -ENOENT. */
int volume_to_json(struct store *store, const char *name, json_t **ret, struct error *err);

/* Removes those that no container has and that pass the filters: of those without a name of their
 * own, or with `all` of all; and prints which. */
int volumes_prune(struct store *store, bool all, const struct strv *filters, size_t *ret_count,
                  struct error *err);
