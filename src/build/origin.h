/*
 * Where layers may be had from: the repositories that their images were pulled from. Private to
 * src/build/.
 *
 * A record of the store for each repository lists the blobs that it has. By it a layer that was
 * never fetched is fetched when it is needed, and one that another repository of the same registry
 * has is not sent to it again.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "oci/manifest.h"
#include "store/store.h"

/* Notes that a repository ("host/path") has the layers of a manifest. */
int origin_note(struct store *store, const char *repository, const struct manifest *manifest,
                struct error *err);

/* Appends the repositories that are known to have a blob. */
int origin_find(struct store *store, const struct digest *blob, struct strv *ret,
                struct error *err);
