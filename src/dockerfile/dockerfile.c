#include "dockerfile/dockerfile.h"

#include "base/cleanup.h"
#include "directive.h"
#include "dockerfile/value.h"
#include "lint_file.h"
#include "parser.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

void dockerfile_free(struct dockerfile *file)
{
        if (!file)
                return;
        lint_done(&file->lint);
        arena_done(&file->arena);
        free(file);
}

DEFINE_CLEANUP(dockerfile, struct dockerfile, dockerfile_free)

/* What no Dockerfile has, in whatever line. */
static int dockerfile_check_bytes(const char *data, size_t len, struct source_position *ret_where,
                                  struct error *err)
{
        const char *nul = memchr(data, '\0', len);

        if (len > DOCKERFILE_SIZE_MAX)
                return error_set(err, -E2BIG, "the file is larger than %zu bytes",
                                 DOCKERFILE_SIZE_MAX);
        if (len >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0)) {
                error_set(err, -EINVAL, "the file is UTF-16");
                return error_hint(err, "save it as UTF-8");
        }
        if (nul) {
                ret_where->line = 1;
                for (const char *at = data; (at = memchr(at, '\n', (size_t)(nul - at))); at++)
                        ret_where->line++;
                return error_set(err, -EINVAL, "there is a NUL byte in the line");
        }
        return 0;
}

/* The instructions as they are gathered. */
struct instruction_array {
        struct instruction *items;
        size_t count;
        size_t cap;
};

static int dockerfile_read_instruction(struct parser *parser, const struct logical_line *line,
                                       bool in_trigger, struct instruction_array *array,
                                       struct error *err)
{
        struct instruction *items, *instruction;
        int r;

        if (array->count == DOCKERFILE_INSTRUCTIONS_MAX)
                return error_set(err, -E2BIG, "there are more than %d instructions",
                                 DOCKERFILE_INSTRUCTIONS_MAX);
        items = arena_grow(parser->arena, array->items, array->count, &array->cap, sizeof(*items));
        if (!items)
                return error_set_oom(err);
        array->items = items;
        instruction = &items[array->count];
        parser->line = line;
        parser->heredocs = NULL;
        parser->heredoc_count = 0;
        r = parser_read_instruction(parser, (struct slice){ line->text, line->len }, in_trigger,
                                    instruction, err);
        if (r < 0)
                return r;
        instruction->comments = line->comments;
        lint_read_comments(instruction);
        array->count++;
        return lint_instruction(parser->lint, instruction, line) < 0 ? error_set_oom(err) : 0;
}

static int dockerfile_read_instructions(struct parser *parser, bool in_trigger,
                                        struct dockerfile *file, struct error *err)
{
        struct instruction_array array = { .items = NULL };

        for (;;) {
                struct logical_line line;
                int r = lexer_read(&parser->lexer, &line, err);

                if (r < 0)
                        parser->where = (struct source_position){ .line = parser->lexer.line };
                if (r <= 0) {
                        file->instructions = array.items;
                        file->instruction_count = array.count;
                        return r;
                }
                parser->where = (struct source_position){ .line = line.first_line };
                r = dockerfile_read_instruction(parser, &line, in_trigger, &array, err);
                if (r < 0)
                        return r;
        }
}

static int stage_compare(const void *a, const void *b, void *stages)
{
        size_t left = *(const size_t *)a, right = *(const size_t *)b;
        const struct stage *all = stages;
        int order = strcmp(all[left].from->from.name, all[right].from->from.name);

        return order ? order : (left > right) - (left < right);
}

static int dockerfile_sort_names(struct dockerfile *file, struct stage *stages, struct error *err)
{
        size_t *named = arena_alloc_array(&file->arena, file->stage_count, sizeof(*named));

        if (!named)
                return error_set_oom(err);
        for (size_t i = 0; i < file->stage_count; i++)
                if (stages[i].from->from.name)
                        named[file->named_count++] = i;
        qsort_r(named, file->named_count, sizeof(*named), stage_compare, stages);
        file->named_stages = named;
        return 0;
}

/* Cuts the instructions into stages. What stands before the first FROM may be ARG alone. */
static int dockerfile_make_stages(struct dockerfile *file, struct source_position *ret_where,
                                  struct error *err)
{
        struct stage *stages = NULL;
        size_t count = 0, cap = 0;

