#include "bounds.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/resource.h>

static int parse(const struct bounds_flags *flags, struct execution_bounds *ret)
{
        struct error err = ERROR_INIT;
        int r = bounds_parse(flags, ret, &err);

        cr_expect(r == 0 || err.message[0], "an error says why");
        return r;
}

static uint64_t shm_size(const char *text)
{
        const struct bounds_flags flags = { .shm_size = text };
        struct execution_bounds bounds;

        return parse(&flags, &bounds) == 0 ? bounds.shm_size_bytes : 0;
}

static int timeout_ms(const char *text)
{
        const struct bounds_flags flags = { .timeout = text };
        struct execution_bounds bounds;

        return parse(&flags, &bounds) == 0 ? bounds.timeout_ms : -1;
}

static int ulimit(const char *text, struct sandbox_limit *ret)
{
        struct bounds_flags flags = { .memory = NULL };
        struct execution_bounds bounds;
        int r;

        cr_assert_eq(strv_add(&flags.ulimits, text), 0);
        r = parse(&flags, &bounds);
        if (r == 0)
                *ret = bounds.limits[0];
        bounds_flags_done(&flags);
        return r;
}

Test(bounds, reads_sizes_as_docker_writes_them)
{
        cr_expect_eq(shm_size("1"), 1);
        cr_expect_eq(shm_size("64b"), 64);
        cr_expect_eq(shm_size("64k"), 65536);
        cr_expect_eq(shm_size("64KB"), 65536);
        cr_expect_eq(shm_size("1.5m"), 1572864);
        cr_expect_eq(shm_size("2GiB"), 2ULL << 30);
}

Test(bounds, refuses_sizes_that_are_none)
{
        static const char *const bad[] = { "",    "0",    "-1",  "x",   "1x",
                                           "1mm", "0x10", "1bb", "nan", "9999999999999t",
                                           "0.5", "1 m" };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_expect_eq(shm_size(bad[i]), 0, "%s", bad[i]);
}

Test(bounds, reads_durations)
{
        cr_expect_eq(timeout_ms("90"), 90000);
        cr_expect_eq(timeout_ms("1.5s"), 1500);
        cr_expect_eq(timeout_ms("250ms"), 250);
        cr_expect_eq(timeout_ms("2m"), 120000);
        cr_expect_eq(timeout_ms("1h"), 3600000);
        cr_expect_eq(timeout_ms("0"), -1);
        cr_expect_eq(timeout_ms("1d"), -1);
        cr_expect_eq(timeout_ms("99999h"), -1);
        cr_expect_eq(timeout_ms("700h"), 2000000000, "as long as a wait can be");
}

Test(bounds, reads_limits)
{
        struct sandbox_limit limit;

        cr_assert_eq(ulimit("nofile=1024", &limit), 0);
        cr_expect_eq(limit.resource, RLIMIT_NOFILE);
        cr_expect_eq(limit.value.rlim_cur, 1024);
        cr_expect_eq(limit.value.rlim_max, 1024);
        cr_assert_eq(ulimit("stack=1:-1", &limit), 0);
        cr_expect_eq(limit.value.rlim_cur, 1);
        cr_expect_eq(limit.value.rlim_max, RLIM_INFINITY);
        cr_assert_eq(ulimit("core=0", &limit), 0);
        cr_expect_eq(limit.value.rlim_max, 0);
}

Test(bounds, refuses_limits_that_are_none)
{
        static const char *const bad[] = { "",
                                           "nofile",
                                           "nofile=",
                                           "nofile=x",
                                           "nofile=1x",
                                           "nofile=2:1",
                                           "locks=1",
                                           "nofile=1:2:3",
                                           "none=1",
                                           "nofile=-2",
                                           "nofile=1:",
                                           "=1",
                                           "nofile=99999999999999999999" };
        struct sandbox_limit limit;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_expect_eq(ulimit(bad[i], &limit), -EINVAL, "%s", bad[i]);
}
