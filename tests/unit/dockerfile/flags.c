#include "parse.h"

Test(flags, stand_before_the_arguments)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("COPY --chown=a:b \\\n  --link --from=x a --chmod=1 /d");
        const struct instruction_copy *copy = &first(file)->copy;

        cr_assert_str_eq(copy->chown, "a:b");
        cr_assert_str_eq(copy->from, "x");
        cr_assert(copy->link);
        cr_assert_null(copy->chmod);
        assert_words_are(&copy->sources, "a", "--chmod=1");
}

Test(flags, have_their_quotes_and_escapes_resolved)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(
                "COPY --chown=\"a b\" --chmod=7'5'5 --exclude=a\\ b --exclude=\\\"c a /d");
        const struct instruction_copy *copy = &first(file)->copy;

        cr_assert_str_eq(copy->chown, "a b");
        cr_assert_str_eq(copy->chmod, "755");
        assert_words_are(&copy->excludes, "a b", "\"c");
}

Test(flags, end_with_two_dashes)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN --network=none -- --mount=x y");

        cr_assert_eq(first(file)->run.network, RUN_NETWORK_NONE);
        cr_assert_str_eq(first(file)->run.command.argv.items[0], "--mount=x y");
}

Test(flags, that_are_true_or_false_take_a_value_in_any_case)
{
        static const struct {
                const char *text;
                bool link;
        } cases[] = { { "--link", true }, { "--link=TRUE", true }, { "--link=False", false } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = NULL;

                cr_assert_gt(asprintf(&text, "COPY %s a b", cases[i].text), 0);
                {
                        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(text);

                        cr_assert_eq(first(file)->copy.link, cases[i].link);
                }
        }
        assert_fails_at("FROM a\nCOPY --link=yes a b", 2, 6, "true or false");
        assert_fails_at("FROM a\nCOPY --link= a b", 2, 6, "true or false");
}

Test(flags, that_are_unknown_doubled_or_without_a_value_are_refused)
{
        assert_fails_at("FROM a\nCOPY --form=x a b", 2, 6, "--form (did you mean --from?)");
        assert_fails_at("FROM a\nCOPY --link --nonsense a b", 2, 13, "unknown flag --nonsense");
        assert_fails_at("FROM a\nADD --from=x a b", 2, 5, "unknown flag --from");
        assert_fails_at("FROM a\nCOPY --from=x --from=y a b", 2, 15, "twice");
        assert_fails_at("FROM a\nCOPY --from a b", 2, 6, "needs a value");
        assert_fails_at("FROM a\nUSER --x y", 2, 6, "unknown flag --x");
        assert_fails_at("FROM a\nARG --x y", 2, 5, "unknown flag --x");
        assert_fails_at("FROM a\nSTOPSIGNAL --x 9", 2, 12, "unknown flag --x");
        assert_fails_at("FROM a\nRUN \\\n  --mont=type=bind true", 3, 3, "did you mean --mount");
}

Test(flags, may_have_an_empty_value)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body("COPY --chown= a b");

        cr_assert_str_eq(first(file)->copy.chown, "");
}
