#include "../store/fresh.h"

#include "build/build.h"
#include "oci/json.h"

#include <errno.h>

/* A build whose Dockerfile lies in the store's own directory, and the warnings that are told. */
struct fixture {
        struct fresh fresh;
        struct build_options options;
        struct buf text;
        struct buf told;
        size_t warnings;
        struct error err;
};

static void note(void *context, const struct build_event *event)
{
        struct fixture *fixture = context;

        if (event->type == BUILD_WARNING)
                buf_appendf(&fixture->told, "%s\n", event->text);
}

static void begin(struct fixture *fixture, const char *dockerfile)
{
        char path[100];

        *fixture = (struct fixture){ .options = { .pull = PULL_NEVER, .event = note } };
        fixture->options.event_context = fixture;
        fresh_begin(&fixture->fresh);
        fixture->options.context = fixture->fresh.root;
        snprintf(path, sizeof(path), "%s/Dockerfile", fixture->fresh.root);
        cr_assert_eq(io_write_file_atomic(AT_FDCWD, path, dockerfile, strlen(dockerfile), 0600,
                                          &fixture->err),
                     0);
}

static int describe(struct fixture *fixture, enum build_description what, bool json)
{
        struct build_fault fault;
        int r = build_describe(fixture->fresh.store, &fixture->options, what, json, &fixture->text,
                               &fixture->warnings, &fault, &fixture->err);

        build_fault_done(&fault);
        return r;
}

static void end(struct fixture *fixture)
{
        buf_done(&fixture->text);
        buf_done(&fixture->told);
        fresh_end(&fixture->fresh);
}

static void assert_text(const char *dockerfile, enum build_description what, const char *expected)
{
        struct fixture fixture;

        begin(&fixture, dockerfile);
        cr_assert_eq(describe(&fixture, what, false), 0, "%s", fixture.err.message);
        cr_assert_str_eq(buf_str(&fixture.text), expected);
        end(&fixture);
}

/* The JSON without the Dockerfile, which stands at its end. */
static void assert_json(const char *dockerfile, enum build_description what, const char *expected)
{
        _cleanup_json_ json_t *parsed = NULL;
        struct buf text = BUF_INIT;
        struct fixture fixture;

        begin(&fixture, dockerfile);
        cr_assert_eq(describe(&fixture, what, true), 0, "%s", fixture.err.message);
        cr_assert_eq(
                json_parse_object(fixture.text.data, fixture.text.len, "it", &parsed, &fixture.err),
                0);
        cr_assert_eq(json_array_size(json_object_get(parsed, "sources")), 1);
        json_object_del(parsed, "sources");
        cr_assert_eq(json_write(parsed, &text, &fixture.err), 0);
        cr_assert_str_eq(buf_str(&text), expected);
        buf_done(&text);
        end(&fixture);
}

static const char stages[] = "ARG V=1\n"
                             "# base What all have.\n"
                             "FROM scratch AS base\n"
                             "# KEY The key to take.\n"
                             "ARG KEY=a\n"
                             "FROM base AS app\n"
                             "ARG V\n"
                             "RUN --mount=type=secret,id=token,required --mount=type=ssh "
                             "--mount=type=cache,target=/c true\n";

Test(describe, tells_stages_with_the_comments_before_them)
{
        assert_text(stages, BUILD_DESCRIBE_TARGETS,
                    "TARGET                   DESCRIPTION\n"
                    "base                     What all have.\n"
                    "app (default)\n");
        assert_json("# a One.\nFROM scratch AS a\nFROM a\n", BUILD_DESCRIBE_TARGETS,
                    "{\"targets\":["
                    "{\"name\":\"a\",\"description\":\"One.\",\"base\":\"scratch\",\"location\":"
                    "{\"ranges\":[{\"start\":{\"line\":2},\"end\":{\"line\":2}}]}},"
                    "{\"default\":true,\"base\":\"a\",\"location\":"
                    "{\"ranges\":[{\"start\":{\"line\":3},\"end\":{\"line\":3}}]}}]}");
}

Test(describe, tells_what_may_be_given_to_the_target)
{
        assert_text(stages, BUILD_DESCRIBE_OUTLINE,
                    "TARGET:      app\n"
                    "\n"
                    "BUILD ARG        VALUE                    DESCRIPTION\n"
                    "V                1\n"
                    "KEY              a                        The key to take.\n"
                    "\n"
                    "SECRET                   REQUIRED\n"
                    "token                    true\n"
                    "\n"
                    "SSH                      REQUIRED\n"
                    "default\n");
        assert_json("FROM scratch\nRUN --mount=type=secret,id=t,required "
                    "--mount=type=cache,target=/c true\n",
                    BUILD_DESCRIBE_OUTLINE,
                    "{\"name\":\"default\",\"secrets\":[{\"name\":\"t\",\"required\":true,"
                    "\"location\":{\"ranges\":[{\"start\":{\"line\":2},\"end\":{\"line\":2}}]}}],"
                    "\"cache\":[{\"ID\":\"/c\",\"location\":{\"ranges\":[{\"start\":{\"line\":2},"
                    "\"end\":{\"line\":2}}]}}]}");
}

