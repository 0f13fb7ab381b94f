#include "oci/platform.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static void parse(const char *text, struct platform *ret)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(platform_parse(text, ret, &err), 0, "%s: %s", text, err.message);
}

static void assert_reads(const char *text, const char *expected)
{
        struct platform platform;
        char *formatted;

        parse(text, &platform);
        formatted = platform_format(&platform);
        cr_assert_str_eq(formatted, expected, "%s is %s", text, formatted);
        free(formatted);
        platform_done(&platform);
}

Test(platform, has_one_spelling)
{
        static const char *const cases[][2] = {
                { "linux/amd64", "linux/amd64" },
                { "Linux/x86_64", "linux/amd64" },
                { "linux/x86-64/v1", "linux/amd64" },
                { "linux/amd64/v3", "linux/amd64/v3" },
                { "linux/aarch64", "linux/arm64" },
                { "linux/arm64/v8", "linux/arm64" },
                { "linux/arm64/9", "linux/arm64/v9" },
                { "linux/arm", "linux/arm/v7" },
                { "linux/arm/6", "linux/arm/v6" },
                { "armhf", "linux/arm/v7" },
                { "armel", "linux/arm/v6" },
                { "i386", "linux/386" },
                { "arm64", "linux/arm64" },
                { "linux/arm64/v8.2", "linux/arm64/v8.2" },
                { "macos/arm64", "darwin/arm64" },
                { "linux/unheard-of", "linux/unheard-of" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_reads(cases[i][0], cases[i][1]);
}

Test(platform, completes_a_system_alone_with_this_machine)
{
        struct platform host;
        char *text;

        cr_assert_eq(platform_host(&host), 0);
        text = platform_format(&host);
        assert_reads("linux", text);
        free(text);
        platform_done(&host);
}

Test(platform, refuses_what_is_none)
{
        static const char *const bad[] = { "",        "/",       "linux/",   "/amd64",
                                           "a/b/c/d", "linux/*", "nonsense", "linux/a b" };
        struct platform platform;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(platform_parse(bad[i], &platform, &err), -EINVAL, "%s", bad[i]);
                cr_assert_str_neq(err.hint, "");
        }
}

static int rank(const char *wanted, const char *candidate)
{
        struct platform a, b;
        int result;

        parse(wanted, &a);
        parse(candidate, &b);
        result = platform_rank(&a, &b);
        platform_done(&a);
        platform_done(&b);
        return result;
}

Test(platform, ranks_what_runs_by_how_well_it_suits)
{
        cr_assert_eq(rank("linux/amd64", "linux/amd64"), 0);
        cr_assert_eq(rank("linux/arm64", "linux/arm64/v8"), 0);
        cr_assert_lt(rank("linux/amd64/v3", "linux/amd64/v2"),
                     rank("linux/amd64/v3", "linux/amd64"));
        cr_assert_lt(rank("linux/amd64", "linux/amd64"), rank("linux/amd64", "linux/386"));
        cr_assert_lt(rank("linux/arm/v7", "linux/arm/v6"), rank("linux/arm/v7", "linux/arm/v5"));
        cr_assert_lt(rank("linux/arm64", "linux/arm64"), rank("linux/arm64", "linux/arm/v8"));
        cr_assert_lt(rank("linux/arm64", "linux/arm/v8"), rank("linux/arm64", "linux/arm/v7"));
        cr_assert_lt(rank("linux/arm64/v9.2", "linux/arm64/v9"),
                     rank("linux/arm64/v9.2", "linux/arm64/v8.7"));
}

Test(platform, has_no_rank_for_what_does_not_run)
{
        static const char *const cases[][2] = {
                { "linux/amd64", "windows/amd64" },       { "linux/amd64", "linux/arm64" },
                { "linux/amd64", "linux/amd64/v2" },      { "linux/386", "linux/amd64" },
                { "linux/arm/v6", "linux/arm/v7" },       { "linux/arm64", "linux/arm64/v8.1" },
                { "linux/arm64/v8.5", "linux/arm64/v9" }, { "linux/arm64/v9", "linux/arm64/v8.6" },
                { "linux/riscv64", "linux/riscv64/x" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_assert_eq(rank(cases[i][0], cases[i][1]), -1, "%s %s", cases[i][0], cases[i][1]);
}

Test(platform, asks_for_every_feature_of_the_candidate)
{
        struct platform wanted, candidate;

        parse("linux/amd64", &wanted);
        parse("linux/amd64", &candidate);
        cr_assert_eq(strv_add(&candidate.os_features, "f"), 0);
        cr_assert_eq(platform_rank(&wanted, &candidate), -1);
        cr_assert_eq(strv_add(&wanted.os_features, "f"), 0);
        cr_assert_eq(platform_rank(&wanted, &candidate), 0);
        platform_done(&wanted);
        platform_done(&candidate);
}
