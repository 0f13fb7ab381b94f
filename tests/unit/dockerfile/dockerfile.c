#include "parse.h"

#include <errno.h>

Test(dockerfile, is_cut_into_stages_at_each_from)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse(
                "ARG a=1\nARG b\nFROM x AS One\nRUN c\nRUN d\nFROM one\nFROM y as two\nRUN e");

        cr_assert_eq(file->global_count, 2);
        cr_assert_eq(file->stage_count, 3);
        cr_assert_str_eq(file->stages[0].from->from.name, "one");
        cr_assert_eq(file->stages[0].instruction_count, 2);
        cr_assert_eq(file->stages[1].instruction_count, 0);
        cr_assert_eq(file->stages[2].instruction_count, 1);
        cr_assert_str_eq(file->stages[2].instructions[0].text, "RUN e");
}

Test(dockerfile, finds_stages_by_name_and_number)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse("FROM x AS one\nFROM x\nFROM x AS two\nFROM x AS one\n");

        cr_assert_eq(dockerfile_find_stage(file, "two", 4), &file->stages[2]);
        cr_assert_eq(dockerfile_find_stage(file, "TWO", 3), &file->stages[2]);
        cr_assert_null(dockerfile_find_stage(file, "two", 2));
        cr_assert_eq(dockerfile_find_stage(file, "one", 4), &file->stages[3]);
        cr_assert_eq(dockerfile_find_stage(file, "one", 3), &file->stages[0]);
        cr_assert_null(dockerfile_find_stage(file, "1", 4));
        cr_assert_eq(dockerfile_find_stage_or_number(file, "1", 4), &file->stages[1]);
        cr_assert_eq(dockerfile_find_stage_or_number(file, "one", 2), &file->stages[0]);
        cr_assert_null(dockerfile_find_stage_or_number(file, "1", 1));
        cr_assert_null(dockerfile_find_stage_or_number(file, "4", 9));
        cr_assert_null(dockerfile_find_stage_or_number(file, "-1", 4));
        cr_assert_eq(dockerfile_stage_index(file, &file->stages[2]), 2);
}

Test(dockerfile, finds_each_of_many_stages)
{
        struct buf text = BUF_INIT;
        struct dockerfile *file;

        for (int i = 0; i < 300; i++)
                buf_appendf(&text, "FROM x AS s%d\n", i % 100);
        file = parse(buf_str(&text));
        for (size_t limit = 1; limit <= 300; limit++)
                for (size_t i = 0; i < 100; i++) {
                        char name[8];
                        const struct stage *stage;
                        size_t last = i < limit ? i + (limit - 1 - i) / 100 * 100 : SIZE_MAX;

                        snprintf(name, sizeof(name), "s%zu", i);
                        stage = dockerfile_find_stage(file, name, limit);
                        cr_assert_eq(stage ? dockerfile_stage_index(file, stage) : SIZE_MAX, last);
                }
        dockerfile_free(file);
        buf_done(&text);
}

Test(dockerfile, needs_a_from_before_all_but_arg)
{
        assert_fails_at("", 0, 0, "no instructions");
        assert_fails_at("# only\n\n# comments", 0, 0, "no instructions");
        assert_fails_at("ARG a", 0, 0, "no FROM");
        assert_fails_at("ARG a\n RUN b\nFROM c", 2, 2, "RUN stands before the first FROM");
}

Test(dockerfile, refuses_bytes_that_are_no_text)
{
        struct source_position where;
        struct error err = ERROR_INIT;
        struct dockerfile *file;

        cr_assert_eq(dockerfile_parse("FROM a\nRUN b\nRUN \0c\n", 20, NULL, &file, &where, &err),
                     -EINVAL);
        cr_assert_eq(where.line, 3);
        cr_assert_not_null(strstr(err.message, "NUL"));
        err = ERROR_INIT;
        cr_assert_eq(dockerfile_parse("\xff\xfe"
                                      "F\0R\0",
                                      6, NULL, &file, &where, &err),
                     -EINVAL);
        cr_assert_not_null(strstr(err.message, "UTF-16"));
}

Test(dockerfile, has_limits)
{
        size_t len = DOCKERFILE_SIZE_MAX + 1;
        _cleanup_free_ char *text = malloc(len);
        struct source_position where;
        struct error err = ERROR_INIT;
        struct dockerfile *file;

        memset(text, '\n', len);
        cr_assert_eq(dockerfile_parse(text, len, NULL, &file, &where, &err), -E2BIG);
        for (size_t i = 0; i < 100001; i++)
                memcpy(text + i * 7, "FROM a\n", 7);
        err = ERROR_INIT;
        cr_assert_eq(dockerfile_parse(text, 100001 * 7, NULL, &file, &where, &err), -E2BIG);
        cr_assert_eq(where.line, 100001);
        cr_assert_eq(dockerfile_parse(text, 100000 * 7, NULL, &file, &where, &err), 0);
        cr_assert_eq(file->stage_count, 100000);
        dockerfile_free(file);
}

Test(dockerfile, parses_the_triggers_of_a_base_image)
{
        struct error err = ERROR_INIT;
        struct dockerfile *file;

        cr_assert_eq(dockerfile_parse_trigger("COPY <<E /d\nx\nE\n", &file, &err), 0);
        cr_assert_eq(file->instruction_count, 1);
        cr_assert_str_eq(file->instructions[0].copy.files[0].data, "x\n");
        cr_assert_eq(file->stage_count, 0);
        dockerfile_free(file);
        cr_assert_eq(dockerfile_parse_trigger("RUN a\nRUN b", &file, &err), -EINVAL);
        err = ERROR_INIT;
        cr_assert_eq(dockerfile_parse_trigger("FROM a", &file, &err), -EINVAL);
        err = ERROR_INIT;
        cr_assert_eq(dockerfile_parse_trigger("", &file, &err), -EINVAL);
        err = ERROR_INIT;
        cr_assert_eq(dockerfile_parse_trigger("NONSENSE a", &file, &err), -EINVAL);
}

Test(dockerfile, keeps_nothing_of_the_text_it_came_from)
{
        char *text = strdup("# syntax=x\n# stage is it\nFROM a AS stage\nCOPY <<E b /c\nd\nE\n");
        struct dockerfile *file = parse(text);

        memset(text, 'z', strlen(text));
        free(text);
        cr_assert_str_eq(file->syntax, "x");
        cr_assert_str_eq(file->stages[0].from->from.name, "stage");
        cr_assert_str_eq(file->stages[0].instructions[0].copy.files[0].data, "d\n");
        cr_assert_str_eq(instruction_description(file->stages[0].from, "stage"), "is it");
        dockerfile_free(file);
}
