/*
 * Memory that is released as a whole: floor 0.
 *
 * For trees of many small objects with one owner. Nothing that comes from an arena is freed alone;
 * arena_done() frees all of it.
 */
#pragma once

#include <stddef.h>

struct arena {
        struct arena_block *blocks; /* owned; the first has room */
};

#define ARENA_INIT ((struct arena){ .blocks = NULL })

void arena_done(struct arena *arena);

/* Zeroed memory, aligned for any type; never NULL for a size of 0. NULL when memory ran out. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same for an array; NULL too when the product overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* A terminated copy of `len` bytes. NULL when memory ran out. */
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_strdup(struct arena *arena, const char *text);

/*
 * Makes room for one more element in an array of the arena that holds `count` elements of `size`
 * bytes and has room for `*cap`. Returns the array, moved to twice the room where it was full (the
 * new elements are zeroed), or NULL when memory ran out; the old array then stands as it was.
 */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t *cap, size_t size);
