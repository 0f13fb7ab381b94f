#include "parse.h"

static void assert_excerpt(const char *text, unsigned int line, unsigned int column,
                           unsigned int last, const char *expected)
{
        struct source_position where = { .line = line, .column = column };
        struct buf excerpt = BUF_INIT;

        cr_assert_eq(source_excerpt(text, strlen(text), &where, last, &excerpt), 0);
        cr_assert_str_eq(buf_str(&excerpt), expected);
        buf_done(&excerpt);
}

Test(excerpt, shows_the_line_with_its_neighbours_and_a_caret)
{
        assert_excerpt("FROM a\n\nUSER b\nRNU c\nUSER d\nUSER e\nUSER f\n", 4, 1, 0,
                       "2 |     \n"
                       "3 |     USER b\n"
                       "4 | >>> RNU c\n"
                       "  |     ^\n"
                       "5 |     USER d\n"
                       "6 |     USER e\n");
        assert_excerpt("FROM a\n\tRUN --x\xc3\xa9 b", 2, 9, 0,
                       "1 |     FROM a\n"
                       "2 | >>> \tRUN --x\xc3\xa9 b\n"
                       "  |     \t       ^\n");
}

Test(excerpt, marks_all_lines_of_an_instruction)
{
        assert_excerpt("FROM a\r\nRUN b \\\r\n c\r\nUSER d", 2, 0, 3,
                       "1 |     FROM a\n"
                       "2 | >>> RUN b \\\n"
                       "3 | >>>  c\n"
                       "4 |     USER d\n");
}

Test(excerpt, shows_no_control_characters)
{
        assert_excerpt("RUN \x1b[2J\x7f\xc2\x9b"
                       "2J\xff\n",
                       1, 0, 0, "1 | >>> RUN ?[2J??2J?\n");
}

Test(excerpt, is_limited_and_empty_where_the_line_is_unknown)
{
        struct source_position where = { .line = 1 };
        struct buf text = BUF_INIT, excerpt = BUF_INIT;

        for (int i = 0; i < 1000; i++)
                buf_append_str(&text, "0123456789");
        for (int i = 0; i < 100; i++)
                buf_append_str(&text, "\nx");
        cr_assert_eq(source_excerpt(text.data, text.len, &where, 100, &excerpt), 0);
        cr_assert_lt(excerpt.len, 600);
        buf_clear(&excerpt);
        where.line = 0;
        cr_assert_eq(source_excerpt(text.data, text.len, &where, 100, &excerpt), 0);
        cr_assert_eq(excerpt.len, 0);
        where.line = 5000;
        cr_assert_eq(source_excerpt(text.data, text.len, &where, 0, &excerpt), 0);
        cr_assert_eq(excerpt.len, 0);
        buf_done(&text);
        buf_done(&excerpt);
}
