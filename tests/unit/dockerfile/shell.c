#include "base/cleanup.h"
#include "dockerfile/expand.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static char *variables[] = {
        (char *)"HOME=/root",
        (char *)"EMPTY=",
        (char *)"TWO=a  b",
        (char *)"a_1=x",
        (char *)"gr\xc3\xb6\xc3\x9f"
                "e=9",
        (char *)"Q=\"'\\",
        NULL,
};
static const struct strv environment = { .items = variables, .count = 6 };

static int expand(char escape, const char *word, struct buf *ret, struct error *err)
{
        struct expander expander = {
                .escape = escape,
                .lookup = expand_lookup_strv,
                .variables = &environment,
        };

        return expand_word(&expander, word, ret, err);
}

static void assert_word(const char *word, const char *expected)
{
        struct buf result = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(expand('\\', word, &result, &err), 0, "%s: %s", word, err.message);
        cr_assert_str_eq(buf_str(&result), expected, "%s is %s, not %s", word, buf_str(&result),
                         expected);
        buf_done(&result);
}

static void assert_bad(const char *word, const char *message)
{
        struct buf result = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_lt(expand('\\', word, &result, &err), 0, "%s is taken", word);
        cr_assert_not_null(strstr(err.message, message), "%s: %s", word, err.message);
        buf_done(&result);
}

Test(shell, replaces_variables_with_and_without_braces)
{
        assert_word("$HOME", "/root");
        assert_word("a${HOME}b$HOME.c", "a/rootb/root.c");
        assert_word("$a_1$a_1-", "xx-");
        assert_word("[$UNSET][${UNSET}][$EMPTY]", "[][][]");
        assert_word("$gr\xc3\xb6\xc3\x9f"
                    "e\xe2\x80\x93",
                    "9\xe2\x80\x93");
        assert_word("$TWO", "a  b");
        assert_word("$Q", "\"'\\");
}

Test(shell, leaves_a_dollar_that_names_nothing)
{
        assert_word("$", "$");
        assert_word("a$.b$ c", "a$.b$ c");
        assert_word("\xff$\xff", "\xff$\xff");
}

Test(shell, takes_the_shells_own_variables_for_unset)
{
        assert_word("a$1b$12c$@d$*e$#f$?g$-h$$i$!j", "abcdefghij");
}

Test(shell, removes_quotes)
{
        assert_word("'a b'\"c d\"e", "a bc de");
        assert_word("'$HOME'\"$HOME\"", "$HOME/root");
        assert_word("\"it's\"'\"'", "it's\"");
        assert_word("''\"\"", "");
}

Test(shell, removes_escapes)
{
        assert_word("\\$HOME\\a\\\\\\\"", "$HOMEa\\\"");
        assert_word("\"\\$HOME \\\" \\\\ \\a\"", "$HOME \" \\ \\a");
        assert_word("'\\'", "\\");
        assert_word("a\\", "a");
        assert_word("\\\xc3\xa9", "\xc3\xa9");
}

Test(shell, escapes_with_the_character_of_the_file)
{
        struct buf result = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(expand('`', "`$HOME\\$HOME`` \"`\"`a\"", &result, &err), 0);
        cr_assert_str_eq(buf_str(&result), "$HOME\\/root` \"`a");
        buf_done(&result);
}

Test(shell, substitutes_defaults)
{
        assert_word("${UNSET-d}${EMPTY-d}${HOME-d}", "d/root");
        assert_word("${UNSET:-d}${EMPTY:-d}${HOME:-d}", "dd/root");
        assert_word("${UNSET+d}${EMPTY+d}${HOME+d}", "dd");
        assert_word("${UNSET:+d}${EMPTY:+d}${HOME:+d}", "d");
        assert_word("${UNSET:-${EMPTY:-$HOME/\"x }\"}}", "/root/x }");
        assert_word("${UNSET:-a\\}b}", "a}b");
        assert_word("${UNSET:-}", "");
        assert_word("${1-a}${?-b}", "ab");
}

Test(shell, fails_where_a_variable_is_required)
{
        assert_word("${HOME?}${EMPTY?}${HOME:?x}", "/root/root");
        assert_bad("${UNSET?}", "UNSET must not be unset");
        assert_bad("${EMPTY:?}", "EMPTY must not be empty");
        assert_bad("${UNSET?give it to $HOME}", "UNSET: give it to /root");
        assert_bad("${UNSET:?\"a b\"}", "UNSET: a b");
        assert_bad("${HOME:-${UNSET?}}", "UNSET");
}

