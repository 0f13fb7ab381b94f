#include "plan.h"

#include "../store/fresh.h"

#include <errno.h>

struct fixture {
        struct fresh fresh;
        struct build_options options;
        struct build_fault fault;
        struct plan plan;
        bool is_made;
        struct error err;
};

static void begin(struct fixture *fixture, const char *dockerfile)
{
        struct descriptor image;
        char path[100];
        int fd;

        *fixture = (struct fixture){ .options = { .pull = PULL_NEVER } };
        fresh_begin(&fixture->fresh);
        image = fresh_image(&fixture->fresh, "base");
        cr_assert_eq(store_images_put(fixture->fresh.store, "docker.io/library/base:latest", &image,
                                      &fixture->err),
                     0);
        descriptor_done(&image);
        fixture->options.context = fixture->fresh.root;
        snprintf(path, sizeof(path), "%s/Dockerfile", fixture->fresh.root);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_eq(io_write(fd, dockerfile, strlen(dockerfile)), 0);
        close(fd);
}

static int make(struct fixture *fixture)
{
        int r = plan_make(fixture->fresh.store, &fixture->options, &fixture->plan, &fixture->fault,
                          &fixture->err);

        fixture->is_made = r == 0;
        return r;
}

static void end(struct fixture *fixture)
{
        if (fixture->is_made)
                plan_done(&fixture->plan);
        build_fault_done(&fixture->fault);
        fresh_end(&fixture->fresh);
}

/* The titles of all steps that are shown, a line each. */
static void assert_titles(const char *dockerfile, const char *target, const char *expected)
{
        struct fixture fixture;
        struct buf titles = BUF_INIT;

        begin(&fixture, dockerfile);
        fixture.options.target = target;
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        for (size_t i = 0; i < fixture.plan.stage_count; i++) {
                const struct plan_stage *stage = &fixture.plan.stages[i];

                if (!stage->needed)
                        continue;
                buf_appendf(&titles, "%u %s\n", stage->from.number, stage->from.title);
                for (size_t j = 0; j < stage->step_count; j++)
                        if (stage->steps[j].number > 0)
                                buf_appendf(&titles, "%u %s\n", stage->steps[j].number,
                                            stage->steps[j].title);
        }
        cr_assert_str_eq(buf_str(&titles), expected, "%s", buf_str(&titles));
        buf_done(&titles);
        end(&fixture);
}

static void assert_refused(const char *dockerfile, const char *target, int code,
                           const char *message, bool shown)
{
        struct fixture fixture;

        begin(&fixture, dockerfile);
        fixture.options.target = target;
        cr_assert_eq(make(&fixture), code, "%d: %s", fixture.err.code, fixture.err.message);
        cr_assert_not_null(strstr(fixture.err.message, message), "%s", fixture.err.message);
        cr_assert_eq(fixture.fault.excerpt != NULL, shown, "%s", fixture.err.message);
        end(&fixture);
}

Test(plan, counts_the_steps_that_are_shown)
{
        assert_titles("FROM base\nENV A=1\nRUN true\nCOPY a b\n", NULL,
                      "1 [1/3] FROM base\n2 [2/3] RUN true\n3 [3/3] COPY a b\n");
}

Test(plan, names_stages_where_there_are_several)
{
        assert_titles("FROM base AS first\nRUN a\nFROM base\nCOPY --from=first /x /y\n", NULL,
                      "1 [first 1/2] FROM base AS first\n"
                      "2 [first 2/2] RUN a\n"
                      "3 [stage-1 1/2] FROM base\n"
                      "4 [stage-1 2/2] COPY --from=first /x /y\n");
}

