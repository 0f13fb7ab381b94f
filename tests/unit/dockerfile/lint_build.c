#include "parse.h"

#include "dockerfile/expand.h"
#include "dockerfile/ignore.h"

/* The warnings of the last stage, one a line: "Rule line". */
static void assert_stage(const char *text, bool shell, const char *expected)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse(text);
        _cleanup_(buf_done) struct buf found = BUF_INIT;
        struct lint_stage_state state = { .shell = shell };

        cr_assert_eq(lint_stage(&file->lint, &file->stages[file->stage_count - 1], &state), 0);
        for (size_t i = 0; i < file->lint.count; i++)
                buf_appendf(&found, "%s %u\n", lint_rule_name(file->lint.warnings[i].rule),
                            file->lint.warnings[i].line);
        cr_assert_str_eq(buf_str(&found), expected, "%s gives\n%s", text, buf_str(&found));
}

Test(lint_build, warns_of_commands_in_the_shell_form)
{
        assert_stage("FROM a\nCMD b", false, "JSONArgsRecommended 2\n");
        assert_stage("FROM a\nENTRYPOINT b", false, "JSONArgsRecommended 2\n");
        assert_stage("FROM a\nCMD [\"b\"]", false, "");
        assert_stage("FROM a\nSHELL [\"b\"]\nCMD b", false, "");
        assert_stage("FROM a\nCMD b", true, "");
        assert_stage("FROM a\nRUN b\nHEALTHCHECK CMD b", false, "");
}

Test(lint_build, warns_of_instructions_without_effect)
{
        assert_stage("FROM a\nCMD [\"b\"]\nCMD [\"c\"]\nCMD [\"d\"]", false,
                     "MultipleInstructionsDisallowed 2\nMultipleInstructionsDisallowed 3\n");
        assert_stage("FROM a\nHEALTHCHECK NONE\nENTRYPOINT []\nCMD []\nHEALTHCHECK NONE", false,
                     "MultipleInstructionsDisallowed 2\n");
        assert_stage("FROM a\nCMD [\"b\"]\nFROM c\nCMD [\"b\"]", false, "");
}

Test(lint_build, warns_of_the_old_form_of_pairs)
{
        assert_stage("FROM a\nENV b c\nLABEL d e\nENV f=g", false,
                     "LegacyKeyValueFormat 2\nLegacyKeyValueFormat 3\n");
}

Test(lint_build, warns_of_names_that_look_like_secrets)
{
        static const char *const secrets[] = { "API_KEY",       "apikey", "TOKEN",
                                               "my_password_x", "AUTH",   "GIT_CREDENTIALS" };
        static const char *const others[] = { "MONKEY",     "TOKENIZER",   "PUBLIC_KEY",
                                              "TOKEN_FILE", "KEY_VERSION", "PASSWORDS",
                                              "x" };

        for (size_t i = 0; i < ARRAY_SIZE(secrets) + ARRAY_SIZE(others); i++) {
                bool secret = i < ARRAY_SIZE(secrets);
                _cleanup_free_ char *text = NULL;
                const char *name = secret ? secrets[i] : others[i - ARRAY_SIZE(secrets)];

                cr_assert_gt(
                        asprintf(&text, "FROM a\nENV %s=1\nARG %s\nLABEL %s=1", name, name, name),
                        0);
                assert_stage(text, false,
                             secret ? "SecretsUsedInArgOrEnv 2\nSecretsUsedInArgOrEnv 3\n" : "");
        }
}

Test(lint_build, warns_of_the_first_workdir_alone)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("FROM a\nWORKDIR b\nWORKDIR c\nFROM a\nWORKDIR /d\nWORKDIR e");
        struct lint_stage_state one = { .workdir = false }, two = { .workdir = false };

        cr_assert_eq(lint_workdir(&file->lint, &file->instructions[1], &one), 0);
        cr_assert_eq(lint_workdir(&file->lint, &file->instructions[2], &one), 0);
        cr_assert_eq(lint_workdir(&file->lint, &file->instructions[4], &two), 0);
        cr_assert_eq(lint_workdir(&file->lint, &file->instructions[5], &two), 0);
        cr_assert_eq(file->lint.count, 1);
        cr_assert_eq(file->lint.warnings[0].rule, LINT_WORKDIR_RELATIVE_PATH);
        cr_assert_eq(file->lint.warnings[0].line, 2);
}

Test(lint_build, warns_of_variables_that_are_not_defined)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body("COPY $PAHT $X $D /");
        char *unset_items[] = { (char *)"PAHT", (char *)"X", (char *)"D", NULL };
        char *declared_items[] = { (char *)"D", NULL };
        char *environment_items[] = { (char *)"PATH=/bin", NULL };
        struct strv unset = { .items = unset_items, .count = 3 };
        struct strv declared = { .items = declared_items, .count = 1 };
        struct strv environment = { .items = environment_items, .count = 1 };

        cr_assert_eq(
                lint_undefined_variables(&file->lint, first(file), &unset, &declared, &environment),
                0);
        cr_assert_eq(file->lint.count, 2);
        cr_assert_not_null(strstr(file->lint.warnings[0].message, "$PAHT"));
        cr_assert_not_null(strstr(file->lint.warnings[0].message, "did you mean $PATH?"));
        cr_assert_null(strstr(file->lint.warnings[1].message, "did you mean"));
}

