#include "dockerfile/expand.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Expands "${V<operation>}" with this value of V. */
static int apply(const char *value, const char *operation, struct buf *ret, struct error *err)
{
        char *items[] = { NULL, NULL };
        struct strv env = { .items = items, .count = 1 };
        struct expander expander = { .escape = '\\',
                                     .lookup = expand_lookup_strv,
                                     .variables = &env };
        char *word = NULL;
        int r;

        cr_assert_gt(asprintf(&items[0], "V=%s", value), 0);
        cr_assert_gt(asprintf(&word, "${V%s}", operation), 0);
        r = expand_word(&expander, word, ret, err);
        free(items[0]);
        free(word);
        return r;
}

static void assert_becomes(const char *value, const char *operation, const char *expected)
{
        struct buf result = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(apply(value, operation, &result, &err), 0, "%s: %s", operation, err.message);
        cr_assert_str_eq(buf_str(&result), expected, "%s of %s is %s", operation, value,
                         buf_str(&result));
        buf_done(&result);
}

static void assert_fails(const char *value, const char *operation, int code)
{
        struct buf result = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(apply(value, operation, &result, &err), code, "%s", operation);
        buf_done(&result);
}

Test(glob, removes_the_shortest_and_the_longest_prefix)
{
        assert_becomes("a/b/c", "#*/", "b/c");
        assert_becomes("a/b/c", "##*/", "c");
        assert_becomes("a/b/c", "#a", "/b/c");
        assert_becomes("a/b/c", "#b", "a/b/c");
        assert_becomes("a/b/c", "#", "a/b/c");
        assert_becomes("a/b/c", "##*", "");
        assert_becomes("a/b/c", "#*", "a/b/c");
        assert_becomes("a/b/c", "#?/?", "/c");
        assert_becomes("aXbXc", "##*X", "c");
        assert_becomes("aaa", "#a*a", "a");
        assert_becomes("aaa", "##a*a", "");
        assert_becomes("abcabc", "#*b*c", "abc");
}

Test(glob, removes_the_shortest_and_the_longest_suffix)
{
        assert_becomes("a.tar.gz", "%.*", "a.tar");
        assert_becomes("a.tar.gz", "%%.*", "a");
        assert_becomes("a.tar.gz", "%z", "a.tar.g");
        assert_becomes("a.tar.gz", "%x", "a.tar.gz");
        assert_becomes("a.tar.gz", "%?z", "a.tar.");
        assert_becomes("aXbXc", "%%X*", "a");
        assert_becomes("aXbXc", "%X*", "aXb");
}

Test(glob, replaces_the_first_match_and_every_match)
{
        assert_becomes("a-b-c", "/-/+", "a+b-c");
        assert_becomes("a-b-c", "//-/+", "a+b+c");
        assert_becomes("a-b-c", "//-/", "abc");
        assert_becomes("a-b-c", "/x/y", "a-b-c");
        assert_becomes("abcabc", "/b*b/x", "axc");
        assert_becomes("abcabc", "//?/x", "xxxxxx");
        assert_becomes("abc", "//*/x", "x");
        assert_becomes("abc", "///x", "xaxbxcx");
        assert_becomes("", "/*/x", "x");
}

Test(glob, takes_whole_characters_and_stray_bytes)
{
        assert_becomes("\xc3\xa9t\xc3\xa9", "#?", "t\xc3\xa9");
        assert_becomes("\xc3\xa9t\xc3\xa9", "%?", "\xc3\xa9t");
        assert_becomes("\xff\xc3\xa9", "#?", "\xc3\xa9");
        assert_becomes("\xc3\xa9\xc3", "%?", "\xc3\xa9");
        assert_becomes("\xc3\xa9t\xc3\xa9", "//t/\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac\xc3\xa9");
}

Test(glob, does_not_cross_lines)
{
        assert_becomes("ab\ncd", "##*", "\ncd");
        assert_becomes("ab\ncd", "##*d", "ab\ncd");
        assert_becomes("ab\ncd", "#?b?", "ab\ncd");
        assert_becomes("ab\ncd", "//*/x", "x\nx");
        assert_becomes("ab\ncd", "/c*/x", "ab\nx");
        assert_becomes("ax\nayb\nb", "/a*b/z", "ax\nz\nb");
        assert_becomes("a\nb\nc", "/\n*b/z", "az\nc");
}

Test(glob, knows_escapes_in_patterns)
{
        assert_becomes("a*b", "#a\\*", "b");
        assert_becomes("axb", "#a\\*", "axb");
        assert_becomes("a?b", "%\\?b", "a");
        assert_becomes("a\\b", "#a\\\\", "b");
        assert_becomes("a}b", "#a\\}", "b");
        assert_becomes("a/b", "/\\//x", "axb");
        assert_becomes("a.b", "#a.", "b");
        assert_becomes("axb", "#a.", "axb");
        assert_becomes("[a]", "#[a]", "");
        assert_fails("abc", "#\\a", -EINVAL);
        assert_fails("abc", "/\\b/c", -EINVAL);
}

Test(glob, expands_dollars_of_replacements_as_a_template_does)
{
        assert_becomes("a-b", "//-/'$0$0'", "a--b");
        assert_becomes("a-b", "//-/'<${0}>'", "a<->b");
        assert_becomes("a-b", "//-/'$1x'", "ab");
        assert_becomes("a-b", "//-/'$$'", "a$b");
        assert_becomes("a-b", "//-/'$ ${ ${a'", "a$ ${ ${ab");
        assert_becomes("a-b", "/-/'$0'", "a$0b");
}

Test(glob, limits_patterns_and_stays_fast_on_hostile_ones, .timeout = 60)
{
        struct buf operation = BUF_INIT, value = BUF_INIT;

        buf_append_str(&operation, "#");
        for (int i = 0; i < EXPAND_PATTERN_MAX; i++)
                buf_append_char(&operation, 'a');
        assert_becomes("b", buf_str(&operation), "b");
        buf_append_char(&operation, 'a');
        assert_fails("b", buf_str(&operation), -E2BIG);
        buf_clear(&operation);
        buf_append_str(&operation, "//");
        for (int i = 0; i < 100; i++)
                buf_append_str(&operation, "a*");
        buf_append_str(&operation, "b/x");
        for (int i = 0; i < 500000; i++)
                buf_append_char(&value, 'a');
        assert_becomes(buf_str(&value), buf_str(&operation), buf_str(&value));
        buf_done(&operation);
        buf_done(&value);
}
