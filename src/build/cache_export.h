/*
 * Sharing what a build has in the cache, as --cache-to asks. Private to src/build/.
 *
 * A cache is an OCI manifest whose config is BuildKit's (shared_config.h) and whose layers are
 * those that the steps have made, with one more, the records of the steps (shared_records.h). The
 * layers of base images are named, and are not in it.
 */
#pragma once

#include "worker.h"

/* What a build has to share. */
struct cache_export {
        struct store *store;
        const struct build_options *options;
        const struct stage_result *results; /* of all stages; of those not built, empty ones */
        size_t result_count;
        size_t target;
};

/* Puts the cache of the target into its config, where type=inline is asked for. */
int cache_export_inline(const struct cache_export *export, struct image_config *config,
                        struct error *err);

/* Writes all others. */
int cache_export_write(const struct cache_export *export, struct error *err);
