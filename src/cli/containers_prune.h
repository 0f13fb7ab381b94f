/*
 * Removing containers that have stopped (cmd_container_prune.c). Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "store/store.h"

#include <stddef.h>

/* Removes those that do not run and pass the filters (until=, label=, label!=), and prints which.
 * Their layers go with the next garbage collection. -EINVAL. */
int containers_prune(struct store *store, const struct strv *filters, size_t *ret_count,
                     struct error *err);
