#include "spool.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

/* With memory for 16 blocks; the rest is in a file below /tmp. */
#define MEMORY_BLOCKS 16

static struct spool *small_spool(void)
{
        int dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct error err = ERROR_INIT;
        struct spool *spool;

        cr_assert_eq(spool_new(dir_fd, MEMORY_BLOCKS * SPOOL_BLOCK, &spool, &err), 0);
        return spool;
}

/* Takes blocks, as many runs as it needs, and fills each with its number. */
static void fill(struct spool *spool, uint64_t *blocks, uint64_t count)
{
        for (uint64_t have = 0; have < count;) {
                uint64_t block, got;

                cr_assert_eq(spool_take(spool, count - have, &block, &got), 0);
                cr_assert_gt(got, 0);
                cr_assert_leq(got, count - have);
                for (uint64_t i = 0; i < got; i++)
                        blocks[have++] = block + i;
        }
        for (uint64_t i = 0; i < count; i++) {
                char data[SPOOL_BLOCK];

                memset(data, (int)(blocks[i] % 251), sizeof(data));
                cr_assert_eq(spool_write(spool, blocks[i], 0, data, sizeof(data)), 0);
        }
}

static void check(struct spool *spool, const uint64_t *blocks, uint64_t count)
{
        for (uint64_t i = 0; i < count; i++) {
                char data[SPOOL_BLOCK];

                cr_assert_eq(spool_read(spool, blocks[i], 0, data, sizeof(data)), 0);
                for (size_t j = 0; j < sizeof(data); j++)
                        cr_assert_eq((unsigned char)data[j], blocks[i] % 251);
        }
}

Test(spool, holds_more_than_its_memory)
{
        struct spool *spool = small_spool();
        uint64_t blocks[100];

        fill(spool, blocks, ARRAY_SIZE(blocks));
        check(spool, blocks, ARRAY_SIZE(blocks));
        spool_free(spool);
}

Test(spool, hands_no_block_out_twice)
{
        struct spool *spool = small_spool();
        bool seen[400] = { false };
        uint64_t blocks[200];

        fill(spool, blocks, ARRAY_SIZE(blocks));
        for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
                cr_assert_lt(blocks[i], ARRAY_SIZE(seen));
                cr_assert(!seen[blocks[i]]);
                seen[blocks[i]] = true;
        }
        spool_free(spool);
}

Test(spool, gives_no_run_across_the_seam)
{
        struct spool *spool = small_spool();
        uint64_t block, count, all = 0;

        while (all < 3 * MEMORY_BLOCKS) {
                cr_assert_eq(spool_take(spool, 3 * MEMORY_BLOCKS, &block, &count), 0);
                for (uint64_t i = block + 1; i < block + count; i++)
                        cr_assert(!spool_is_seam(spool, i));
                all += count;
        }
        cr_assert(spool_is_seam(spool, MEMORY_BLOCKS));
        cr_assert(!spool_is_seam(spool, MEMORY_BLOCKS + 1));
        spool_free(spool);
}

Test(spool, writes_inside_of_a_run_at_any_byte)
{
        struct spool *spool = small_spool();
        uint64_t block, count;
        char data[700];

        do {
                cr_assert_eq(spool_take(spool, 4, &block, &count), 0);
        } while (count < 4 || block < MEMORY_BLOCKS);
        memset(data, 'x', sizeof(data));
        cr_assert_eq(spool_write(spool, block, 300, data, sizeof(data)), 0);
        cr_assert_eq(spool_write(spool, block, 500, "middle", 6), 0);
        memset(data, 0, sizeof(data));
        cr_assert_eq(spool_read(spool, block, 300, data, sizeof(data)), 0);
        cr_assert_eq(data[0], 'x');
        cr_assert_eq(memcmp(data + 199, "xmiddlex", 8), 0);
        cr_assert_eq(data[699], 'x');
        spool_free(spool);
}

Test(spool, uses_again_what_was_given_back)
{
        struct spool *spool = small_spool();
        uint64_t block, count, highest = 0;

        /* 64 MiB in all, of which 1 MiB at a time is in use. */
        for (int i = 0; i < 64; i++) {
                uint64_t taken[2048], runs[2048], n = 0;

                for (uint64_t have = 0; have < 2048; have += count) {
                        cr_assert_eq(spool_take(spool, 2048 - have, &block, &count), 0);
                        taken[n] = block;
                        runs[n++] = count;
                        if (block + count > highest)
                                highest = block + count;
                }
                while (n-- > 0)
                        spool_give(spool, taken[n], runs[n]);
        }
        cr_assert_lt(highest, 32 * 2048, "%lu blocks", (unsigned long)highest);
        spool_free(spool);
}

static void *churn(void *context)
{
        struct spool *spool = context;

        for (int round = 0; round < 50; round++) {
                uint64_t blocks[20];

                fill(spool, blocks, ARRAY_SIZE(blocks));
                check(spool, blocks, ARRAY_SIZE(blocks));
                for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
                        spool_give(spool, blocks[i], 1);
        }
        return NULL;
}

Test(spool, may_be_used_by_several_threads)
{
        struct spool *spool = small_spool();
        pthread_t threads[4];

        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, churn, spool), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                pthread_join(threads[i], NULL);
        spool_free(spool);
}
