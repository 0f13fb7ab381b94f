#include "lint_file.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static bool text_has_lower(const char *text)
{
        for (; *text; text++)
                if (islower((unsigned char)*text))
                        return true;
        return false;
}

static bool text_has_upper(const char *text)
{
        for (; *text; text++)
                if (isupper((unsigned char)*text))
                        return true;
        return false;
}

/* The last comment before an ARG or FROM that is no description of it. */
static int lint_description(struct lint *lint, const struct instruction *instruction,
                            const char *const *names, size_t count)
{
        const struct words *comments = &instruction->comments;
        const char *comment;

        if (comments->count == 0 || count == 0)
                return 0;
        comment = comments->items[comments->count - 1];
        for (size_t i = 0; i < count; i++) {
                size_t len = strlen(names[i]);

                if (strncmp(comment, names[i], len) == 0 &&
                    (comment[len] == ' ' || comment[len] == '\0'))
                        return 0;
        }
        return lint_add(lint, LINT_INVALID_DEFINITION_DESCRIPTION, instruction,
                        instruction->first_line,
                        "the comment before %s should read \"# %s <description>\"",
                        instruction_name(instruction->type), count > 1 ? "<name>" : names[0]);
}

static int lint_arg_description(struct lint *lint, const struct instruction *instruction)
{
        const struct key_values *pairs = &instruction->pairs;
        const char **names;
        int r;

        if (instruction->comments.count == 0 ||
            !lint_is_on(lint, LINT_INVALID_DEFINITION_DESCRIPTION, instruction))
                return 0;
        names = reallocarray(NULL, pairs->count, sizeof(*names));
        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < pairs->count; i++)
                names[i] = pairs->items[i].key;
        r = lint_description(lint, instruction, names, pairs->count);
        free(names);
        return r;
}

static int lint_from_text(struct lint *lint, const struct instruction *instruction)
{
        const struct instruction_from *from = &instruction->from;
        const char *keyword = instruction->keyword;
        unsigned int line = instruction->first_line;
        int r = 0;

        if (!from->name)
                return 0;
        if (text_has_upper(from->as_written))
                r = lint_add(lint, LINT_STAGE_NAME_CASING, instruction, line,
                             "the name of the stage \"%s\" should be in lower case",
                             from->as_written);
        if (r == 0 && ((!text_has_upper(keyword) && text_has_upper(from->as)) ||
                       (!text_has_lower(keyword) && text_has_lower(from->as))))
                r = lint_add(lint, LINT_FROM_AS_CASING, instruction, line,
                             "\"%s\" and \"%s\" should be written in the same case", keyword,
                             from->as);
        return r == 0 ? lint_description(lint, instruction, &from->name, 1) : r;
}

int lint_instruction(struct lint *lint, const struct instruction *instruction,
                     const struct logical_line *line)
{
        int r = 0;

        if (line->empty_line)
                r = lint_add(lint, LINT_NO_EMPTY_CONTINUATION, instruction, line->empty_line,
                             "there is an empty line within the %s instruction",
                             instruction_name(instruction->type));
        if (r < 0)
                return r;
        if (instruction->type == INSTRUCTION_FROM)
                return lint_from_text(lint, instruction);
        if (instruction->type == INSTRUCTION_ARG)
                return lint_arg_description(lint, instruction);
        if (instruction->type == INSTRUCTION_MAINTAINER)
                return lint_add(lint, LINT_MAINTAINER_DEPRECATED, instruction,
                                instruction->first_line,
                                "MAINTAINER is deprecated; write "
                                "LABEL org.opencontainers.image.authors=... instead");
        return 0;
}

static int lint_stage_names(struct lint *lint, const struct dockerfile *file)
{
        for (size_t i = 0; i < file->stage_count; i++) {
                const struct instruction *from = file->stages[i].from;
                const struct stage *other;
                int r = 0;

                if (!from->from.name)
                        continue;
                if (strcmp(from->from.name, "scratch") == 0 ||
                    strcmp(from->from.name, "context") == 0)
                        r = lint_add(lint, LINT_RESERVED_STAGE_NAME, from, from->first_line,
                                     "a stage should not be called \"%s\", which is reserved",
                                     from->from.name);
                other = dockerfile_find_stage(file, from->from.name, i);
                if (r == 0 && other)
                        r = lint_add(lint, LINT_DUPLICATE_STAGE_NAME, from, from->first_line,
                                     "the name \"%s\" is that of the stage in line %u as well",
                                     from->from.name, other->from->first_line);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The case of most instructions, from the first FROM on, is that of all. */
static int lint_instruction_case(struct lint *lint, const struct dockerfile *file)
{
        size_t lower = 0, upper = 0;
        bool to_lower;
        int r = 0;

        for (size_t i = file->global_count; i < file->instruction_count; i++) {
                const char *keyword = file->instructions[i].keyword;

                lower += !text_has_upper(keyword);
                upper += !text_has_lower(keyword);
        }
        to_lower = lower > upper;
        for (size_t i = file->global_count; r == 0 && i < file->instruction_count; i++) {
                const struct instruction *instruction = &file->instructions[i];
                const char *keyword = instruction->keyword;

                if (to_lower ? text_has_upper(keyword) : text_has_lower(keyword))
                        r = lint_add(lint, LINT_CONSISTENT_INSTRUCTION_CASING, instruction,
                                     instruction->first_line,
                                     "\"%s\" should be in %s case, as most instructions are",
                                     keyword, to_lower ? "lower" : "upper");
        }
        return r;
}

int lint_file(struct lint *lint, const struct dockerfile *file)
{
        int r = lint_stage_names(lint, file);

        return r < 0 ? r : lint_instruction_case(lint, file);
}
