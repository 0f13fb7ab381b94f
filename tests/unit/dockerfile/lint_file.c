#include "parse.h"

static void assert_warns(const char *text, enum lint_rule rule, unsigned int line,
                         const char *message)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse(text);
        const struct lint_warning *warning = file->lint.warnings;

        cr_assert_eq(file->lint.count, 1, "%zu warnings for\n%s", file->lint.count, text);
        cr_assert_str_eq(lint_rule_name(warning->rule), lint_rule_name(rule));
        cr_assert_eq(warning->line, line);
        cr_assert_not_null(strstr(warning->message, message), "%s", warning->message);
}

static void assert_silent(const char *text)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse(text);

        cr_assert_eq(file->lint.count, 0, "%s: %s", text, file->lint.warnings[0].message);
}

Test(lint_file, warns_of_the_case_of_stages_and_keywords)
{
        assert_warns("FROM a AS Build", LINT_STAGE_NAME_CASING, 1, "\"Build\"");
        assert_warns("FROM a as b", LINT_FROM_AS_CASING, 1, "\"FROM\" and \"as\"");
        assert_warns("from a AS b", LINT_FROM_AS_CASING, 1, "\"from\" and \"AS\"");
        assert_silent("FROM a AS b\nFROM c AS d");
        assert_silent("from a as b");
}

Test(lint_file, warns_of_instructions_in_another_case_than_most)
{
        assert_warns("FROM a\nRUN b\nrun c", LINT_CONSISTENT_INSTRUCTION_CASING, 3, "\"run\"");
        assert_warns("from a\nrun b\nRun c", LINT_CONSISTENT_INSTRUCTION_CASING, 3, "\"Run\"");
        assert_warns("FROM a\nrun b", LINT_CONSISTENT_INSTRUCTION_CASING, 2, "upper");
        assert_silent("arg x\nFROM a\nRUN b");
}

Test(lint_file, warns_of_names_that_are_taken)
{
        assert_warns("FROM a AS b\nFROM c AS b", LINT_DUPLICATE_STAGE_NAME, 2, "line 1");
        assert_warns("FROM a AS scratch", LINT_RESERVED_STAGE_NAME, 1, "\"scratch\"");
        assert_warns("FROM a AS context", LINT_RESERVED_STAGE_NAME, 1, "\"context\"");
}

Test(lint_file, warns_of_maintainers_and_empty_lines)
{
        assert_warns("FROM a\nMAINTAINER b", LINT_MAINTAINER_DEPRECATED, 2, "LABEL");
        assert_warns("FROM a\nRUN b \\\n\n c", LINT_NO_EMPTY_CONTINUATION, 3, "RUN");
}

Test(lint_file, checks_descriptions_only_when_asked_to)
{
        assert_silent("# something\nFROM a AS b");
        assert_warns("# check=experimental=all\n# something\nFROM a AS b",
                     LINT_INVALID_DEFINITION_DESCRIPTION, 3, "# b <description>");
        assert_warns("# check=experimental=InvalidDefinitionDescription\n# x is\nARG y z\nFROM a",
                     LINT_INVALID_DEFINITION_DESCRIPTION, 3, "<name>");
        assert_silent("# check=experimental=all\n# b builds it\nFROM a AS b\n# c\nARG c=1");
        assert_silent("# check=experimental=all\n# something\n#\nFROM a AS b");
        assert_silent("# check=experimental=all\n# something\nFROM a");
}