Test(plan, leaves_out_the_stages_that_nobody_needs)
{
        static const char text[] = "FROM base AS a\nRUN a\n"
                                   "FROM a AS b\nRUN b\n"
                                   "FROM base AS c\nRUN c\n"
                                   "FROM scratch\nCOPY --from=b / /\n";

        assert_titles(text, NULL,
                      "1 [a 1/2] FROM base AS a\n2 [a 2/2] RUN a\n"
                      "3 [b 1/2] FROM a AS b\n4 [b 2/2] RUN b\n"
                      "5 [stage-3 1/2] FROM scratch\n6 [stage-3 2/2] COPY --from=b / /\n");
        assert_titles(text, "c", "1 [c 1/2] FROM base AS c\n2 [c 2/2] RUN c\n");
        assert_titles(text, "0", "1 [a 1/2] FROM base AS a\n2 [a 2/2] RUN a\n");
}

Test(plan, runs_the_triggers_of_a_base_first)
{
        assert_titles("FROM base AS a\nONBUILD RUN triggered\nFROM a\nRUN own\n", NULL,
                      "1 [a 1/1] FROM base AS a\n"
                      "2 [stage-1 1/3] FROM a\n"
                      "3 [stage-1 2/3] RUN triggered\n"
                      "4 [stage-1 3/3] RUN own\n");
}

static void assert_global(const char *dockerfile, const char *target, const char *given,
                          const char *name, const char *expected)
{
        char text[64], *items[] = { text, NULL };
        struct strv args = { .items = items, .count = given ? 1 : 0 };
        struct fixture fixture;
        const char *value;

        snprintf(text, sizeof(text), "%s", given ? given : "");
        begin(&fixture, dockerfile);
        fixture.options.target = target;
        fixture.options.args = &args;
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        value = strv_env_get(&fixture.plan.globals, name);
        cr_assert_not_null(value, "%s", name);
        cr_assert_str_eq(value, expected);
        end(&fixture);
}

Test(plan, knows_arguments_that_nobody_has_declared)
{
        assert_global("FROM base\n", NULL, NULL, "TARGETSTAGE", "default");
        assert_global("FROM base AS a\nFROM a AS b\n", NULL, NULL, "TARGETSTAGE", "b");
        assert_global("FROM base AS a\nFROM a AS b\n", "a", NULL, "TARGETSTAGE", "a");
        assert_global("FROM base\n", NULL, NULL, "TARGETOS", "linux");
        assert_global("FROM base\n", NULL, NULL, "BUILDOSVERSION", "");
        assert_global("FROM base\n", NULL, "TARGETOS=other", "TARGETOS", "other");
        assert_global("FROM base\n", NULL, "TARGETOS=other", "BUILDOS", "linux");
}

/* What stage 0 of the file has to do where its name is a context's. */
static void assert_replaced(const char *target, const char *source, enum plan_base base,
                            size_t steps)
{
        const struct build_context context = { .name = "a", .source = source };
        struct fixture fixture;

        begin(&fixture, "FROM none AS a\nRUN a\nRUN b\nFROM base\nCOPY --from=0 / /\n");
        fixture.options.target = target;
        fixture.options.contexts = &context;
        fixture.options.context_count = 1;
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        cr_assert(fixture.plan.stages[0].needed);
        cr_assert_eq(fixture.plan.stages[0].base, base);
        cr_assert_eq(fixture.plan.stages[0].step_count, steps);
        end(&fixture);
}

Test(plan, lets_a_context_of_its_name_stand_for_a_stage)
{
        assert_replaced(NULL, "/", PLAN_SCRATCH, 1);
        assert_replaced("a", "/", PLAN_SCRATCH, 1);
        assert_replaced("0", "docker-image://base", PLAN_IMAGE, 0);
        assert_replaced(NULL, "docker-image://scratch", PLAN_SCRATCH, 1);
}

Test(plan, refuses_a_context_of_a_name_that_has_a_meaning)
{
        const struct build_context context = { .name = "Scratch", .source = "/" };
        struct fixture fixture;

        begin(&fixture, "FROM base\n");
        fixture.options.contexts = &context;
        fixture.options.context_count = 1;
        cr_assert_eq(make(&fixture), -EINVAL);
        cr_assert_not_null(strstr(fixture.err.message, "--build-context Scratch"));
        end(&fixture);
}

