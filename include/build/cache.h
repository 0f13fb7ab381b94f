/*
 * The build cache, as one that is looked at and emptied: floor 3.
 */
#pragma once

#include "base/error.h"
#include "oci/digest.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A step that was carried out, or what a RUN --mount=type=cache keeps. */
struct cache_entry {
        struct digest id; /* of group and key */
        struct digest group;
        struct digest key;
        char *step;            /* owned; its instruction, "" where it is not known */
        struct timespec used;  /* when it was last of use */
        uint64_t size_bytes;   /* of its record, and of its layers, but those that an image or a
                                * more recently used entry has too */
        uint64_t record_bytes; /* of its record alone */
        struct digest *layers; /* owned; their diffIDs */
        size_t layer_count;
        bool is_mount;
        bool in_image; /* an image of the store has one of its layers */
        bool in_use;   /* a process that is at work needs one */
};

/* Lists all, the most recently used first. The caller frees them with cache_entries_free(). */
int cache_list(struct store *store, struct cache_entry **ret, size_t *ret_count, struct error *err);
void cache_entries_free(struct cache_entry *entries, size_t count);

struct cache_prune_options {
        uint64_t keep_bytes; /* so much of what was used last stays */
        time_t until;        /* what was used since stays; 0: nothing does for that */
        bool unused_only;    /* what an image has stays */
        bool forget;         /* it is forgotten, too, what steps there were */
};

/*
 * Removes steps, the least recently used first, but none that a process at work needs, and then the
 * files that nobody needs any more. Tells how many steps, and the bytes that were freed.
 */
int cache_prune(struct store *store, const struct cache_prune_options *options, size_t *ret_count,
                uint64_t *ret_bytes, struct error *err);

/* Removes one. -EBUSY: a process at work needs it. Its files go with the next collection. */
int cache_remove(struct store *store, const struct cache_entry *entry, struct error *err);
