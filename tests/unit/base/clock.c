#include "base/clock.h"

#include <criterion/criterion.h>

Test(clock, writes_and_reads_rfc3339_to_the_nanosecond)
{
        struct timespec times[] = {
                { 0, 0 }, { 1700000000, 123456789 }, { 1700000000, 500000000 }, { -86400, 1 }
        };
        char text[CLOCK_TEXT_MAX];

        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                struct timespec back;

                clock_format(&times[i], text);
                cr_assert_eq(clock_parse(text, &back), 0, "%s", text);
                cr_assert(clock_equal(&times[i], &back), "%s", text);
        }
        clock_format(&times[2], text);
        cr_assert_str_eq(text, "2023-11-14T22:13:20.5Z");
}

Test(clock, reads_offsets_and_refuses_what_is_no_time)
{
        struct timespec time;

        cr_assert_eq(clock_parse("2023-11-14T23:13:20+01:00", &time), 0);
        cr_assert_eq(time.tv_sec, 1700000000);
        cr_assert_eq(clock_parse("2023-11-14T21:13:20-01:00", &time), 0);
        cr_assert_eq(time.tv_sec, 1700000000);
        cr_assert_neq(clock_parse("", &time), 0);
        cr_assert_neq(clock_parse("2023-11-14", &time), 0);
        cr_assert_neq(clock_parse("2023-11-14T22:13:20", &time), 0);
        cr_assert_neq(clock_parse("2023-11-14T22:13:20Zx", &time), 0);
        cr_assert_neq(clock_parse("2023-11-14T22:13:20.Z", &time), 0);
}

Test(clock, writes_four_digits_of_a_year_whatever_the_time)
{
        struct timespec zero = { -62135596800, 0 }, early = { INT64_MIN, 5 },
                        late = { INT64_MAX, 5 };
        char text[CLOCK_TEXT_MAX];

        clock_format(&zero, text);
        cr_assert_str_eq(text, "0001-01-01T00:00:00Z");
        clock_format(&early, text);
        cr_assert_str_eq(text, "0001-01-01T00:00:00Z");
        clock_format(&late, text);
        cr_assert_str_eq(text, "9999-12-31T23:59:59Z");
}