Test(plan, refuses_what_is_wrong_whatever_variables_are)
{
        struct fixture fixture;

        assert_refused("FROM base\nRUN a\nCOPY --chmod=8 a b\n", NULL, -EINVAL,
                       "Dockerfile:3: \"8\"", true);
        assert_refused("FROM base\nRUN a\nEXPOSE 80 70000\n", NULL, -EINVAL,
                       "Dockerfile:3: \"70000\"", true);
        assert_refused("FROM base\nONBUILD STOPSIGNAL X\nFROM base\nSTOPSIGNAL SIGX\n", NULL,
                       -EINVAL, "Dockerfile:4: \"SIGX\"", true);
        begin(&fixture, "FROM base\nCOPY --chmod=$M a b\nEXPOSE ${P}\nSTOPSIGNAL \"9\"\n");
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        end(&fixture);
}

Test(plan, refuses_a_file_in_another_syntax)
{
        char given[] = "BUILDKIT_SYNTAX=docker/dockerfile:1", *items[] = { given, NULL };
        struct strv args = { .items = items, .count = 1 };
        struct fixture fixture;

        assert_refused("# syntax=example/other:1\nFROM base\n", NULL, -EOPNOTSUPP,
                       "the syntax example/other:1 is not supported", false);
        begin(&fixture, "# syntax=example/other:1\nFROM base\n");
        fixture.options.args = &args;
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        end(&fixture);
}

Test(plan, takes_a_base_from_an_argument)
{
        char given[] = "WHICH=base", *items[] = { given, NULL };
        struct strv args = { .items = items, .count = 1 };
        struct fixture fixture;

        assert_titles("ARG WHICH=base\nFROM ${WHICH}\n", NULL, "1 [1/1] FROM ${WHICH}\n");
        begin(&fixture, "ARG WHICH=none\nFROM $WHICH\n");
        fixture.options.args = &args;
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        cr_assert_eq(fixture.plan.stages[0].base, PLAN_IMAGE);
        cr_assert_str_eq(strv_env_get(&fixture.plan.globals, "WHICH"), "base");
        end(&fixture);
}

Test(plan, finds_a_source_among_the_earlier_stages_alone)
{
        struct fixture fixture;
        struct plan_source source;

        begin(&fixture, "FROM base AS a\nFROM base AS b\nFROM base\n");
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        cr_assert(plan_find_source(&fixture.plan, &fixture.plan.stages[2], "b", true, &source));
        cr_assert_eq(source.index, 1);
        cr_assert(plan_find_source(&fixture.plan, &fixture.plan.stages[2], "0", true, &source));
        cr_assert_eq(source.index, 0);
        cr_assert(!plan_find_source(&fixture.plan, &fixture.plan.stages[1], "b", true, &source));
        cr_assert(!plan_find_source(&fixture.plan, &fixture.plan.stages[1], "1", true, &source));
        end(&fixture);
}

Test(plan, names_the_line_of_what_is_not_there)
{
        assert_refused("FROM base\n\nFROM none\n", NULL, -ENOENT, "Dockerfile:3", true);
        assert_refused("FROM base\nCOPY --from=none a b\n", NULL, -ENOENT,
                       "--from=none is no earlier stage and no image", true);
        assert_refused("FROM base\nCOPY a\n", NULL, -EINVAL, "Dockerfile:2", true);
        assert_refused("FROM base AS a\n", "b", -EINVAL, "no stage \"b\"", false);
}

Test(plan, looks_for_no_image_that_nobody_needs)
{
        assert_titles("FROM none AS unused\nFROM base\n", NULL, "1 [1/1] FROM base\n");
}

