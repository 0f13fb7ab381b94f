#include "worker.h"

#include <criterion/criterion.h>
#include <string.h>

/* A stage of a file without variables, up to where its instructions only change the config. */
static void assert_history(const char *dockerfile, const char *const *given_args, size_t count,
                           const char *const *expected, size_t expected_count)
{
        struct strv args = { .items = (char **)(uintptr_t)given_args, .count = count };
        struct build_options options = { .args = &args };
        struct plan plan = { .options = &options };
        struct worker worker = { .options = &options, .plan = &plan };
        struct source_position where;
        struct error err = ERROR_INIT;

        cr_assert_eq(
                dockerfile_parse(dockerfile, strlen(dockerfile), NULL, &plan.file, &where, &err), 0,
                "%s", err.message);
        for (size_t i = 1; i < plan.file->instruction_count; i++) {
                worker.instruction = (struct instruction *)(uintptr_t)&plan.file->instructions[i];
                cr_assert_eq(worker_configure(&worker, &err), 0, "%s", err.message);
        }
        cr_assert_eq(worker.state.config.history_count, expected_count);
        for (size_t i = 0; i < expected_count; i++) {
                const struct image_history *history = &worker.state.config.history[i];

                cr_assert_str_eq(history->created_by, expected[i]);
                cr_assert_str_eq(history->comment, "varve.dockerfile.v0");
                cr_assert(history->empty_layer);
        }
        stage_result_done(&worker.state);
        dockerfile_free(plan.file);
}

#define ASSERT_HISTORY(dockerfile, ...)                                                         \
        do {                                                                                    \
                const char *const lines[] = { __VA_ARGS__ };                                    \
                                                                                                \
                assert_history("FROM scratch\n" dockerfile, NULL, 0, lines, ARRAY_SIZE(lines)); \
        } while (0)

Test(worker_history, says_what_buildkit_says_of_each_instruction)
{
        ASSERT_HISTORY("ENV A=1 B=\"2 3\"\nlabel c d\nUSER a:b\nSTOPSIGNAL 9\nMAINTAINER me too\n",
                       "ENV A=1 B=\"2 3\"", "LABEL c=d", "USER a:b", "STOPSIGNAL 9",
                       "MAINTAINER me too");
        ASSERT_HISTORY("EXPOSE 80 90-91/udp\nVOLUME /a /b\nSHELL [\"/bin/sh\", \"-e\"]\n",
                       "EXPOSE [80/tcp 90/udp 91/udp]", "VOLUME [/a /b]", "SHELL [/bin/sh -e]");
}

Test(worker_history, quotes_the_words_of_commands)
{
        ASSERT_HISTORY("CMD [\"a\", \"b\\\"\\n\\u0001\"]\nENTRYPOINT run \\it\n",
                       "CMD [\"a\" \"b\\\"\\n\\x01\"]",
                       "ENTRYPOINT [\"/bin/sh\" \"-c\" \"run \\\\it\"]");
}

Test(worker_history, has_times_as_go_prints_them)
{
        ASSERT_HISTORY("HEALTHCHECK --interval=90s --timeout=1500ms --start-period=2h "
                       "--start-interval=1.5ms --retries=3 CMD [\"a\", \"b\"]\nHEALTHCHECK NONE\n",
                       "HEALTHCHECK {Test:[CMD a b] Interval:1m30s Timeout:1.5s StartPeriod:2h0m0s "
                       "StartInterval:1.5ms Retries:3}",
                       "HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s "
                       "StartInterval:0s Retries:0}");
}

Test(worker_history, says_what_arguments_came_to_and_nothing_of_triggers)
{
        static const char *const given[] = { "B=given" };
        static const char *const lines[] = { "ARG A=1 B=given C" };

        assert_history("FROM scratch\nARG A=1 B=2 C\nONBUILD RUN true\n", given, 1, lines, 1);
}

Test(worker_history, names_the_arguments_of_a_run_once_in_their_order)
{
        char sh[] = "sh", *words[] = { sh };
        const struct strv argv = { .items = words, .count = 1 };
        struct worker worker = { .options = NULL };
        struct error err = ERROR_INIT;

        strv_add(&worker.state.arg_names, "A");
        strv_add(&worker.state.arg_names, "B");
        strv_add(&worker.state.arg_names, "C");
        strv_add(&worker.state.args, "C=3");
        strv_add(&worker.state.args, "A=1");
        strv_add(&worker.state.config.env, "C=4");
        strv_add(&worker.state.config.env, "B=2");
        cr_assert_eq(worker_add_run_history(&worker, &argv, false, &err), 0);
        cr_assert_str_eq(worker.state.config.history[0].created_by,
                         "RUN |3 A=1 B=2 C=3 sh # varve");
        cr_assert_not(worker.state.config.history[0].empty_layer);
        stage_result_done(&worker.state);
}

Test(worker_history, has_the_files_of_a_copy_and_how_they_are_written)
{
        static const char text[] =
                "FROM scratch\nCOPY --link --parents --chmod=1 --chown=2 a b /c\n"
                "ADD <<X d\nX\n";
        struct worker worker = { .options = NULL };
        struct dockerfile *file;
        struct source_position where;
        struct error err = ERROR_INIT;

        cr_assert_eq(dockerfile_parse(text, strlen(text), NULL, &file, &where, &err), 0);
        for (size_t i = 1; i < file->instruction_count; i++) {
                worker.instruction = (struct instruction *)(uintptr_t)&file->instructions[i];
                cr_assert_eq(worker_add_copy_history(&worker, false, &err), 0);
        }
        cr_assert_str_eq(worker.state.config.history[0].created_by,
                         "COPY --parents --chown=2 --chmod=1 a b /c # varve");
        cr_assert_str_eq(worker.state.config.history[1].created_by, "ADD <<X d # varve");
        stage_result_done(&worker.state);
        dockerfile_free(file);
}
