#include "parse.h"

static void assert_run(const char *text, const char *command)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(text);

        cr_assert_eq(first(file)->type, INSTRUCTION_RUN);
        cr_assert_str_eq(first(file)->run.command.argv.items[0], command);
}

Test(lexer, joins_lines_that_end_with_a_backslash)
{
        assert_run("RUN a \\\n b", "a  b");
        assert_run("RUN a\\\nb", "ab");
        assert_run("RUN a \\ \t\n b\n", "a  b");
        assert_run("RUN a \\\r\n b\r\n", "a  b");
        assert_run("RUN a \\", "a");
        assert_run("RUN a \\\\\nUSER b\n", "a \\\\");
        assert_run("RUN a \\\\\\\nUSER b\n", "a \\\\\\");
}

Test(lexer, leaves_comments_out_between_joined_lines)
{
        assert_run("RUN a \\\n# comment\n  # another \\\n b\n", "a  b");
        assert_run("RUN a # no comment \\\n b\n", "a # no comment  b");
}

Test(lexer, passes_over_empty_lines_between_joined_lines_with_a_warning)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN a \\\n\n \t\n b\nRUN c\n");

        cr_assert_str_eq(first(file)->run.command.argv.items[0], "a  b");
        cr_assert_eq(file->lint.count, 1);
        cr_assert_eq(file->lint.warnings[0].rule, LINT_NO_EMPTY_CONTINUATION);
        cr_assert_eq(file->lint.warnings[0].line, 3);
}

Test(lexer, drops_leading_space_of_instructions_and_empty_lines)
{
        assert_run("\n\n \t RUN a", "a");
        assert_run("\xc2\xa0RUN a", "a");
}

Test(lexer, knows_the_lines_of_each_instruction)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("# one\nFROM a\n\nRUN b \\\n  # three\n  c\n\nCOPY <<E /d\nx\nE\nUSER u");
        static const unsigned int lines[][2] = { { 2, 2 }, { 4, 6 }, { 8, 10 }, { 11, 11 } };

        cr_assert_eq(file->instruction_count, ARRAY_SIZE(lines));
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                cr_assert_eq(file->instructions[i].first_line, lines[i][0]);
                cr_assert_eq(file->instructions[i].last_line, lines[i][1]);
        }
}

Test(lexer, keeps_the_comments_right_before_an_instruction)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("# dropped\n#\n#  stage builds it  \n  # second\nFROM a AS stage\nRUN b\n");

        assert_words_are(&file->instructions[0].comments, "stage builds it", "second");
        cr_assert_eq(file->instructions[1].comments.count, 0);
}

Test(lexer, refuses_lines_that_are_too_long)
{
        size_t len = DOCKERFILE_LINE_MAX;
        _cleanup_free_ char *line = malloc(len + 64);
        char *end = stpcpy(line, "FROM a\nRUN ");

        memset(end, 'x', len - 4);
        strcpy(end + len - 4, "\nRUN b\n");
        dockerfile_free(parse(line));
        memset(end, 'x', len - 3);
        strcpy(end + len - 3, "\nRUN b\n");
        assert_fails_at(line, 2, 0, "longer than 65535 bytes");
}

Test(lexer, says_so_when_a_line_goes_on_to_nothing)
{
        assert_fails_at("FROM a\n\\\n\n", 2, 1, "no instruction");
}
