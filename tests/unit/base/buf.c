#include "base/buf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(buf, is_an_empty_text_before_anything_is_appended)
{
        struct buf buf = BUF_INIT;

        cr_assert_str_eq(buf_str(&buf), "");
        char *text = buf_take_str(&buf);
        cr_assert_str_eq(text, "");
        free(text);
}

Test(buf, keeps_what_is_appended_in_order_and_terminated)
{
        struct buf buf = BUF_INIT;

        for (int i = 0; i < 1000; i++)
                cr_assert_eq(buf_appendf(&buf, "%d,", i), 0);
        cr_assert_eq(buf_append(&buf, "\0x", 2), 0);
        cr_assert(strncmp(buf.data, "0,1,2,3,", 8) == 0);
        cr_assert_eq(buf.data[buf.len], '\0');
        cr_assert_eq(buf.len, 10 * 2 + 90 * 3 + 900 * 4 + 2);
        buf_done(&buf);
}

Test(buf, moves_what_follows_to_the_front_when_that_is_cut)
{
        struct buf buf = BUF_INIT;

        buf_cut_front(&buf, 0);
        cr_assert_eq(buf_append(&buf, "onetwo", 6), 0);
        buf_cut_front(&buf, 3);
        cr_assert_str_eq(buf_str(&buf), "two");
        buf_cut_front(&buf, 3);
        cr_assert_eq(buf.len, 0);
        cr_assert_str_eq(buf_str(&buf), "");
        buf_done(&buf);
}

Test(buf, refuses_a_size_that_cannot_be_and_stays_as_it_was)
{
        struct buf buf = BUF_INIT;

        cr_assert_eq(buf_append_str(&buf, "kept"), 0);
        cr_assert_lt(buf_reserve(&buf, (size_t)-1), 0);
        cr_assert_str_eq(buf_str(&buf), "kept");
        buf_done(&buf);
}
