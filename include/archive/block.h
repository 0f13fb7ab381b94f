/*
 * Blocks of a stream that several threads read at once, and stages that work on them: floor 1.
 *
 * A pool bounds the memory of a pipeline: whoever fills blocks waits until one is free. A block is
 * filled by one thread, then only read, and goes back to its pool with its last reference.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_pool;

struct block {
        struct block_pool *pool;
        unsigned refs; /* guarded by the pool's lock */
        struct block *next_free;
        size_t len;
        uint8_t *data; /* room for the pool's block size */
};

/* At most `count` blocks of `block_bytes`, allocated as they are first asked for. 0 or -ENOMEM. */
int block_pool_new(size_t count, size_t block_bytes, struct block_pool **ret, struct error *err);

/* All blocks must have come back. */
void block_pool_free(struct block_pool *pool);
size_t block_pool_block_bytes(const struct block_pool *pool);

/* An empty block with one reference; waits while all are in use. NULL when memory ran out. */
struct block *block_pool_get(struct block_pool *pool);
struct block *block_ref(struct block *block);
void block_unref(struct block *block);

/*
 * A thread that works on blocks in the order in which they are pushed. After `work` has failed, the
 * blocks that follow are dropped; block_stage_finish() tells.
 */
struct block_stage;

/* `work` is called on the stage's thread only. Returns 0, -ENOMEM or -EAGAIN. */
int block_stage_new(int (*work)(void *context, const struct block *block, struct error *err),
                    void *context, struct block_stage **ret, struct error *err);

/* Takes a reference of its own. Returns 0, or the code of a failure of `work`, so that whoever
 * fills the pipeline can stop; the error itself is told by block_stage_finish(). */
int block_stage_push(struct block_stage *stage, struct block *block);

/* Waits until all that was pushed is done. Returns 0 or what `work` failed with. To be called once.
 */
int block_stage_finish(struct block_stage *stage, struct error *err);

/* Drops what is still to be done, and waits for the thread. */
void block_stage_free(struct block_stage *stage);
