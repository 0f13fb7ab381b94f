/*
 * Caches that others have made, as --cache-from names them. Private to src/build/.
 *
 * The builder reads what steps there are before any stage begins; the workers inherit that, and
 * fetch the layer of a step when they find that it is theirs. Until then nothing of it is in the
 * store. All of it may be hostile: each digest is checked, each size is capped, and what is not as
 * it says is passed over. What cannot be checked is whether a step really makes the layer that its
 * record names: a cache is to be trusted as an image is that one runs.
 */
#pragma once

#include "build/build.h"
#include "build/transfer.h"
#include "record.h"
#include "shared_records.h"

struct cache_import;

/* A step of one of them. */
struct imported_step {
        struct shared_record record;
        size_t source;
};

/*
 * Reads the caches. One that is not there, or cannot be read, is told to `notice` as a warning, and
 * is no error: the first build of all finds none. Returns 0 or -ENOMEM.
 */
int cache_import_open(struct store *store, const struct build_options *options,
                      const struct platform *platform, struct cache_import **ret,
                      struct error *err);
void cache_import_free(struct cache_import *import);

/* The steps of a group, those of the first cache first; borrowed. `import` may be NULL. */
const struct imported_step *cache_import_find(const struct cache_import *import,
                                              const struct digest *group, size_t *ret_count);

/* What the cache of a step is called. */
const char *cache_import_name(const struct cache_import *import, const struct imported_step *step);

/* Its cache cannot be reached any more: no stage need wait for it once more. Returns whether that
 * is news. */
bool cache_import_lose(const struct cache_import *import, const struct imported_step *step);
bool cache_import_is_lost(const struct cache_import *import, const struct imported_step *step);

/* Reads the record of a step. -EBADMSG: it is not sound; -ENOMEM. */
int cache_import_read(const struct cache_import *import, const struct imported_step *step,
                      struct record *ret, struct error *err);

/* Sees to it that the store has the layer of a record, and that it holds what the record says. */
int cache_import_fetch(const struct cache_import *import, const struct imported_step *step,
                       struct store *store, struct record *record,
                       const struct transfer_watcher *watcher, struct error *err);
