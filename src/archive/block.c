#include "archive/block.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct block_pool {
        pthread_mutex_t lock;
        pthread_cond_t returned;
        size_t block_bytes;
        size_t allocated;
        size_t max;
        struct block *free;
};

struct queued {
        struct queued *next;
        struct block *block;
};

struct block_stage {
        int (*work)(void *context, const struct block *block, struct error *err);
        void *context;
        pthread_t thread;
        bool is_joined;

        pthread_mutex_t lock;
        pthread_cond_t changed;
        /* Guarded by `lock`: */
        struct queued *first;
        struct queued **end; /* where the next one is to be linked */
        bool closed;
        struct error err;
};

int block_pool_new(size_t count, size_t block_bytes, struct block_pool **ret, struct error *err)
{
        struct block_pool *pool = calloc(1, sizeof(*pool));

        if (!pool)
                return error_set_oom(err);
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->returned, NULL);
        pool->block_bytes = block_bytes;
        pool->max = count;
        *ret = pool;
        return 0;
}

void block_pool_free(struct block_pool *pool)
{
        if (!pool)
                return;
        while (pool->free) {
                struct block *block = pool->free;

                pool->free = block->next_free;
                free(block->data);
                free(block);
        }
        pthread_cond_destroy(&pool->returned);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
}

size_t block_pool_block_bytes(const struct block_pool *pool)
{
        return pool->block_bytes;
}

static struct block *allocate(struct block_pool *pool)
{
        struct block *block = calloc(1, sizeof(*block));

        if (!block)
                return NULL;
        block->data = malloc(pool->block_bytes);
        if (!block->data) {
                free(block);
                return NULL;
        }
        block->pool = pool;
        return block;
}

struct block *block_pool_get(struct block_pool *pool)
{
        struct block *block = NULL;

        pthread_mutex_lock(&pool->lock);
        while (!pool->free && pool->allocated == pool->max)
                pthread_cond_wait(&pool->returned, &pool->lock);
        if (pool->free) {
                block = pool->free;
                pool->free = block->next_free;
        } else {
                block = allocate(pool);
                if (block)
                        pool->allocated++;
        }
        if (block) {
                block->refs = 1;
                block->len = 0;
        }
        pthread_mutex_unlock(&pool->lock);
        return block;
}

struct block *block_ref(struct block *block)
{
        pthread_mutex_lock(&block->pool->lock);
        block->refs++;
        pthread_mutex_unlock(&block->pool->lock);
        return block;
}

void block_unref(struct block *block)
{
        struct block_pool *pool;

        if (!block)
                return;
        pool = block->pool;
        pthread_mutex_lock(&pool->lock);
        if (--block->refs == 0) {
                block->next_free = pool->free;
                pool->free = block;
                pthread_cond_signal(&pool->returned);
        }
        pthread_mutex_unlock(&pool->lock);
}

/* Takes the first block off the queue; NULL at its end. Called and returns with the lock held. */
static struct block *take(struct block_stage *stage)
{
        struct queued *first = stage->first;
        struct block *block;

        if (!first)
                return NULL;
        stage->first = first->next;
        if (!stage->first)
                stage->end = &stage->first;
        block = first->block;
        free(first);
        return block;
}

static void *run(void *argument)
{
        struct block_stage *stage = argument;
        struct error err = ERROR_INIT;
        bool failed = false;

        pthread_mutex_lock(&stage->lock);
        for (;;) {
                struct block *block;

                while (!stage->first && !stage->closed)
                        pthread_cond_wait(&stage->changed, &stage->lock);
                block = take(stage);
                if (!block)
                        break;
                if (!failed) {
                        pthread_mutex_unlock(&stage->lock);
                        failed = stage->work(stage->context, block, &err) < 0;
                        pthread_mutex_lock(&stage->lock);
                        if (failed)
                                stage->err = err;
                }
                block_unref(block);
        }
        pthread_mutex_unlock(&stage->lock);
        return NULL;
}

int block_stage_new(int (*work)(void *context, const struct block *block, struct error *err),
                    void *context, struct block_stage **ret, struct error *err)
{
        struct block_stage *stage = calloc(1, sizeof(*stage));
        int r;

        if (!stage)
                return error_set_oom(err);
        stage->work = work;
        stage->context = context;
        stage->end = &stage->first;
        pthread_mutex_init(&stage->lock, NULL);
        pthread_cond_init(&stage->changed, NULL);
        r = pthread_create(&stage->thread, NULL, run, stage);
        if (r != 0) {
                stage->is_joined = true;
                block_stage_free(stage);
                return error_set_errno(err, -r, "cannot start a thread");
        }
        *ret = stage;
        return 0;
}

int block_stage_push(struct block_stage *stage, struct block *block)
{
        struct queued *queued = malloc(sizeof(*queued));
        int r;

        if (!queued)
                return -ENOMEM;
        pthread_mutex_lock(&stage->lock);
        r = stage->err.code;
        if (r == 0) {
                *queued = (struct queued){ .block = block_ref(block) };
                *stage->end = queued;
                stage->end = &queued->next;
                pthread_cond_signal(&stage->changed);
        }
        pthread_mutex_unlock(&stage->lock);
        if (r < 0)
                free(queued);
        return r;
}

static void close_and_join(struct block_stage *stage)
{
        if (stage->is_joined)
                return;
        pthread_mutex_lock(&stage->lock);
        stage->closed = true;
        pthread_cond_signal(&stage->changed);
        pthread_mutex_unlock(&stage->lock);
        pthread_join(stage->thread, NULL);
        stage->is_joined = true;
}

int block_stage_finish(struct block_stage *stage, struct error *err)
{
        close_and_join(stage);
        if (stage->err.code < 0)
                *err = stage->err;
        return stage->err.code;
}

void block_stage_free(struct block_stage *stage)
{
        struct block *block;

        if (!stage)
                return;
        pthread_mutex_lock(&stage->lock);
        while ((block = take(stage)))
                block_unref(block);
        pthread_mutex_unlock(&stage->lock);
        close_and_join(stage);
        pthread_cond_destroy(&stage->changed);
        pthread_mutex_destroy(&stage->lock);
        free(stage);
}
