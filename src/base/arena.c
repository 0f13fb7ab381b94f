#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Blocks grow with what is asked for: thousands of small arenas cost little. */
#define ARENA_BLOCK_MIN ((size_t)512)
#define ARENA_BLOCK_MAX ((size_t)16 << 10)
/* What is larger gets a block of its own, so that little of a block is left unused. */
#define ARENA_SHARED_MAX (ARENA_BLOCK_MAX / 4)

struct arena_block {
        struct arena_block *next;
        size_t used;
        size_t size;
        alignas(max_align_t) char data[];
};

void arena_done(struct arena *arena)
{
        struct arena_block *block = arena->blocks;

        while (block) {
                struct arena_block *next = block->next;

                free(block);
                block = next;
        }
        *arena = ARENA_INIT;
}

static struct arena_block *arena_block_new(size_t size)
{
        struct arena_block *block = NULL;
        size_t total;

        if (!__builtin_add_overflow(sizeof(*block), size, &total))
                block = calloc(1, total);
        if (block)
                block->size = size;
        return block;
}

/* Of the block that is made for `size` bytes behind the block `first`. */
static size_t arena_block_size(const struct arena_block *first, size_t size)
{
        size_t shared = first ? first->size * 2 : ARENA_BLOCK_MIN;

        if (shared > ARENA_BLOCK_MAX)
                shared = ARENA_BLOCK_MAX;
        return size > ARENA_SHARED_MAX || size > shared ? size : shared;
}

static void *arena_block_take(struct arena_block *block, size_t size)
{
        void *data = block->data + block->used;

        block->used += size;
        return data;
}

void *arena_alloc(struct arena *arena, size_t size)
{
        struct arena_block *first = arena->blocks, *block;

        if (size > SIZE_MAX - alignof(max_align_t))
                return NULL;
        size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
        if (first && size <= first->size - first->used)
                return arena_block_take(first, size);
        block = arena_block_new(arena_block_size(first, size));
        if (!block)
                return NULL;
        if (first && size > ARENA_SHARED_MAX) {
                block->next = first->next;
                first->next = block;
        } else {
                block->next = first;
                arena->blocks = block;
        }
        return arena_block_take(block, size);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
        size_t total;

        return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
        char *copy = len < SIZE_MAX ? arena_alloc(arena, len + 1) : NULL;

        if (copy && len > 0)
                memcpy(copy, text, len);
        return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
        return arena_strndup(arena, text, strlen(text));
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *cap, size_t size)
{
        size_t larger = *cap ? *cap * 2 : 4;
        void *moved;

        if (count < *cap)
                return items;
        moved = arena_alloc_array(arena, larger, size);
        if (!moved)
                return NULL;
        if (count > 0)
                memcpy(moved, items, count * size);
        *cap = larger;
        return moved;
}
