#include "parse.h"

static void assert_env(const char *text, size_t count, const char *const (*pairs)[2])
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(text);
        const struct key_values *found = &first(file)->pairs;

        cr_assert_eq(found->count, count, "%s: %zu pairs", text, found->count);
        for (size_t i = 0; i < count; i++) {
                cr_assert_str_eq(found->items[i].key, pairs[i][0]);
                cr_assert_str_eq(found->items[i].value, pairs[i][1]);
        }
}

#define assert_pairs(text, ...)                                                 \
        assert_env(text, ARRAY_SIZE(((const char *const[][2]){ __VA_ARGS__ })), \
                   (const char *const[][2]){ __VA_ARGS__ })

Test(words, are_split_at_spaces_that_are_not_quoted_nor_escaped)
{
        assert_pairs("ENV a=1 b=2", { "a", "1" }, { "b", "2" });
        assert_pairs("ENV a=\"x y\" b='p q'", { "a", "\"x y\"" }, { "b", "'p q'" });
        assert_pairs("ENV a=x\\ y b=", { "a", "x\\ y" }, { "b", "" });
        assert_pairs("ENV a=\"x\\\" y\"", { "a", "\"x\\\" y\"" });
        assert_pairs("ENV a='x\\' b=2", { "a", "'x\\'" }, { "b", "2" });
        assert_pairs("ENV a=\"open b=2", { "a", "\"open b=2" });
        assert_pairs("ENV a=f\xc3\xb6\xc3\xb6\xc2\xa0"
                     "b=2",
                     { "a", "f\xc3\xb6\xc3\xb6" }, { "b", "2" });
        assert_pairs("ENV a=b=c", { "a", "b=c" });
}

Test(words, lose_an_escape_with_nothing_behind_it)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("# escape=`\nFROM a\nENV b=c\\ `");

        cr_assert_eq(first(file)->pairs.count, 1);
        cr_assert_str_eq(first(file)->pairs.items[0].value, "c\\");
}

Test(words, of_copy_are_split_at_blanks_whatever_the_quotes)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("COPY \"a b\"\tc\v\fd  /e");

        assert_words_are(&first(file)->copy.sources, "\"a", "b\"", "c", "d");
        cr_assert_str_eq(first(file)->copy.destination, "/e");
}

Test(words, of_mounts_may_be_quoted_as_in_csv)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN --mount=\\\"target=/a,b\\\",source=c true");
        const struct run_mount *mount = &first(file)->run.mounts[0];

        cr_assert_str_eq(mount->target, "/a,b");
        cr_assert_str_eq(mount->source, "c");
        assert_fails_at("FROM a\nRUN --mount=target=/a\\\"b true", 2, 5, "quote");
        assert_fails_at("FROM a\nRUN --mount=\\\"target=/a\\\"b true", 2, 5, "comma");
        assert_fails_at("FROM a\nRUN --mount=\\\"target=/a true", 2, 14, "comma");
}