Test(describe, shows_the_value_that_is_given)
{
        struct fixture fixture;
        struct strv args = STRV_INIT;

        begin(&fixture, "FROM scratch\nARG A=1\n");
        cr_assert_eq(strv_add(&args, "A=2"), 0);
        fixture.options.args = &args;
        cr_assert_eq(describe(&fixture, BUILD_DESCRIBE_OUTLINE, false), 0);
        cr_assert_not_null(strstr(buf_str(&fixture.text), "A                2\n"));
        strv_done(&args);
        end(&fixture);
}

/* ---- check ---- */

static void assert_warnings(const char *dockerfile, const char *expected)
{
        struct fixture fixture;

        begin(&fixture, dockerfile);
        cr_assert_eq(describe(&fixture, BUILD_DESCRIBE_CHECK, false), 0, "%s", fixture.err.message);
        cr_assert_str_eq(buf_str(&fixture.told), expected);
        cr_assert_eq(fixture.warnings == 0, *expected == '\0');
        end(&fixture);
}

Test(describe, check_counts_and_tells_the_warnings)
{
        assert_text("FROM scratch\n", BUILD_DESCRIBE_CHECK, "Check complete, no warnings found.\n");
        assert_text("FROM scratch\nMAINTAINER a\n", BUILD_DESCRIBE_CHECK,
                    "Check complete, 1 warning has been found!\n");
        assert_json("FROM scratch\n", BUILD_DESCRIBE_CHECK, "{\"warnings\":[]}");
        assert_json(
                "FROM scratch\nCMD a\n", BUILD_DESCRIBE_CHECK,
                "{\"warnings\":[{\"ruleName\":\"JSONArgsRecommended\",\"description\":"
                "\"write CMD and ENTRYPOINT as JSON arrays, so that signals reach the process\","
                "\"url\":\"https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\","
                "\"detail\":\"CMD should be a JSON array, so that signals reach the process\","
                "\"location\":{\"ranges\":[{\"start\":{\"line\":2},\"end\":{\"line\":2}}]}}]}");
}

Test(describe, check_does_what_the_values_of_a_stage_show)
{
        assert_warnings("FROM scratch\nENV NAME=1\nCOPY $NAME$NAMES /x\n",
                        "Dockerfile:3: UndefinedVar: the variable $NAMES is not defined (did you "
                        "mean $NAME?)\n");
        assert_warnings("FROM scratch\nWORKDIR a\n",
                        "Dockerfile:2: WorkdirRelativePath: the directory \"a\" hangs on what the "
                        "base image has as its WORKDIR\n");
        assert_warnings(
                "FROM scratch AS a\nARG P=80\nFROM a\nEXPOSE 80/TCP\n",
                "Dockerfile:4: ExposeProtoCasing: the protocol of \"80/TCP\" should be in lower "
                "case\n");
        assert_warnings("FROM scratch AS a\nWORKDIR /x\nENV B=1\nFROM a\nWORKDIR y$B\n", "");
        assert_warnings("FROM scratch\nARG A\nENV B=$A\n", "");
        /* Of stages that are not needed, what is written in full. */
        assert_warnings("FROM none AS a\nWORKDIR $x\nWORKDIR b\nFROM none AS c\nWORKDIR d\n"
                        "FROM c\nWORKDIR e\nFROM scratch\n",
                        "Dockerfile:5: WorkdirRelativePath: the directory \"d\" hangs on what the "
                        "base image has as its WORKDIR\n");
}

Test(describe, check_takes_the_defaults_of_arguments_for_FROM)
{
        struct strv args = STRV_INIT;
        struct fixture fixture;

        begin(&fixture, "ARG TAG\nFROM a:$TAG AS unused\nFROM scratch\n");
        cr_assert_eq(strv_add(&args, "TAG=1"), 0);
        fixture.options.args = &args;
        cr_assert_eq(describe(&fixture, BUILD_DESCRIBE_CHECK, false), 0);
        cr_assert_str_eq(buf_str(&fixture.told),
                         "Dockerfile:2: InvalidDefaultArgInFrom: with the defaults of its ARGs, "
                         "\"a:$TAG\" is no valid image name\n");
        strv_done(&args);
        end(&fixture);
        assert_warnings("ARG TAG=1\nFROM a:$TAG AS unused\nFROM scratch\n", "");
        assert_warnings("ARG TAG\nFROM a${TAG:+:$TAG} AS unused\nFROM scratch\n", "");
}
