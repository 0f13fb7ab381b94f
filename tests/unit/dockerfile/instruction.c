#include "parse.h"

Test(instruction, finds_words_of_joined_lines_in_their_own_line)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("  RUN first \\\n    second \\\n# comment\nthird");
        struct source_position where = instruction_locate(first(file), "second");

        cr_assert_eq(where.line, 3);
        cr_assert_eq(where.column, 5);
        where = instruction_locate(first(file), "third");
        cr_assert_eq(where.line, 5);
        cr_assert_eq(where.column, 1);
        where = instruction_locate(first(file), "not there");
        cr_assert_eq(where.line, 2);
        cr_assert_eq(where.column, 3);
}

Test(instruction, finds_words_when_the_first_line_is_only_a_backslash)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body("\\\n  RUN one");
        struct source_position where = instruction_locate(first(file), "one");

        cr_assert_eq(where.line, 3);
        cr_assert_eq(where.column, 7);
        cr_assert_str_eq(first(file)->text, "RUN one");
}

Test(instruction, has_the_description_that_a_comment_gives)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("# other is not\n# stage builds it\nFROM a AS stage\nRUN b\n");

        cr_assert_str_eq(instruction_description(&file->instructions[0], "stage"), "builds it");
        cr_assert_null(instruction_description(&file->instructions[0], "stag"));
        cr_assert_null(instruction_description(&file->instructions[1], "stage"));
}