Test(plan, tells_where_a_dockerfile_was_looked_for)
{
        struct fixture fixture;
        char path[100];

        begin(&fixture, "FROM base\n");
        snprintf(path, sizeof(path), "%s/Dockerfile", fixture.fresh.root);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(make(&fixture), -ENOENT);
        cr_assert_not_null(strstr(fixture.err.message, fixture.fresh.root));
        cr_assert_not_null(strstr(fixture.err.hint, "-f FILE"));
        end(&fixture);
}

Test(plan, cuts_a_long_title)
{
        char text[2000] = "FROM base\nRUN ";
        struct fixture fixture;

        memset(text + strlen(text), 'x', 1000);
        begin(&fixture, text);
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        cr_assert_lt(strlen(fixture.plan.stages[0].steps[0].title), 450);
        end(&fixture);
}

/* What a Dockerfile says of times, -1 for nothing, where --build-arg says `given`. */
static void assert_epoch(const char *dockerfile, const char *given, long long expected)
{
        char text[64], *items[] = { text, NULL };
        struct strv args = { .items = items, .count = given ? 1 : 0 };
        struct fixture fixture;

        snprintf(text, sizeof(text), "SOURCE_DATE_EPOCH=%s", given ? given : "");
        begin(&fixture, dockerfile);
        fixture.options.args = &args;
        cr_assert_eq(make(&fixture), 0, "%s", fixture.err.message);
        cr_assert_eq(fixture.plan.has_epoch, expected >= 0);
        if (expected >= 0)
                cr_assert_eq(fixture.plan.epoch.tv_sec, expected);
        end(&fixture);
}

Test(plan, takes_the_times_from_an_argument_before_the_first_stage_unless_somebody_says_them)
{
        assert_epoch("ARG A=12\nARG SOURCE_DATE_EPOCH=${A}3\nFROM base\n", NULL, 123);
        assert_epoch("ARG SOURCE_DATE_EPOCH=123\nFROM base\n", "5", -1);
        assert_epoch("ARG SOURCE_DATE_EPOCH=123\nFROM base\n", "", -1);
        assert_epoch("ARG SOURCE_DATE_EPOCH=\nFROM base\n", NULL, -1);
        assert_epoch("ARG SOURCE_DATE_EPOCH\nFROM base\n", NULL, -1);
        assert_epoch("FROM base\nARG SOURCE_DATE_EPOCH=123\n", NULL, -1);
        assert_epoch("ARG SOURCE_DATE_EPOCH=context\nFROM base\n", NULL, -1);
        assert_refused("ARG SOURCE_DATE_EPOCH=1.5\nFROM base\n", NULL, -EINVAL, "Dockerfile:1",
                       true);
        assert_refused("ARG SOURCE_DATE_EPOCH=one\nFROM base AS one\n", NULL, -EOPNOTSUPP,
                       "SOURCE_DATE_EPOCH=one", true);
}

Test(plan, refuses_several_kinds_of_sources_for_one_name_before_the_first_step)
{
        assert_refused("FROM base\nRUN a\nCOPY a <<B /c\nB\n", NULL, -EINVAL,
                       "several files cannot be copied to the one name /c", true);
        assert_refused("FROM base\nRUN a\nADD https://x.example/a b /c\n", NULL, -EINVAL,
                       "several files cannot be copied to the one name /c", true);
        assert_titles("FROM base\nCOPY a <<B /c/\nB\nCOPY a b /c\n", NULL,
                      "1 [1/3] FROM base\n2 [2/3] COPY a <<B /c/\n3 [3/3] COPY a b /c\n");
}

Test(plan, refuses_a_mount_on_the_root_before_the_first_step)
{
        assert_refused("FROM base\nRUN a\nRUN --mount=type=bind,target=//. b\n", NULL, -EINVAL,
                       "nothing can be mounted on the root", true);
        assert_titles("FROM base\nRUN --mount=type=tmpfs,target=/../x b\n", NULL,
                      "1 [1/2] FROM base\n2 [2/2] RUN --mount=type=tmpfs,target=/../x b\n");
}
