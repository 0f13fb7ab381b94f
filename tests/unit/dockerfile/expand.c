#include "parse.h"

#include "dockerfile/expand.h"

#include <errno.h>

static char *variables[] = { (char *)"A=x y", (char *)"B=", (char *)"S=SIGINT",
                             (char *)"P=80 81/udp", NULL };
static const struct strv environment = { .items = variables, .count = 4 };

/* The expansion of the one instruction after FROM; what it needs lives until the test ends. */
static const struct instruction *expand(struct dockerfile *file, struct arena *arena)
{
        struct expander expander = {
                .escape = file->escape,
                .lookup = expand_lookup_strv,
                .variables = &environment,
        };
        struct source_position where;
        struct error err = ERROR_INIT;
        struct instruction *expanded = NULL;

        cr_assert_eq(instruction_expand(first(file), &expander, arena, &expanded, &where, &err), 0,
                     "%s", err.message);
        return expanded;
}

#define with_expanded(name, text)                                                        \
        _cleanup_(cleanup_dockerfile) struct dockerfile *name##_file = parse_body(text); \
        _cleanup_(arena_done) struct arena name##_arena = ARENA_INIT;                    \
        const struct instruction *name = expand(name##_file, &name##_arena)

static void assert_fails_to_expand(const char *text, unsigned int line, unsigned int column,
                                   const char *message)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse(text);
        _cleanup_(arena_done) struct arena arena = ARENA_INIT;
        struct expander expander = { .escape = '\\',
                                     .lookup = expand_lookup_strv,
                                     .variables = &environment };
        struct source_position where;
        struct error err = ERROR_INIT;
        struct instruction *expanded;
        const struct instruction *last = &file->instructions[file->instruction_count - 1];

        cr_assert_eq(instruction_expand(last, &expander, &arena, &expanded, &where, &err), -EINVAL);
        cr_assert_not_null(strstr(err.message, message), "%s", err.message);
        cr_assert_eq(where.line, line);
        cr_assert_eq(where.column, column);
}

Test(expand, copy_sources_destination_and_owner)
{
        with_expanded(copy, "COPY --chown=$S --chmod=${X:-755} --exclude=$A $A '$A' b$B \"/c$B\"");

        cr_assert_str_eq(copy->copy.chown, "SIGINT");
        cr_assert_str_eq(copy->copy.chmod, "755");
        assert_words_are(&copy->copy.excludes, "$A");
        assert_words_are(&copy->copy.sources, "x y", "$A", "b");
        cr_assert_str_eq(copy->copy.destination, "/c");
}

Test(expand, options_that_come_to_nothing_are_not_given)
{
        with_expanded(copy, "COPY --chown=$B --chmod=$B a b\n");
        with_expanded(add, "ADD --checksum=$B --chmod= https://a.example/a b\n");

        cr_assert_null(copy->copy.chown);
        cr_assert_null(copy->copy.chmod);
        cr_assert_null(add->copy.checksum);
        cr_assert_null(add->copy.chmod);
}

Test(expand, files_written_in_the_dockerfile)
{
        with_expanded(plain, "COPY <<E /d\n$A \"$A\" '$A' \\$A \\\\ \\n\n${B:-z}\nE\n");
        with_expanded(quoted, "COPY <<'E' /d\n$A\nE\n");

        cr_assert_str_eq(plain->copy.files[0].data, "x y \"x y\" 'x y' $A \\ n\nz\n");
        cr_assert_str_eq(quoted->copy.files[0].data, "$A\n");
}

Test(expand, files_that_are_longer_than_a_word_may_be)
{
        _cleanup_(buf_done) struct buf text = BUF_INIT;

        buf_append_str(&text, "COPY <<E /d\n$S\n");
        for (size_t i = 0; i < EXPAND_RESULT_MAX / 8; i++)
                buf_append_str(&text, "1234567 890\n");
        buf_append_str(&text, "E\n");
        {
                with_expanded(copy, buf_str(&text));

                cr_assert_eq(strncmp(copy->copy.files[0].data, "SIGINT\n1234567", 14), 0);
                cr_assert_eq(strlen(copy->copy.files[0].data), EXPAND_RESULT_MAX / 8 * 12 + 7);
        }
}

