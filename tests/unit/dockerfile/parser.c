#include "parse.h"

Test(parser, knows_every_instruction_in_any_case)
{
        static const struct {
                const char *text;
                enum instruction_type type;
        } cases[] = {
                { "ADD a b", INSTRUCTION_ADD },
                { "arg a", INSTRUCTION_ARG },
                { "Cmd a", INSTRUCTION_CMD },
                { "COPY a b", INSTRUCTION_COPY },
                { "ENTRYPOINT a", INSTRUCTION_ENTRYPOINT },
                { "env a=b", INSTRUCTION_ENV },
                { "EXPOSE 80", INSTRUCTION_EXPOSE },
                { "from a", INSTRUCTION_FROM },
                { "HEALTHCHECK NONE", INSTRUCTION_HEALTHCHECK },
                { "LABEL a=b", INSTRUCTION_LABEL },
                { "MAINTAINER a", INSTRUCTION_MAINTAINER },
                { "ONBUILD RUN a", INSTRUCTION_ONBUILD },
                { "rUn a", INSTRUCTION_RUN },
                { "SHELL [\"a\"]", INSTRUCTION_SHELL },
                { "STOPSIGNAL 9", INSTRUCTION_STOPSIGNAL },
                { "USER a", INSTRUCTION_USER },
                { "VOLUME a", INSTRUCTION_VOLUME },
                { "WORKDIR a", INSTRUCTION_WORKDIR },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(cases[i].text);
                const struct instruction *instruction = first(file);

                cr_assert_eq(instruction->type, cases[i].type);
                cr_assert_str_eq(instruction->text, cases[i].text);
                cr_assert_eq(
                        strncmp(instruction->keyword, cases[i].text, strlen(instruction->keyword)),
                        0);
                cr_assert_eq(strlen(instruction->keyword), strlen(instruction_name(cases[i].type)));
        }
}

Test(parser, suggests_the_instruction_that_was_meant)
{
        assert_fails_at("FROM a\n  RNU b", 2, 3, "RNU (did you mean RUN?)");
        assert_fails_at("FROM a\nnonsense b", 2, 1, "unknown instruction nonsense");
        assert_fails_at("FROM a\nRUN[\"b\"]", 2, 1, "unknown instruction RUN[\"b\"]");
}

Test(parser, reads_the_trigger_of_onbuild)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("onbuild  run --network=host a  b ");
        const struct instruction_onbuild *onbuild = &first(file)->onbuild;

        cr_assert_str_eq(onbuild->expression, "run --network=host a  b ");
        cr_assert_eq(onbuild->trigger->type, INSTRUCTION_RUN);
        cr_assert_eq(onbuild->trigger->run.network, RUN_NETWORK_HOST);
        assert_fails_at("FROM a\nONBUILD FROM b", 2, 9, "ONBUILD cannot be followed by FROM");
        assert_fails_at("FROM a\nONBUILD onbuild RUN b", 2, 9, "ONBUILD");
        assert_fails_at("FROM a\nONBUILD MAINTAINER b", 2, 9, "MAINTAINER");
        assert_fails_at("FROM a\nONBUILD NONSENSE b", 2, 9, "unknown instruction NONSENSE");
        assert_fails_at("FROM a\nONBUILD", 2, 1, "needs an argument");
        assert_fails_at("FROM a\nONBUILD COPY b", 2, 1, "COPY needs a source");
}
