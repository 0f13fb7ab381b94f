#include "parse.h"

Test(parse_copy, takes_sources_and_a_destination)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body("COPY a b/* $c /d/");

        assert_words_are(&first(file)->copy.sources, "a", "b/*", "$c");
        cr_assert_str_eq(first(file)->copy.destination, "/d/");
        assert_fails_at("FROM a\nCOPY", 2, 1, "COPY needs a source and a destination");
        assert_fails_at("FROM a\nADD b", 2, 1, "ADD needs a source and a destination");
        assert_fails_at("FROM a\nCOPY [\"b\"]", 2, 1, "COPY needs a source");
}

Test(parse_copy, knows_the_flags_of_copy)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("COPY --from=0 --chown=1:2 --chmod=u=rwX --link --parents "
                           "--exclude=*.o --exclude=**/x a b");
        const struct instruction_copy *copy = &first(file)->copy;

        cr_assert_str_eq(copy->from, "0");
        cr_assert_str_eq(copy->chown, "1:2");
        cr_assert_str_eq(copy->chmod, "u=rwX");
        cr_assert(copy->link && copy->parents);
        assert_words_are(&copy->excludes, "*.o", "**/x");
}

Test(parse_copy, knows_the_flags_of_add)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("ADD --checksum=sha256:12 --keep-git-dir=false --unpack --link a b\n"
                           "ADD a b");
        const struct instruction_copy *copy = &first(file)->copy;

        cr_assert_str_eq(copy->checksum, "sha256:12");
        cr_assert_eq(copy->keep_git_dir, CHOICE_NO);
        cr_assert_eq(copy->unpack, CHOICE_YES);
        cr_assert(copy->link && !copy->parents);
        copy = &file->instructions[2].copy;
        cr_assert_eq(copy->keep_git_dir, CHOICE_UNSET);
        cr_assert_eq(copy->unpack, CHOICE_UNSET);
        cr_assert_null(copy->checksum);
        cr_assert_null(copy->from);
}

Test(parse_copy, takes_no_variables_in_from)
{
        assert_fails_at("FROM a\nCOPY --from=$b c d", 2, 13, "does not take variables");
        assert_fails_at("FROM a\nCOPY --from=${b:-c} c d", 2, 13, "does not take variables");
}
