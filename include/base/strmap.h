/*
 * A map from strings to strings: floor 0.
 *
 * Invariant: items are sorted by key, bytewise, and no key occurs twice; so two maps of the same
 * content have the same form, and walking one gives a reproducible order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct strmap_item {
        char *key;   /* owned */
        char *value; /* owned */
};

struct strmap {
        struct strmap_item *items; /* owned */
        size_t count;
        size_t cap;
};

#define STRMAP_INIT ((struct strmap){ .items = NULL })

void strmap_done(struct strmap *map);

/* Adds copies of both, or replaces the key's value. Returns 0 or -ENOMEM; the map is unchanged when
 * memory runs out. */
int strmap_set(struct strmap *map, const char *key, const char *value);

/* The key's value inside the map, or NULL. */
const char *strmap_get(const struct strmap *map, const char *key);

/* What is not there is no error. */
void strmap_remove(struct strmap *map, const char *key);

/* Sets all of `from`. Returns 0 or -ENOMEM. */
int strmap_extend(struct strmap *map, const struct strmap *from);
