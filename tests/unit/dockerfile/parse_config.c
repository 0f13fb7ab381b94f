#include "parse.h"

Test(parse_config, reads_pairs_in_the_new_form)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("LABEL \"a b\"=c d='e'\nENV x=\"y\" \\\n    z=$q");
        const struct key_values *pairs = &first(file)->pairs;

        cr_assert_eq(pairs->count, 2);
        cr_assert_str_eq(pairs->items[0].key, "\"a b\"");
        cr_assert_str_eq(pairs->items[0].value, "c");
        cr_assert_str_eq(pairs->items[1].value, "'e'");
        cr_assert(!pairs->items[0].legacy);
        cr_assert_eq(file->instructions[2].pairs.count, 2);
}

Test(parse_config, reads_one_pair_in_the_old_form)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("ENV a  b=c  \"d\" \nLABEL e f");
        const struct key_value *pair = &first(file)->pairs.items[0];

        cr_assert_eq(first(file)->pairs.count, 1);
        cr_assert_str_eq(pair->key, "a");
        cr_assert_str_eq(pair->value, "b=c  \"d\"");
        cr_assert(pair->legacy);
}

Test(parse_config, refuses_pairs_without_a_name_or_a_value)
{
        assert_fails_at("FROM a\nENV", 2, 1, "needs an argument");
        assert_fails_at("FROM a\nENV b", 2, 5, "needs a name and a value");
        assert_fails_at("FROM a\nENV b=c d", 2, 9, "no \"=\" in \"d\"");
        assert_fails_at("FROM a\nLABEL =b", 2, 7, "no name before the \"=\"");
        assert_fails_at("FROM a\nENV b=c \\\n  =d", 3, 3, "no name before the \"=\"");
        assert_fails_at("FROM a\nARG =b", 2, 5, "no name before the \"=\"");
        assert_fails_at("FROM a\nARG", 2, 1, "needs an argument");
}

Test(parse_config, reads_arguments_with_and_without_a_default)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("# b is a thing\nARG a b=\"x y\" c=");
        const struct key_values *pairs = &first(file)->pairs;

        cr_assert_eq(pairs->count, 3);
        cr_assert_str_eq(pairs->items[0].key, "a");
        cr_assert_null(pairs->items[0].value);
        cr_assert_str_eq(pairs->items[1].value, "\"x y\"");
        cr_assert_str_eq(pairs->items[2].value, "");
        cr_assert_str_eq(instruction_description(first(file), "b"), "is a thing");
}

Test(parse_config, reads_from_with_a_name_and_a_platform)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("FROM --platform=$P a:b@sha256:c aS Build-1.x_y\nFROM scratch");
        const struct instruction_from *from = &file->instructions[0].from;

        cr_assert_str_eq(from->base, "a:b@sha256:c");
        cr_assert_str_eq(from->platform, "$P");
        cr_assert_str_eq(from->name, "build-1.x_y");
        cr_assert_str_eq(from->as_written, "Build-1.x_y");
        cr_assert_str_eq(from->as, "aS");
        cr_assert_null(file->instructions[1].from.name);
        cr_assert_null(file->instructions[1].from.platform);
}

Test(parse_config, refuses_from_with_a_bad_name_or_number_of_words)
{
        assert_fails_at("FROM", 1, 1, "FROM takes an image");
        assert_fails_at("FROM a b", 1, 6, "FROM takes an image");
        assert_fails_at("FROM a like b", 1, 6, "FROM takes an image");
        assert_fails_at("FROM a AS b c", 1, 6, "FROM takes an image");
        assert_fails_at("FROM a AS 9b", 1, 11, "\"9b\" cannot be the name");
        assert_fails_at("FROM a AS b/c", 1, 11, "cannot be the name");
        assert_fails_at("FROM a AS b$c", 1, 11, "cannot be the name");
}

Test(parse_config, reads_single_values_to_the_end_of_the_line)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("WORKDIR  /a  b \nUSER $u:g\nSTOPSIGNAL SIGINT\nMAINTAINER A <a@b>");
        static const char *const values[] = { "/a  b", "$u:g", "SIGINT", "A <a@b>" };

        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                cr_assert_str_eq(file->instructions[i + 1].value, values[i]);
        assert_fails_at("FROM a\nWORKDIR", 2, 1, "WORKDIR needs an argument");
        assert_fails_at("FROM a\nUSER ", 2, 1, "USER needs an argument");
}

Test(parse_config, sorts_ports)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("EXPOSE 9000/udp 80 $p 443");

        assert_words_are(&first(file)->words, "$p", "443", "80", "9000/udp");
        assert_fails_at("FROM a\nEXPOSE", 2, 1, "EXPOSE needs an argument");
}

Test(parse_config, reads_volumes)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body("VOLUME /a /b");

        assert_words_are(&first(file)->words, "/a", "/b");
        assert_fails_at("FROM a\nVOLUME", 2, 1, "VOLUME needs an argument");
        assert_fails_at("FROM a\nVOLUME []", 2, 1, "VOLUME needs an argument");
        assert_fails_at("FROM a\nVOLUME [\" \"]", 2, 1, "empty path");
}
