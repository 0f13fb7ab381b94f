/*
 * What two builds of the same have made differently. Private to src/build/.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "oci/descriptor.h"
#include "store/store.h"

/* Compares two images of the store, layer by layer. Returns 0 where they are the same; or 1, and
 * appends to `ret` which steps' layers, which files of them and what of the configs differ, and
 * how.
 */
int reproduce_compare(struct store *store, const struct descriptor *first,
                      const struct descriptor *second, struct buf *ret, struct error *err);