Test(shell, refuses_what_is_malformed)
{
        assert_bad("${}", "not followed by a variable's name");
        assert_bad("${{a}}", "not followed by a variable's name");
        assert_bad("${:-a}", "not followed by a variable's name");
        assert_bad("${", "no closing \"}\"");
        assert_bad("${HOME", "no closing \"}\"");
        assert_bad("${HOME:-a", "no closing \"}\"");
        assert_bad("${HOME/a}", "no closing \"/\"");
        assert_bad("${HOME/a/b", "no closing \"}\"");
        assert_bad("${HOME:", "operator that does not exist");
        assert_bad("${HOME:=a}", "operator that does not exist");
        assert_bad("${HOME=a}", "operator that does not exist");
        assert_bad("${HOME:#a}", "operator that does not exist");
        assert_bad("${HOME.}", "operator that does not exist");
        assert_bad("${\xff}", "operator that does not exist");
        assert_bad("'a", "single quote");
        assert_bad("\"a", "double quote");
        assert_bad("\"a\\\"", "double quote");
        assert_bad("${HOME:-'}", "single quote");
}

Test(shell, limits_depth_and_length)
{
        struct buf word = BUF_INIT, result = BUF_INIT, value = BUF_INIT;
        struct error err = ERROR_INIT;
        char *items[] = { NULL, NULL };
        struct strv big = { .items = items, .count = 1 };
        struct expander expander = { .escape = '\\',
                                     .lookup = expand_lookup_strv,
                                     .variables = &big };

        for (int i = 0; i < EXPAND_DEPTH_MAX + 1; i++)
                buf_append_str(&word, "${a-");
        for (int i = 0; i < EXPAND_DEPTH_MAX + 1; i++)
                buf_append_str(&word, "}");
        assert_bad(buf_str(&word), "more than 64 deep");
        buf_append_str(&value, "B=");
        for (int i = 0; i < 1 << 14; i++)
                buf_append_str(&value, "0123456789abcdef");
        items[0] = value.data;
        cr_assert_eq(expand_word(&expander, "$B$B$B$B", &result, &err), 0);
        cr_assert_eq(result.len, EXPAND_RESULT_MAX);
        cr_assert_eq(expand_word(&expander, "$B$B$B${B}x", &result, &err), -E2BIG);
        err = ERROR_INIT;
        cr_assert_eq(expand_word(&expander, "\"$B$B$B$B$B\"", &result, &err), -E2BIG);
        err = ERROR_INIT;
        cr_assert_eq(expand_word(&expander, "${X+\"$B$B$B$B$B\"}", &result, &err), -E2BIG);
        err = ERROR_INIT;
        cr_assert_eq(expand_word(&expander, "${B//?/$B}", &result, &err), -E2BIG);
        err = ERROR_INIT;
        buf_clear(&word);
        for (int i = 0; i < 8; i++)
                buf_append_str(&word, "${X+$B$B${B//0/1}}");
        cr_assert_eq(expand_word(&expander, buf_str(&word), &result, &err), -E2BIG);
        cr_assert_not_null(strstr(err.message, "too much work"));
        buf_done(&word);
        buf_done(&value);
        buf_done(&result);
}

static void assert_split(const char *word, const char *expected)
{
        struct expander expander = { .escape = '\\',
                                     .lookup = expand_lookup_strv,
                                     .variables = &environment };
        struct strv words = STRV_INIT;
        struct buf joined = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(expand_words(&expander, word, &words, &err), 0);
        for (size_t i = 0; i < words.count; i++)
                buf_appendf(&joined, "[%s]", words.items[i]);
        cr_assert_str_eq(buf_str(&joined), expected, "%s is %s", word, buf_str(&joined));
        strv_done(&words);
        buf_done(&joined);
}

Test(shell, splits_what_is_not_quoted)
{
        assert_split("a  b\tc", "[a][b][c]");
        assert_split("x${TWO}y", "[xa][by]");
        assert_split("x\"$TWO\"y \"c d\"", "[xa  by][c d]");
        assert_split("a\\ b '' \"\"", "[a b]");
        assert_split("$UNSET $EMPTY", "");
        assert_split("a\xc2\xa0"
                     "b\xe3\x80\x80"
                     "c",
                     "[a][b][c]");
        assert_split("80${UNSET:-80}/tcp", "[8080/tcp]");
}

Test(shell, gathers_the_variables_it_looked_up)
{
        struct strv used = STRV_INIT, unset = STRV_INIT;
        struct expander expander = {
                .escape = '\\',
                .lookup = expand_lookup_strv,
                .variables = &environment,
                .used = &used,
                .unset = &unset,
        };
        struct buf result = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(expand_word(&expander, "$HOME${A:-$B}$HOME'$C'${EMPTY+$D}$B", &result, &err),
                     0);
        cr_assert_eq(used.count, 2);
        cr_assert_str_eq(used.items[0], "HOME");
        cr_assert_str_eq(used.items[1], "EMPTY");
        cr_assert_eq(unset.count, 3);
        cr_assert(strv_contains(&unset, "A") && strv_contains(&unset, "B") &&
                  strv_contains(&unset, "D"));
        strv_done(&used);
        strv_done(&unset);
        buf_done(&result);
}