Test(expand, names_and_values_of_env_and_label)
{
        with_expanded(env, "ENV a=$A \"b c\"='$A' d$B=e\\ f");
        with_expanded(legacy, "ENV a b  $A \"c\"");
        with_expanded(label, "LABEL $S=\"q $A\"");

        cr_assert_str_eq(env->pairs.items[0].value, "x y");
        cr_assert_str_eq(env->pairs.items[1].key, "b c");
        cr_assert_str_eq(env->pairs.items[1].value, "$A");
        cr_assert_str_eq(env->pairs.items[2].key, "d");
        cr_assert_str_eq(env->pairs.items[2].value, "e f");
        cr_assert_str_eq(legacy->pairs.items[0].value, "b  x y c");
        cr_assert_str_eq(label->pairs.items[0].key, "SIGINT");
        cr_assert_str_eq(label->pairs.items[0].value, "q x y");
}

Test(expand, ports_into_as_many_as_there_are)
{
        with_expanded(ports, "EXPOSE $P $B 90 \"$P\"");

        assert_words_are(&ports->words, "80 81/udp", "80", "81/udp", "90");
}

Test(expand, single_values)
{
        with_expanded(workdir, "WORKDIR /$A/'z'");
        with_expanded(user, "USER ${B:-u}:g");
        with_expanded(volume, "VOLUME [\"/$A\"]");
        with_expanded(stop, "STOPSIGNAL $S");

        cr_assert_str_eq(workdir->value, "/x y/z");
        cr_assert_str_eq(user->value, "u:g");
        assert_words_are(&volume->words, "/x y");
        cr_assert_str_eq(stop->value, "SIGINT");
}

Test(expand, image_and_platform_of_from)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("ARG A\nFROM --platform=linux/${S} i:${B:-l} AS n");
        _cleanup_(arena_done) struct arena arena = ARENA_INIT;
        const struct instruction *from = expand(file, &arena);

        cr_assert_str_eq(from->from.base, "i:l");
        cr_assert_str_eq(from->from.platform, "linux/SIGINT");
        cr_assert_str_eq(from->from.name, "n");
}

Test(expand, nothing_of_commands_and_arguments)
{
        static const char *const texts[] = {
                "RUN echo $A",         "RUN [\"$A\"]",       "CMD $A",
                "ENTRYPOINT [\"$A\"]", "SHELL [\"$A\"]",     "ARG a=$A",
                "MAINTAINER $A",       "HEALTHCHECK CMD $A", "ONBUILD RUN $A",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(texts[i]);
                _cleanup_(arena_done) struct arena arena = ARENA_INIT;
                const struct instruction *expanded = expand(file, &arena);
                const struct instruction *original = first(file);

                if (original->type != INSTRUCTION_RUN)
                        cr_assert_eq(memcmp(expanded, original, sizeof(*expanded)), 0);
                else
                        cr_assert_eq(expanded->run.command.argv.items,
                                     original->run.command.argv.items);
        }
}

Test(expand, leaves_the_original_as_it_was)
{
        with_expanded(copy, "COPY $A <<E $S\n$A\nE\n");

        cr_assert_str_eq(copy->copy.sources.items[0], "x y");
        cr_assert_str_eq(first(copy_file)->copy.sources.items[0], "$A");
        cr_assert_str_eq(first(copy_file)->copy.files[0].data, "$A\n");
        cr_assert_str_eq(first(copy_file)->copy.destination, "$S");
}

Test(expand, says_where_it_failed)
{
        assert_fails_to_expand("FROM a\nCOPY b \\\n  ${C?no} d", 3, 3, "C: no");
        assert_fails_to_expand("FROM a\nENV b=c d=${e", 2, 11, "no closing");
        assert_fails_to_expand("FROM a\nEXPOSE 80 ${", 2, 11, "no closing");
        assert_fails_to_expand("FROM $B", 1, 6, "is empty");
        assert_fails_to_expand("FROM --platform=$B a", 1, 17, "is empty");
        assert_fails_to_expand("FROM a\nVOLUME /x $B", 2, 11, "empty path");
        assert_fails_to_expand("FROM a\nSTOPSIGNAL $A", 2, 12, "no signal");
        assert_fails_to_expand("FROM a\nSTOPSIGNAL SIGNONE", 2, 12, "no signal");
}