/* The warnings of the first FROM, with TARGETPLATFORM and V set and W declared. */
static void assert_from(const char *text, const char *expected)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse(text);
        _cleanup_(buf_done) struct buf found = BUF_INIT;
        char *values[] = { (char *)"TARGETPLATFORM=linux/amd64", (char *)"V=1",
                           (char *)"E=", NULL };
        char *names[] = { (char *)"TARGETPLATFORM", (char *)"VERSION", (char *)"W", NULL };
        struct strv globals = { .items = values, .count = 3 };
        struct strv declared = { .items = names, .count = 3 };
        struct expander expander = { .escape = '\\',
                                     .lookup = expand_lookup_strv,
                                     .variables = &globals };

        cr_assert_eq(lint_from(&file->lint, file->stages[0].from, &expander, &declared), 0);
        for (size_t i = 0; i < file->lint.count; i++)
                buf_appendf(&found, "%s\n", lint_rule_name(file->lint.warnings[i].rule));
        cr_assert_str_eq(buf_str(&found), expected, "%s gives\n%s", text, buf_str(&found));
}

Test(lint_build, warns_of_from)
{
        assert_from("FROM a:$V", "");
        assert_from("FROM a:$W", "");
        assert_from("FROM a:$VERSOIN", "UndefinedArgInFrom\n");
        assert_from("FROM a:${U:-x}", "UndefinedArgInFrom\n");
        assert_from("FROM --platform=$TARGETPLATFORM a", "RedundantTargetPlatform\n");
        assert_from("FROM --platform=${TARGETPLATFORM}x a", "");
        assert_from("FROM --platform=$TARGETPLATFORM$E a", "");
        assert_from("FROM --platform=$P a", "UndefinedArgInFrom\n");
        assert_from("FROM --platform=linux/amd64 a", "FromPlatformFlagConstDisallowed\n");
        assert_from("FROM --platform=linux/amd64 a AS build_amd64", "");
        assert_from("FROM --platform=$V a", "");
        assert_from("FROM ${", "");
}

Test(lint_build, warns_of_ports)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body("EXPOSE 80");
        static const struct {
                const char *word;
                size_t warnings;
        } cases[] = { { "80", 0 },      { "80/tcp", 0 },      { "80/TCP", 1 },
                      { "8080:80", 1 }, { "1.2.3.4::80", 1 }, { "1.2.3.4:80:80/Udp", 2 } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t before = file->lint.count;

                cr_assert_eq(lint_port(&file->lint, first(file), cases[i].word), 0);
                cr_assert_eq(file->lint.count - before, cases[i].warnings, "%s", cases[i].word);
        }
}

static size_t count_ignored(const char *ignore_text, const char *source)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body("COPY a b");
        struct error err = ERROR_INIT;
        struct ignore *ignore;
        unsigned int line;

        cr_assert_eq(ignore_parse(ignore_text, strlen(ignore_text), &ignore, &line, &err), 0);
        cr_assert_eq(lint_copy_source(&file->lint, first(file), source, ignore), 0);
        ignore_free(ignore);
        return file->lint.count;
}

Test(lint_build, warns_of_sources_that_are_ignored)
{
        cr_assert_eq(count_ignored("tmp", "tmp/a"), 1);
        cr_assert_eq(count_ignored("tmp", "/tmp/./a/"), 1);
        cr_assert_eq(count_ignored("tmp", "src"), 0);
        cr_assert_eq(count_ignored("tmp\n!tmp/a", "tmp"), 0);
        cr_assert_eq(count_ignored("*", "."), 1);
        cr_assert_eq(count_ignored("**", "/"), 1);
        cr_assert_eq(count_ignored("a*", "."), 0);
}

Test(lint_build, records_what_the_builder_finds)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse("FROM a:$V");

        cr_assert_eq(lint_from_without_arguments(&file->lint, file->stages[0].from), 0);
        cr_assert_eq(lint_base_platform(&file->lint, file->stages[0].from, "a:1", "linux/amd64",
                                        "linux/arm64"),
                     0);
        cr_assert_eq(file->lint.count, 2);
        cr_assert_eq(file->lint.warnings[0].rule, LINT_INVALID_DEFAULT_ARG_IN_FROM);
        cr_assert_not_null(strstr(file->lint.warnings[0].message, "a:$V"));
        cr_assert_eq(file->lint.warnings[1].rule, LINT_INVALID_BASE_IMAGE_PLATFORM);
}
