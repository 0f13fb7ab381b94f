/*
 * How sure the owners of a layer's files are: floor 3.
 *
 * It is noted in the record of the step that has made the layer, not in the image: whose files are
 * whose in an image does not depend on how its builder came to know it.
 */
#pragma once

#include "base/error.h"
#include "oci/digest.h"
#include "sandbox/sandbox.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* The surer ones come later. */
enum owners {
        OWNERS_UNKNOWN, /* of a layer that no step of this store has made */
        OWNERS_FAKED, /* tier 0: all are root's, whoever was meant; no file has got a setuid bit */
        OWNERS_EMULATED, /* tiers 1 and 2: recorded, with truthful stat and users of processes */
        OWNERS_REAL,     /* the kernel knew all users */
        OWNERS_DECLARED, /* as COPY, ADD or WORKDIR say */
        OWNERS_COUNT,
};

/* "", "T0", "T2", "real", "declared". */
const char *owners_name(enum owners owners);

/* What the owners of a RUN step are. */
enum owners owners_of_host(const struct sandbox_host *host);

/* Fills `ret`, one for each layer, out of the store's records. Where several steps have made a
 * layer, the least sure counts. */
int owners_of_layers(struct store *store, const struct digest *diff_ids, size_t count,
                     enum owners *ret, struct error *err);
