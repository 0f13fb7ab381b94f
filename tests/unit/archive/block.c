#include "archive/block.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct block_pool *new_pool(size_t count)
{
        struct error err = ERROR_INIT;
        struct block_pool *pool;

        cr_assert_eq(block_pool_new(count, 64, &pool, &err), 0);
        return pool;
}

static void *give_back_later(void *block)
{
        usleep(20000);
        block_unref(block);
        return NULL;
}

Test(block, pool_waits_for_a_block_to_come_back)
{
        struct block_pool *pool = new_pool(1);
        struct block *first = block_pool_get(pool), *second;
        pthread_t thread;

        cr_assert_eq(block_pool_block_bytes(pool), 64);
        first->len = 64;
        cr_assert_eq(pthread_create(&thread, NULL, give_back_later, first), 0);
        second = block_pool_get(pool);
        cr_assert_eq(second, first, "there is only one");
        cr_assert_eq(second->len, 0);
        pthread_join(thread, NULL);
        block_unref(second);
        block_unref(NULL);
        block_pool_free(pool);
}

Test(block, comes_back_with_its_last_reference)
{
        struct block_pool *pool = new_pool(2);
        struct block *block = block_pool_get(pool), *other;

        cr_assert_eq(block_ref(block), block);
        block_unref(block);
        other = block_pool_get(pool);
        cr_assert_neq(other, block);
        block_unref(block);
        block = block_pool_get(pool);
        block_unref(block);
        block_unref(other);
        block_pool_free(pool);
}

struct sum {
        unsigned char next;
        size_t seen;
        size_t fail_at;
};

static int add_up(void *context, const struct block *block, struct error *err)
{
        struct sum *sum = context;

        if (sum->seen == sum->fail_at)
                return error_set(err, -EIO, "no more");
        cr_assert_eq(block->data[0], sum->next++);
        sum->seen++;
        return 0;
}

/* Pushes 200 numbered blocks, or fewer when a push fails; returns what finishing returns. */
static int run_stage(struct sum *sum, struct error *err)
{
        struct block_pool *pool = new_pool(4);
        struct block_stage *stage;
        int r = 0;

        cr_assert_eq(block_stage_new(add_up, sum, &stage, err), 0);
        for (int i = 0; i < 200 && r == 0; i++) {
                struct block *block = block_pool_get(pool);

                block->data[0] = (unsigned char)i;
                block->len = 1;
                r = block_stage_push(stage, block);
                block_unref(block);
        }
        r = block_stage_finish(stage, err);
        block_stage_free(stage);
        block_pool_free(pool);
        return r;
}

Test(block, stage_works_in_the_order_of_pushing)
{
        struct sum sum = { .fail_at = SIZE_MAX };
        struct error err = ERROR_INIT;

        cr_assert_eq(run_stage(&sum, &err), 0);
        cr_assert_eq(sum.seen, 200);
        cr_assert_not(error_is_set(&err));
}

Test(block, stage_tells_its_failure_and_drops_the_rest)
{
        struct sum sum = { .fail_at = 10 };
        struct error err = ERROR_INIT;

        cr_assert_eq(run_stage(&sum, &err), -EIO);
        cr_assert_str_eq(err.message, "no more");
        cr_assert_eq(sum.seen, 10);
}

Test(block, stage_that_is_given_up_returns_every_block)
{
        struct block_pool *pool = new_pool(2);
        struct sum sum = { .fail_at = SIZE_MAX };
        struct error err = ERROR_INIT;
        struct block_stage *stage;
        struct block *block;

        cr_assert_eq(block_stage_new(add_up, &sum, &stage, &err), 0);
        block = block_pool_get(pool);
        block->data[0] = 0;
        cr_assert_eq(block_stage_push(stage, block), 0);
        block_unref(block);
        block_stage_free(stage);
        block = block_pool_get(pool);
        block_unref(block_pool_get(pool));
        block_unref(block);
        block_pool_free(pool);
        block_stage_free(NULL);
        block_pool_free(NULL);
}
