/*
 * What RUN --mount=type=cache keeps from one step to the next. Private to src/build/.
 *
 * A cache is a stack of layers at rest, like an image, and a record in the store that names them:
 * so it holds every owner and attribute though all files on disk are the user's own, takes two
 * files for each change of it, and is as it was before when a process is killed. A step works on a
 * tree of the layers that are there when it begins; what it has changed is put on top when it ends,
 * whether it has failed or not. Of two steps that share a cache at the same time the changes of
 * both are kept; where they wrote the same file, those of the later one. That they do not see each
 * other meanwhile is the price of having no process that serves both: builds of one user share
 * nothing but files, and a cache that is written in place could be left in halves.
 */
#pragma once

#include "build/layers.h"
#include "dockerfile/instruction.h"

struct cache_mount {
        struct store *store;
        struct digest name;
        struct layers layers; /* that the tree was opened with; owned */
        struct tree *tree;    /* owned */
        struct store_lock lock;
};

#define CACHE_MOUNT_INIT ((struct cache_mount){ .lock = STORE_LOCK_INIT })

/*
 * Opens the cache `id`, which begins with `base` (NULL: empty) and is another one for each base.
 * With MOUNT_LOCKED it waits for all others who have it locked; with MOUNT_PRIVATE it takes one
 * that nobody else has, of the same name where it can.
 */
int cache_mount_open(struct store *store, const char *id, const struct layers *base,
                     enum mount_sharing sharing, struct cache_mount *ret, struct error *err);

/* Keeps what was changed in the tree. */
int cache_mount_commit(struct cache_mount *cache, struct error *err);

void cache_mount_done(struct cache_mount *cache);