        for (size_t i = 0; i < file->instruction_count; i++) {
                const struct instruction *instruction = &file->instructions[i];

                if (instruction->type == INSTRUCTION_FROM) {
                        stages = arena_grow(&file->arena, stages, count, &cap, sizeof(*stages));
                        if (!stages)
                                return error_set_oom(err);
                        stages[count++] = (struct stage){
                                .from = instruction,
                                .instructions = instruction + 1,
                        };
                } else if (count > 0) {
                        stages[count - 1].instruction_count++;
                } else if (instruction->type == INSTRUCTION_ARG) {
                        file->global_count++;
                } else {
                        *ret_where = instruction_locate(instruction, "");
                        error_set(err, -EINVAL, "%s stands before the first FROM",
                                  instruction_name(instruction->type));
                        return error_hint(err, "only ARG may stand there");
                }
        }
        if (count == 0) {
                error_set(err, -EINVAL,
                          file->instruction_count ? "the file has no FROM"
                                                  : "the file has no instructions");
                return error_hint(err, "a build begins with FROM IMAGE, or FROM scratch");
        }
        file->stages = stages;
        file->stage_count = count;
        return dockerfile_sort_names(file, stages, err);
}

static int dockerfile_read(const char *data, size_t len, const struct lint_options *lint,
                           struct dockerfile *file, struct source_position *ret_where,
                           struct error *err)
{
        struct parser parser = { .arena = &file->arena, .lint = &file->lint };
        struct directives directives;
        bool has_bom = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
        int r;

        parser.lexer = (struct lexer){
                .arena = &file->arena,
                .pos = data + (has_bom ? 3 : 0),
                .end = data + len,
        };
        r = directives_read(&parser.lexer, &directives, err);
        if (r < 0) {
                ret_where->line = parser.lexer.line;
                return r;
        }
        file->escape = parser.lexer.escape = directives.escape;
        file->syntax = directives.syntax;
        if (lint) {
                file->lint.options = *lint;
        } else if (directives.check) {
                r = lint_options_parse(directives.check, &file->lint.options, err);
                if (r < 0) {
                        ret_where->line = directives.check_line;
                        return r;
                }
        }
        r = dockerfile_read_instructions(&parser, false, file, err);
        if (r < 0) {
                *ret_where = parser.where;
                return r;
        }
        r = dockerfile_make_stages(file, ret_where, err);
        if (r < 0)
                return r;
        return lint_file(&file->lint, file) < 0 ? error_set_oom(err) : 0;
}

int dockerfile_parse(const char *data, size_t len, const struct lint_options *lint,
                     struct dockerfile **ret, struct source_position *ret_where, struct error *err)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = calloc(1, sizeof(*file));
        int r;

        *ret_where = (struct source_position){ .line = 0 };
        if (!file)
                return error_set_oom(err);
        r = dockerfile_check_bytes(data, len, ret_where, err);
        if (r == 0)
                r = dockerfile_read(data, len, lint, file, ret_where, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(file);
        return 0;
}

int dockerfile_parse_trigger(const char *text, struct dockerfile **ret, struct error *err)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = calloc(1, sizeof(*file));
        struct parser parser = { .lexer = { .pos = text, .escape = '\\' } };
        size_t len = strlen(text);
        int r;

        if (!file)
                return error_set_oom(err);
        if (len > DOCKERFILE_SIZE_MAX)
                return error_set(err, -E2BIG, "the trigger is larger than %zu bytes",
                                 DOCKERFILE_SIZE_MAX);
        parser.arena = parser.lexer.arena = &file->arena;
        parser.lint = &file->lint;
        parser.lexer.end = text + len;
        file->escape = parser.lexer.escape;
        r = dockerfile_read_instructions(&parser, true, file, err);
        if (r < 0)
                return r;
        if (file->instruction_count != 1)
                return error_set(err, -EINVAL, "the trigger is not one instruction");
        *ret = TAKE_PTR(file);
        return 0;
}

const struct stage *dockerfile_find_stage(const struct dockerfile *file, const char *name,
                                          size_t limit)
{
        const struct stage *found = NULL;
        size_t low = 0, high = file->named_count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                size_t index = file->named_stages[middle];
                int order = strcasecmp(file->stages[index].from->from.name, name);

                if (order < 0 || (order == 0 && index < limit)) {
                        low = middle + 1;
                        found = order == 0 ? &file->stages[index] : found;
                } else {
                        high = middle;
                }
        }
        return found;
}

const struct stage *dockerfile_find_stage_or_number(const struct dockerfile *file, const char *name,
                                                    size_t limit)
{
        uint64_t number;

        if (value_parse_number(name, 10, SIZE_MAX, &number) < 0)
                return dockerfile_find_stage(file, name, limit);
        return number < limit && number < file->stage_count ? &file->stages[number] : NULL;
}
