/*
 * What two builds of the same have made differently. Private to src/build/.
 */
#pragma once

#include "base/buf.h"
#include "outputs.h"
#include "plan.h"

/*
 * Compares what two runs of a plan have made, step by step, in the order of the build: of all
 * stages, with or without --squash. Returns 0 where the images are the same; or 1, and appends to
 * `ret` which steps' layers, which files of them and what of the configs differ, and how; of a step
 * that comes after such a one, that it may follow from that. `names_platform`: with the platform.
 */
int reproduce_compare(struct store *store, const struct plan *plan, bool names_platform,
                      const struct built *first, const struct built *second, struct buf *ret,
                      struct error *err);

/* Appends in what two trees differ that steps have made of the same, `base`. */
int reproduce_describe(struct tree *base, struct tree *first, struct tree *second, struct buf *ret,
                       struct error *err);
