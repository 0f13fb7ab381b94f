/*
 * --filter of containers. Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "container/container.h"

#include <stdbool.h>
#include <time.h>

struct container_filters {
        const struct strv *written; /* borrowed */
        struct timespec before;     /* only older ones; 0: any */
        struct timespec since;      /* only newer ones; 0: any */
        bool by_status;             /* they say themselves whether it runs */
};

/*
 * Reads "KEY=VALUE" of `ps`: id, name, label, status, exited, ancestor, volume, network, publish,
 * expose, health, and before and since one of `all`. -EINVAL; -ENOENT: there is no such container.
 */
int container_filters_init(struct container_filters *filters, const struct strv *written,
                           const struct containers *all, struct error *err);

/* Of several with one key, but for labels, one is enough. */
bool container_filters_pass(const struct container_filters *filters,
                            const struct container *container);
