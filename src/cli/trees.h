/*
 * What `varve export` and `varve diff` take: the files of an image, or of a container as
 * they are now. Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "fs/tree.h"
#include "oci/digest.h"
#include "store/store.h"

/* Opens the tree of what has this name or ID; layers that the store lacks are fetched. -ENOENT. */
int cli_open_tree(struct store *store, const char *name, struct tree **ret, struct error *err);

/* Opens the tree of what one layer holds by itself, which is known by its diffID or by its blob's
 * digest; without what it deletes. -ENOENT. */
int cli_open_layer(struct store *store, const struct digest *digest, struct tree **ret,
                   struct error *err);
