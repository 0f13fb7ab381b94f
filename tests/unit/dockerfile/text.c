#include "parse.h"

#include "dockerfile/expand.h"

Test(text, keeps_bytes_that_are_no_utf_8)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("COPY a\xe9\xff b\xc3 /\x80\n");

        assert_words_are(&first(file)->copy.sources, "a\xe9\xff", "b\xc3");
        cr_assert_str_eq(first(file)->copy.destination, "/\x80");
}

Test(text, trims_the_spaces_of_unicode)
{
        static const char *const spaces[] = { "\xc2\x85",     "\xc2\xa0",
                                              "\xe1\x9a\x80", "\xe2\x80\x83",
                                              "\xe2\x80\xa8", "\xe3\x80\x80",
                                              "\v",           "\f" };

        for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
                _cleanup_free_ char *text = NULL;

                cr_assert_gt(asprintf(&text, "%sWORKDIR /a%s%s\n", spaces[i], spaces[i], spaces[i]),
                             0);
                {
                        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(text);

                        cr_assert_str_eq(first(file)->value, "/a");
                }
        }
}

Test(text, does_not_take_a_tail_of_another_character_for_a_space)
{
        /* The last two bytes alone would be a no-break space. */
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("WORKDIR /\xe0\xa4\xa0\n");

        cr_assert_str_eq(first(file)->value, "/\xe0\xa4\xa0");
}
