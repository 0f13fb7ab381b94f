#include "parse.h"

#include <errno.h>

Test(lint, has_a_name_and_a_description_for_each_rule)
{
        for (int i = 0; i < LINT_RULE_COUNT; i++) {
                cr_assert_gt(strlen(lint_rule_name((enum lint_rule)i)), 8);
                cr_assert_gt(strlen(lint_rule_description((enum lint_rule)i)), 8);
                for (int j = 0; j < i; j++)
                        cr_assert_str_neq(lint_rule_name((enum lint_rule)i),
                                          lint_rule_name((enum lint_rule)j));
        }
        cr_assert_eq(LINT_RULE_COUNT, 22);
}

Test(lint, reads_options)
{
        struct lint_options options;
        struct error err = ERROR_INIT;

        cr_assert_eq(lint_options_parse("skip= FromAsCasing , UndefinedVar,NoSuchRule ;error=1",
                                        &options, &err),
                     0);
        cr_assert_eq(options.skipped, 1u << LINT_FROM_AS_CASING | 1u << LINT_UNDEFINED_VAR);
        cr_assert(options.error);
        cr_assert_eq(options.experimental, 0);
        cr_assert_eq(lint_options_parse("skip=all;experimental=all", &options, &err), 0);
        cr_assert_eq(options.skipped, UINT32_MAX);
        cr_assert_eq(options.experimental, UINT32_MAX);
        cr_assert_eq(lint_options_parse("", &options, &err), 0);
        cr_assert_eq(options.skipped, 0);
        cr_assert_eq(lint_options_parse("skip", &options, &err), -EINVAL);
        err = ERROR_INIT;
        cr_assert_eq(lint_options_parse("other=1", &options, &err), -EINVAL);
        err = ERROR_INIT;
        cr_assert_eq(lint_options_parse("error=averylongvaluethatisnobool", &options, &err),
                     -EINVAL);
}

static size_t count_warnings(const char *text, const struct lint_options *options)
{
        struct source_position where;
        struct error err = ERROR_INIT;
        struct dockerfile *file;
        size_t count;

        cr_assert_eq(dockerfile_parse(text, strlen(text), options, &file, &where, &err), 0);
        count = file->lint.count;
        dockerfile_free(file);
        return count;
}

Test(lint, skips_rules_for_the_file_or_for_one_instruction)
{
        struct lint_options none = { .skipped = 0 }, all = { .skipped = UINT32_MAX };

        cr_assert_eq(count_warnings("FROM a\nMAINTAINER b\n", NULL), 1);
        cr_assert_eq(count_warnings("# check=skip=all\nFROM a\nMAINTAINER b\n", NULL), 0);
        cr_assert_eq(
                count_warnings("# check=skip=MaintainerDeprecated\nFROM a\nMAINTAINER b\n", NULL),
                0);
        cr_assert_eq(count_warnings("# check=skip=all\nFROM a\nMAINTAINER b\n", &none), 1);
        cr_assert_eq(count_warnings("FROM a\nMAINTAINER b\n", &all), 0);
        cr_assert_eq(count_warnings("FROM a\n# check=skip=MaintainerDeprecated\nMAINTAINER b\n"
                                    "MAINTAINER c\n",
                                    NULL),
                     1);
        cr_assert_eq(count_warnings("FROM a\n# Check = skip=all more\nMAINTAINER b\n", NULL), 0);
        cr_assert_eq(count_warnings("FROM a\n# check=nonsense\nMAINTAINER b\n", NULL), 1);
}

Test(lint, records_no_more_than_its_limit)
{
        struct buf text = BUF_INIT;

        buf_append_str(&text, "FROM a\n");
        for (int i = 0; i < LINT_WARNINGS_MAX + 10; i++)
                buf_append_str(&text, "MAINTAINER b\n");
        cr_assert_eq(count_warnings(buf_str(&text), NULL), LINT_WARNINGS_MAX);
        buf_done(&text);
}

Test(lint, stays_fast_with_many_comments_and_pairs, .timeout = 60)
{
        struct buf text = BUF_INIT;
        struct lint_stage_state state = { .shell = false };
        struct dockerfile *file;

        buf_append_str(&text, "FROM a\n");
        for (int i = 0; i < 1000000; i++)
                buf_append_str(&text, "#a\n");
        buf_append_str(&text, "# check=skip=all\nENV");
        for (int i = 0; i < 500000; i++)
                buf_append_str(&text, i % 5000 ? " KEY=1" : " KEY=1 \\\n");
        file = parse(buf_str(&text));
        cr_assert_eq(lint_stage(&file->lint, &file->stages[0], &state), 0);
        cr_assert_eq(file->lint.count, 0);
        dockerfile_free(file);
        buf_done(&text);
}
