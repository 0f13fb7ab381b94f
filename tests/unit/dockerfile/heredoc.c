#include "parse.h"

/* The sole file of a COPY: its name, whether it expands, its data. */
static void assert_file(const char *text, const char *name, bool expand, const char *data)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(text);
        const struct instruction_copy *copy = &first(file)->copy;

        cr_assert_eq(copy->file_count, 1);
        cr_assert_str_eq(copy->files[0].name, name);
        cr_assert_eq(copy->files[0].expand, expand);
        cr_assert_str_eq(copy->files[0].data, data);
}

Test(heredoc, ends_with_the_line_that_is_its_name)
{
        assert_file("COPY <<EOF /d\none\n EOF\nEOFF\nEOF\nRUN x", "EOF", true, "one\n EOF\nEOFF\n");
        assert_file("COPY <<EOF /d\nEOF", "EOF", true, "");
        assert_file("COPY <<a.txt /d\r\none\r\na.txt\r\n", "a.txt", true, "one\r\n");
        assert_file("COPY 3<<EOF /d\n# no comment\n\\\n\nEOF\n", "EOF", true,
                    "# no comment\n\\\n\n");
}

Test(heredoc, with_a_quoted_name_is_not_expanded)
{
        assert_file("COPY <<'EOF' /d\n$a\nEOF", "EOF", false, "$a\n");
        assert_file("COPY <<\"EOF\" /d\n$a\nEOF", "EOF", false, "$a\n");
        assert_file("COPY <<E'O'F /d\n$a\nEOF", "EOF", false, "$a\n");
        assert_file("COPY <<E\\OF /d\n$a\nEOF", "EOF", true, "$a\n");
        assert_file("COPY <<$EOF /d\n$EOF", "$EOF", true, "");
}

Test(heredoc, with_a_dash_loses_the_tabs_at_the_start_of_lines)
{
        assert_file("COPY <<-EOF /d\n\t\tone\n\t two\n\tEOF\n", "EOF", true, "one\n two\n");
        assert_file("COPY <<EOF /d\n\tone\n\tEOF\nEOF\n", "EOF", true, "\tone\n\tEOF\n");
}

Test(heredoc, may_stand_several_times_in_a_line)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("COPY <<ONE source <<TWO /d/\nTWO\nONE\nONE\nTWO\nRUN x");
        const struct instruction_copy *copy = &first(file)->copy;

        cr_assert_eq(copy->file_count, 2);
        cr_assert_str_eq(copy->files[0].data, "TWO\n");
        cr_assert_str_eq(copy->files[1].data, "ONE\n");
        assert_words_are(&copy->sources, "source");
        cr_assert_str_eq(copy->destination, "/d/");
        cr_assert_eq(file->instruction_count, 3);
}

Test(heredoc, is_not_seen_in_quotes_nor_where_it_has_no_name)
{
        static const char *const lines[] = { "RUN echo '<<EOF'",   "RUN cat <<<EOF",
                                             "RUN echo $((1<<2))", "RUN a <<",
                                             "RUN a <<-",          "RUN [\"<<EOF\"]",
                                             "USER <<EOF",         "RUN echo it's <<EOF" };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                _cleanup_free_ char *text = NULL;

                cr_assert_gt(asprintf(&text, "%s\nUSER u", lines[i]), 0);
                {
                        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(text);

                        cr_assert_eq(file->instruction_count, 3, "%s", lines[i]);
                }
        }
}

Test(heredoc, may_have_blanks_before_its_name)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN <<  EOF cat > f\none\nEOF\n");

        cr_assert_str_eq(first(file)->run.command.argv.items[0], "<<  EOF cat > f\none\nEOF");
}

Test(heredoc, must_be_ended)
{
        assert_fails_at("FROM a\nRUN x <<EOF\none\n", 2, 7, "not ended");
        assert_fails_at("FROM a\nCOPY <<A <<B /d\nA\nB2\n", 2, 6, "\"B\"");
}

Test(heredoc, cannot_be_a_destination_nor_go_without_a_body)
{
        assert_fails_at("FROM a\nCOPY a <<EOF\nEOF\n", 2, 8, "destination");
        assert_fails_at("FROM a\nCOPY <<EOF it's /d\nEOF\n", 2, 6, "has no body");
}

Test(heredoc, of_a_trigger_becomes_part_of_its_expression)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("ONBUILD COPY <<EOF /d\none\nEOF\nRUN x");

        cr_assert_str_eq(first(file)->onbuild.expression, "COPY <<EOF /d\none\nEOF");
        cr_assert_eq(first(file)->onbuild.trigger->type, INSTRUCTION_COPY);
        cr_assert_eq(file->instruction_count, 3);
}

Test(heredoc, is_limited_in_number)
{
        struct buf text = BUF_INIT;

        buf_append_str(&text, "FROM a\nRUN");
        for (int i = 0; i < 1001; i++)
                buf_append_str(&text, " <<E");
        buf_append_char(&text, '\n');
        for (int i = 0; i < 1001; i++)
                buf_append_str(&text, "E\n");
        assert_fails_at(buf_str(&text), 2, 5, "more than 1000 heredocs");
        buf_done(&text);
}
