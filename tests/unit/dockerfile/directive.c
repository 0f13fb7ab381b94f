#include "parse.h"

Test(directive, reads_syntax_escape_and_check_at_the_top)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("# syntax = docker/dockerfile:1 # newest\n"
                      "#escape=`\n"
                      "  # CHECK = skip=JSONArgsRecommended;error=true\n"
                      "FROM a\n"
                      "RUN one `\n"
                      "  two\n");

        cr_assert_str_eq(file->syntax, "docker/dockerfile:1");
        cr_assert_eq(file->escape, '`');
        cr_assert(file->lint.options.error);
        cr_assert_eq(file->lint.options.skipped, 1u << LINT_JSON_ARGS_RECOMMENDED);
        cr_assert_str_eq(first(file)->run.command.argv.items[0], "one   two");
}

Test(directive, ends_with_the_first_line_that_is_none)
{
        static const char *const before[] = {
                "# a comment\n", "\n", "# unknown=x\n", "#\n", "#!/usr/bin/docker build\n",
                "ARG X=1\n"
        };

        for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
                _cleanup_free_ char *text = NULL;

                cr_assert_gt(asprintf(&text, "%s# escape=`\nFROM a\n", before[i]), 0);
                {
                        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse(text);

                        cr_assert_eq(file->escape, '\\', "after %s", before[i]);
                }
        }
}

Test(directive, is_an_error_when_given_twice_or_with_another_escape)
{
        assert_fails_at("# escape=`\n# escape=\\\nFROM a\n", 2, 0, "twice");
        assert_fails_at("# syntax=a\n# Syntax=b\nFROM a\n", 2, 0, "twice");
        assert_fails_at("# escape=^\nFROM a\n", 1, 0, "\\ or `");
        assert_fails_at("# check=skip\nFROM a\n", 1, 0, "no value");
        assert_fails_at("# check=error=maybe\nFROM a\n", 1, 0, "true or false");
        assert_fails_at("# check=bad=x\nFROM a\n", 1, 0, "unknown check option");
}

Test(directive, comes_after_a_byte_order_mark)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("\xef\xbb\xbf# escape=`\nFROM a\n");

        cr_assert_eq(file->escape, '`');
}
