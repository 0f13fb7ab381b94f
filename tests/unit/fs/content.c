#include "content.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_OF_TEST 20000

/* Content over a lower file, beside the plain bytes that it must be equal to. */
struct fixture {
        struct content_store store;
        struct content content;
        char lower[9000];
        char plain[SIZE_MAX_OF_TEST];
        size_t size;
};

static int read_lower(void *userdata, struct lower_ref lower, uint64_t offset, void *data,
                      size_t len)
{
        struct fixture *fixture = userdata;

        cr_assert_eq(lower.inode, 7);
        cr_assert_leq(offset + len, sizeof(fixture->lower));
        memcpy(data, fixture->lower + offset, len);
        return 0;
}

static void begin(struct fixture *fixture, bool with_lower)
{
        struct error err = ERROR_INIT;

        memset(fixture, 0, sizeof(*fixture));
        cr_assert_eq(spool_new(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 4096,
                               &fixture->store.spool, &err),
                     0);
        fixture->store.lower = (struct lower_reader){ read_lower, fixture };
        fixture->store.epoch = 1;
        for (size_t i = 0; i < sizeof(fixture->lower); i++)
                fixture->lower[i] = (char)(1 + i % 250);
        if (with_lower) {
                fixture->size = sizeof(fixture->lower);
                fixture->content = (struct content){ .lower = { .layer = 3, .inode = 7 },
                                                     .lower_size = fixture->size,
                                                     .size = fixture->size };
                memcpy(fixture->plain, fixture->lower, fixture->size);
        }
}

static void end(struct fixture *fixture)
{
        content_done(&fixture->content, &fixture->store);
        spool_free(fixture->store.spool);
}

static void check_bytes(struct fixture *fixture, const struct content *content, const char *plain,
                        size_t size)
{
        static char data[SIZE_MAX_OF_TEST + 10];
        ssize_t n = content_read(content, &fixture->store, 0, data, sizeof(data));

        cr_assert_eq(content->size, size);
        cr_assert_eq(n, (ssize_t)size);
        for (size_t i = 0; i < size; i++)
                cr_assert_eq(data[i], plain[i], "byte %zu of %zu", i, size);
        for (uint32_t i = 1; i < content->count; i++)
                cr_assert_leq(content->extents[i - 1].block + content->extents[i - 1].count,
                              content->extents[i].block);
}

static void write_at(struct fixture *fixture, size_t offset, size_t len, char c)
{
        char data[SIZE_MAX_OF_TEST];

        memset(data, c, len);
        cr_assert_eq(content_write(&fixture->content, &fixture->store, offset, data, len), 0);
        memset(fixture->plain + offset, c, len);
        if (offset + len > fixture->size)
                fixture->size = offset + len;
}

static void cut(struct fixture *fixture, size_t size)
{
        cr_assert_eq(content_truncate(&fixture->content, &fixture->store, size), 0);
        if (size < fixture->size)
                memset(fixture->plain + size, 0, fixture->size - size);
        fixture->size = size;
}

static void check(struct fixture *fixture)
{
        check_bytes(fixture, &fixture->content, fixture->plain, fixture->size);
}

Test(content, shows_the_lower_file_where_nothing_was_written)
{
        struct fixture fixture;

        begin(&fixture, true);
        check(&fixture);
        write_at(&fixture, 1000, 10, 'x');
        check(&fixture);
        write_at(&fixture, 8990, 100, 'y');
        check(&fixture);
        end(&fixture);
}

Test(content, is_zeros_behind_what_was_cut_off)
{
        struct fixture fixture;

        begin(&fixture, true);
        cut(&fixture, 700);
        cut(&fixture, 3000);
        check(&fixture);
        write_at(&fixture, 5000, 1, 'x');
        check(&fixture);
        end(&fixture);
}

Test(content, does_not_bring_old_bytes_back_inside_of_a_block)
{
        struct fixture fixture;

        begin(&fixture, false);
        write_at(&fixture, 0, 500, 'a');
        cut(&fixture, 100);
        cut(&fixture, 500);
        check(&fixture);
        end(&fixture);
}

Test(content, reads_nothing_at_its_end)
{
        struct fixture fixture;
        char data[10];

        begin(&fixture, false);
        write_at(&fixture, 0, 5, 'a');
        cr_assert_eq(content_read(&fixture.content, &fixture.store, 5, data, 10), 0);
        cr_assert_eq(content_read(&fixture.content, &fixture.store, 1000, data, 10), 0);
        cr_assert_eq(content_read(&fixture.content, &fixture.store, 3, data, 10), 2);
        end(&fixture);
}

Test(content, of_an_earlier_epoch_is_not_overwritten)
{
        static char before[SIZE_MAX_OF_TEST];
        struct fixture fixture;
        struct content frozen;
        size_t size;

        begin(&fixture, true);
        write_at(&fixture, 600, 3000, 'x');
        cr_assert_eq(content_copy(&fixture.content, &frozen), 0);
        memcpy(before, fixture.plain, sizeof(before));
        size = fixture.size;
        fixture.store.epoch = 2;
        write_at(&fixture, 100, 5000, 'y');
        cut(&fixture, 2000);
        check(&fixture);
        check_bytes(&fixture, &frozen, before, size);
        free(frozen.extents);
        end(&fixture);
}

Test(content, tells_data_from_holes)
{
        struct fixture fixture;
        bool data;

        begin(&fixture, false);
        write_at(&fixture, 0, 512, 'a');
        write_at(&fixture, 4096, 512, 'b');
        cr_assert_eq(content_run_end(&fixture.content, NULL, 0, &data), 512);
        cr_assert(data);
        cr_assert_eq(content_run_end(&fixture.content, NULL, 600, &data), 4096);
        cr_assert(!data);
        cr_assert_eq(content_run_end(&fixture.content, NULL, 4096, &data), 4608);
        cr_assert(data);
        cr_assert_eq(content_blocks(&fixture.content), 2);
        end(&fixture);
}

Test(content, is_like_plain_bytes_whatever_is_done)
{
        unsigned seed = 20261121;
        struct fixture fixture;

        cr_log_info("seed %u", seed);
        begin(&fixture, true);
        for (int i = 0; i < 4000; i++) {
                size_t at = (size_t)rand_r(&seed) % 15000;
                size_t len = 1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 2 ? 3000 : 100);

                switch (rand_r(&seed) % 8) {
                case 0:
                        cut(&fixture, at);
                        break;
                case 1:
                        if (at >= fixture.size)
                                break;
                        if (len > fixture.size - at)
                                len = fixture.size - at;
                        cr_assert_eq(content_zero(&fixture.content, &fixture.store, at, len), 0);
                        memset(fixture.plain + at, 0, len);
                        break;
                case 2:
                        fixture.store.epoch += rand_r(&seed) % 20 == 0;
                        break;
                default:
                        write_at(&fixture, at, len, (char)('a' + i % 26));
                }
                if (i % 5 == 0)
                        check(&fixture);
        }
        check(&fixture);
        end(&fixture);
}
