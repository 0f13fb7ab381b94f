#include "dockerfile/value.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(value, reads_booleans)
{
        static const char *const yes[] = { "1", "t", "T", "true", "True", "TRUE" };
        static const char *const no[] = { "0", "f", "F", "false", "False", "FALSE" };
        bool value;

        for (size_t i = 0; i < 6; i++) {
                cr_assert(value_parse_bool(yes[i], &value) == 0 && value);
                cr_assert(value_parse_bool(no[i], &value) == 0 && !value);
        }
        cr_assert_eq(value_parse_bool("yes", &value), -EINVAL);
        cr_assert_eq(value_parse_bool("tRUE", &value), -EINVAL);
        cr_assert_eq(value_parse_bool("", &value), -EINVAL);
}

Test(value, reads_numbers)
{
        uint64_t value;

        cr_assert(value_parse_number("0755", 8, 07777, &value) == 0 && value == 0755);
        cr_assert(value_parse_number("42", 10, 42, &value) == 0 && value == 42);
        cr_assert_eq(value_parse_number("43", 10, 42, &value), -EINVAL);
        cr_assert_eq(value_parse_number("8", 8, 100, &value), -EINVAL);
        cr_assert_eq(value_parse_number("", 10, 42, &value), -EINVAL);
        cr_assert_eq(value_parse_number("+1", 10, 42, &value), -EINVAL);
        cr_assert_eq(value_parse_number(" 1", 10, 42, &value), -EINVAL);
        cr_assert_eq(value_parse_number("1x", 10, 42, &value), -EINVAL);
        cr_assert_eq(value_parse_number("18446744073709551616", 10, UINT64_MAX, &value), -EINVAL);
        cr_assert(value_parse_number("18446744073709551615", 10, UINT64_MAX, &value) == 0 &&
                  value == UINT64_MAX);
}

Test(value, reads_sizes)
{
        static const struct {
                const char *text;
                int64_t bytes;
        } cases[] = {
                { "0", 0 },
                { "64", 64 },
                { "64b", 64 },
                { "1k", 1024 },
                { "1KB", 1024 },
                { "1KiB", 1024 },
                { "1.5m", 1572864 },
                { ".5g", INT64_C(1) << 29 },
                { "2 G", INT64_C(2) << 30 },
                { "1t", INT64_C(1) << 40 },
                { "4p", INT64_C(4) << 50 },
                { "1.0000000000000000000009k", 1024 },
        };
        static const char *const bad[] = { "",
                                           "k",
                                           "-1",
                                           "1x",
                                           "1kib1",
                                           "1bb",
                                           "1ki",
                                           "1  k",
                                           "9000p",
                                           "1e",
                                           ".",
                                           "1,5k",
                                           "99999999999999999999" };
        int64_t bytes;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                cr_assert_eq(value_parse_size(cases[i].text, &bytes), 0, "%s", cases[i].text);
                cr_assert_eq(bytes, cases[i].bytes, "%s is %ld", cases[i].text, (long)bytes);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_assert_eq(value_parse_size(bad[i], &bytes), -EINVAL, "%s", bad[i]);
}

Test(value, reads_durations)
{
        static const struct {
                const char *text;
                int64_t ns;
        } cases[] = {
                { "0", 0 },
                { "-0", 0 },
                { "5s", INT64_C(5000000000) },
                { "1h15m30.918s", INT64_C(4530918000000) },
                { "1.5h", INT64_C(5400000000000) },
                { ".5s", INT64_C(500000000) },
                { "1.s", INT64_C(1000000000) },
                { "300ms", INT64_C(300000000) },
                { "1us", 1000 },
                { "1\xc2\xb5s", 1000 },
                { "1\xce\xbcs", 1000 },
                { "1ns", 1 },
                { "-1m", INT64_C(-60000000000) },
                { "+1m", INT64_C(60000000000) },
                { "1m1m", INT64_C(120000000000) },
        };
        static const char *const bad[] = { "",
                                           "5",
                                           "s",
                                           ".s",
                                           "5 s",
                                           "5x",
                                           "-",
                                           "1h 1m",
                                           "--1s",
                                           "9223372037s",
                                           "1d",
                                           "5S",
                                           "99999999999999999999s" };
        int64_t ns;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                cr_assert_eq(value_parse_duration(cases[i].text, &ns), 0, "%s", cases[i].text);
                cr_assert_eq(ns, cases[i].ns, "%s is %ld", cases[i].text, (long)ns);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_assert_eq(value_parse_duration(bad[i], &ns), -EINVAL, "%s", bad[i]);
}
