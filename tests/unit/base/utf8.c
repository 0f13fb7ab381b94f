#include "base/utf8.h"

#include <criterion/criterion.h>

Test(utf8, takes_every_length_at_its_limits)
{
        cr_assert_eq(utf8_length("\x7f"), 1);
        cr_assert_eq(utf8_length("\xc2\x80"), 2);
        cr_assert_eq(utf8_length("\xdf\xbf"), 2);
        cr_assert_eq(utf8_length("\xe0\xa0\x80"), 3);
        cr_assert_eq(utf8_length("\xed\x9f\xbf"), 3);
        cr_assert_eq(utf8_length("\xef\xbf\xbf"), 3);
        cr_assert_eq(utf8_length("\xf0\x90\x80\x80"), 4);
        cr_assert_eq(utf8_length("\xf4\x8f\xbf\xbf"), 4);
        cr_assert(utf8_is_valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"));
        cr_assert(utf8_is_valid(""));
}

Test(utf8, refuses_what_is_malformed)
{
        static const char *const bad[] = {
                "\x80",
                "\xbf",
                "\xc0\xaf",
                "\xc1\xbf",
                "\xc3",
                "\xe0\x9f\xbf",
                "\xe2\x82",
                "\xed\xa0\x80",
                "\xff",
                "\xf5\x80\x80\x80",
                "\xf0\x8f\xbf\xbf",
                "\xf4\x90\x80\x80",
                "\xc3z",
                "\xf0\x9f\x98",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                cr_assert_eq(utf8_length(bad[i]), 0, "case %zu", i);
                cr_assert_not(utf8_is_valid(bad[i]), "case %zu", i);
        }
}
