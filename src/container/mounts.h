/*
 * What a container's spec mounts, made ready. Private to src/container/.
 */
#pragma once

#include "build/execute.h"
#include "container/spec.h"
#include "store/store.h"

struct mounts {
        struct execution_mount *items; /* owned; those of fewer components first */
        size_t count;
};

#define MOUNTS_INIT ((struct mounts){ .items = NULL })

/* `spec` must outlive `ret`. */
int mounts_open(struct store *store, const struct container_spec *spec, struct mounts *ret,
                struct error *err);
void mounts_done(struct mounts *mounts);
