/*
 * Dockerfiles: what is accepted is whole and can be expanded, linted and shown; its triggers can be
 * read on their own; what is refused says why, and where within the file.
 */
#include "base/cleanup.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/expand.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static unsigned int count_lines(const char *data, size_t size)
{
        unsigned int lines = 1;

        for (size_t i = 0; i < size; i++)
                lines += data[i] == '\n';
        return lines;
}

static void check_expansion(const struct dockerfile *file, const struct instruction *instruction)
{
        char *items[] = { (char *)"A=1 $B", (char *)"PATH=/bin", NULL };
        struct strv env = { .items = items, .count = 2 };
        struct expander expander = {
                .escape = file->escape,
                .lookup = expand_lookup_strv,
                .variables = &env,
        };
        struct arena arena = ARENA_INIT;
        struct source_position where;
        struct error err = ERROR_INIT;
        struct instruction *expanded;

        if (instruction_expand(instruction, &expander, &arena, &expanded, &where, &err) < 0)
                check(error_is_set(&err) && where.line >= instruction->first_line &&
                      where.line <= instruction->last_line);
        else
                check(expanded->type == instruction->type && !error_is_set(&err));
        arena_done(&arena);
}

static void check_trigger(const struct instruction *instruction)
{
        struct error err = ERROR_INIT;
        struct dockerfile *file;

        /* The escape of the file does not go with it, so it may be refused now. */
        if (dockerfile_parse_trigger(instruction->onbuild.expression, &file, &err) < 0)
                check(error_is_set(&err));
        else
                dockerfile_free(file);
}

static void check_file(struct dockerfile *file, unsigned int lines)
{
        unsigned int line = 0;
        size_t in_stages = 0;

        check(file->stage_count > 0);
        for (size_t i = 0; i < file->stage_count; i++) {
                struct lint_stage_state state = { .shell = false };

                check(file->stages[i].from->type == INSTRUCTION_FROM);
                check(lint_stage(&file->lint, &file->stages[i], &state) == 0);
                in_stages += 1 + file->stages[i].instruction_count;
        }
        check(file->global_count + in_stages == file->instruction_count);
        for (size_t i = 0; i < file->instruction_count; i++) {
                const struct instruction *instruction = &file->instructions[i];

                check(instruction->first_line > line);
                check(instruction->last_line >= instruction->first_line);
                check(instruction->last_line <= lines);
                line = instruction->last_line;
                check_expansion(file, instruction);
                if (instruction->type == INSTRUCTION_ONBUILD)
                        check_trigger(instruction);
        }
        for (size_t i = 0; i < file->lint.count; i++)
                check(file->lint.warnings[i].line > 0 && file->lint.warnings[i].line <= lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        unsigned int lines = count_lines(text, size);
        struct source_position where;
        struct error err = ERROR_INIT;
        struct dockerfile *file;
        struct buf excerpt = BUF_INIT;

        if (dockerfile_parse(text, size, NULL, &file, &where, &err) == 0) {
                check(!error_is_set(&err));
                check_file(file, lines);
                dockerfile_free(file);
        } else {
                check(error_is_set(&err) && where.line <= lines);
                check(source_excerpt(text, size, &where, where.line + 1, &excerpt) == 0);
        }
        buf_done(&excerpt);
        return 0;
}
