#include "parse.h"

static const struct instruction_run *run_of(const struct dockerfile *file)
{
        cr_assert_eq(first(file)->type, INSTRUCTION_RUN);
        return &first(file)->run;
}

Test(parse_run, has_a_shell_form_and_an_exec_form)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN echo  \"$a\" '|' # b\nRUN [\"echo\", \"$a\"]\nRUN");

        cr_assert(!run_of(file)->command.exec_form);
        assert_words_are(&run_of(file)->command.argv, "echo  \"$a\" '|' # b");
        cr_assert(file->instructions[2].run.command.exec_form);
        assert_words_are(&file->instructions[2].run.command.argv, "echo", "$a");
        assert_words_are(&file->instructions[3].run.command.argv, "");
}

Test(parse_run, takes_a_sole_heredoc_for_the_shells_text)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN --network=none <<-EOF\n\n\techo a\n\techo b\nEOF\n");

        assert_words_are(&run_of(file)->command.argv, "\necho a\necho b\n");
        cr_assert(!run_of(file)->command.exec_form);
        cr_assert_null(run_of(file)->script);
        cr_assert_str_eq(run_of(file)->heredoc, "echo a");
}

Test(parse_run, takes_a_sole_heredoc_with_an_interpreter_for_a_script)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN <<EOF\n#!/usr/bin/env python3\nprint($a)\nEOF\n");

        cr_assert_str_eq(run_of(file)->script, "#!/usr/bin/env python3\nprint($a)\n");
        cr_assert_str_eq(run_of(file)->script_name, "EOF");
        assert_words_are(&run_of(file)->command.argv, run_of(file)->script);
}

Test(parse_run, leaves_other_heredocs_to_the_shell)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN cat <<A - <<'B' > c\n#!one\nA\n\ttwo\nB\n");

        assert_words_are(&run_of(file)->command.argv, "cat <<A - <<'B' > c\n#!one\nA\n\ttwo\nB");
        cr_assert_null(run_of(file)->script);
        cr_assert_null(run_of(file)->heredoc);
}

Test(parse_run, knows_networks_and_securities)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN --network=host --security=insecure a\nRUN b");

        cr_assert_eq(run_of(file)->network, RUN_NETWORK_HOST);
        cr_assert_eq(run_of(file)->security, RUN_SECURITY_INSECURE);
        cr_assert_eq(file->instructions[2].run.network, RUN_NETWORK_DEFAULT);
        cr_assert_eq(file->instructions[2].run.security, RUN_SECURITY_SANDBOX);
        assert_fails_at("FROM a\nRUN --network=bridge b", 2, 5, "--network cannot be \"bridge\"");
        assert_fails_at("FROM a\nRUN --security= b", 2, 5, "--security cannot be");
}

Test(parse_run, reads_commands_and_shells)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("CMD a  b\nENTRYPOINT [\"c\"]\nSHELL [\"/bin/sh\", \"-c\"]\nCMD");

        assert_words_are(&first(file)->command.argv, "a  b");
        assert_words_are(&file->instructions[2].command.argv, "c");
        assert_words_are(&file->instructions[3].words, "/bin/sh", "-c");
        /* Nothing is a command for the shell, too. */
        assert_words_are(&file->instructions[4].command.argv, "");
        assert_fails_at("FROM a\nRUN []", 2, 5, "no command");
        assert_fails_at("FROM a\nSHELL /bin/sh -c", 2, 7, "JSON array");
        assert_fails_at("FROM a\nSHELL []", 2, 7, "JSON array");
}

Test(parse_run, reads_healthchecks)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("HEALTHCHECK --interval=1m30s --timeout=10s --start-period=0s "
                           "--start-interval=500ms --retries=3 CMD curl  -f x || exit 1\n"
                           "HEALTHCHECK cmd [\"a\", \"b\"]\n"
                           "healthcheck none\n");
        const struct instruction_healthcheck *health = &first(file)->healthcheck;

        cr_assert_eq(health->interval_ns, INT64_C(90000000000));
        cr_assert_eq(health->timeout_ns, INT64_C(10000000000));
        cr_assert_eq(health->start_period_ns, 0);
        cr_assert_eq(health->start_interval_ns, INT64_C(500000000));
        cr_assert_eq(health->retries, 3);
        cr_assert(!health->command.exec_form && !health->none);
        assert_words_are(&health->command.argv, "curl  -f x || exit 1");
        cr_assert(file->instructions[2].healthcheck.command.exec_form);
        assert_words_are(&file->instructions[2].healthcheck.command.argv, "a", "b");
        cr_assert(file->instructions[3].healthcheck.none);
}

Test(parse_run, refuses_healthchecks_that_cannot_be)
{
        assert_fails_at("FROM a\nHEALTHCHECK", 2, 1, "needs CMD or NONE");
        assert_fails_at("FROM a\nHEALTHCHECK curl x", 2, 13, "not \"curl\"");
        assert_fails_at("FROM a\nHEALTHCHECK CMD", 2, 1, "needs a command");
        assert_fails_at("FROM a\nHEALTHCHECK CMD []", 2, 1, "needs a command");
        assert_fails_at("FROM a\nHEALTHCHECK NONE x", 2, 18, "takes no arguments");
        assert_fails_at("FROM a\nHEALTHCHECK --interval=1us CMD x", 2, 13, "less than 1ms");
        assert_fails_at("FROM a\nHEALTHCHECK --interval=-1s CMD x", 2, 13, "less than 1ms");
        assert_fails_at("FROM a\nHEALTHCHECK --timeout=3 CMD x", 2, 13, "no duration");
        assert_fails_at("FROM a\nHEALTHCHECK --retries=-1 CMD x", 2, 13, "no number");
}

Test(parse_run, reads_devices)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN --device=v/c=n,required --device=name=x,required=false a");
        const struct instruction_run *run = run_of(file);

        cr_assert_eq(run->device_count, 2);
        cr_assert_str_eq(run->devices[0].name, "v/c=n");
        cr_assert(run->devices[0].required);
        cr_assert_str_eq(run->devices[1].name, "x");
        cr_assert(!run->devices[1].required);
        assert_fails_at("FROM a\nRUN --device=a,name=b c", 2, 14, "beside the name a");
        assert_fails_at("FROM a\nRUN --device=a,required=maybe c", 2, 14, "true or false");
}
