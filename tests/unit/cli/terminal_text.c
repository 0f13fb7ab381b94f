#include "terminal_text.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <string.h>

static void assert_stripped(const char *text, const char *expected)
{
        char copy[256] = "";
        size_t len;

        strncpy(copy, text, sizeof(copy) - 1);
        len = terminal_strip(copy, strlen(copy));
        cr_assert_eq(len, strlen(expected), "%s", copy);
        cr_assert_str_eq(copy, expected);
}

Test(terminal_text, loses_control_sequences)
{
        assert_stripped("plain \xc3\xa4", "plain \xc3\xa4");
        assert_stripped("\033[1;31mred\033[0m", "red");
        assert_stripped("a\033]0;title\007b\033]52;c;AAAA\033\\c", "abc");
        assert_stripped("\033Pq#1\033\\x\033(B\033cy\033[?1049hz", "xyz");
        assert_stripped("a\033[2Jb\r\bc\a", "abc");
        assert_stripped("\xc2\x9b"
                        "31m",
                        "?31m");
}

Test(terminal_text, loses_what_does_not_end)
{
        assert_stripped("a\033", "a");
        assert_stripped("a\033[12", "a");
        assert_stripped("a\033]0;never", "a");
        assert_stripped("a\033[3\033[3mb", "ab");
}

Test(terminal_text, shows_what_is_no_text_as_question_marks)
{
        assert_stripped("a\xff\xc3", "a??");
        assert_stripped("a\xe2\x80\xae"
                        "b",
                        "a?b");
        assert_stripped("a\tb", "a b");
}

Test(terminal_text, is_cut_at_whole_characters)
{
        int columns;

        cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
        cr_assert_eq(terminal_fit("abc", 3, 2, &columns), 2);
        cr_assert_eq(columns, 2);
        cr_assert_eq(terminal_fit("\xe6\xbc\xa2\xe6\xbc\xa2", 6, 3, &columns), 3);
        cr_assert_eq(columns, 2);
        cr_assert_eq(terminal_fit("abc", 3, 80, &columns), 3);
        cr_assert_eq(terminal_fit("a\n", 2, 80, &columns), 1);
}
