/*
 * A Dockerfile as a whole: floor 1, from bytes in memory to instructions and stages.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "dockerfile/instruction.h"
#include "dockerfile/lint.h"

/* Of the file, and of one line of it without its end, as BuildKit limits it. */
#define DOCKERFILE_SIZE_MAX ((size_t)16 << 20)
#define DOCKERFILE_LINE_MAX ((size_t)65535)

#define DOCKERFILE_INSTRUCTIONS_MAX 100000

/* From one FROM to the next. */
struct stage {
        const struct instruction *from;
        const struct instruction *instructions; /* those after FROM */
        size_t instruction_count;
};

struct dockerfile {
        char escape;                            /* '\\' or '`' */
        const char *syntax;                     /* of "# syntax=", NULL where there is none */
        const struct instruction *instructions; /* all of them, in order */
        size_t instruction_count;
        size_t global_count;        /* so many of them stand before the first FROM; all are ARG */
        const struct stage *stages; /* never empty */
        size_t stage_count;
        const size_t *named_stages; /* indices, by name; those of one name in order */
        size_t named_count;
        struct lint lint;   /* its options, and what the text alone shows */
        struct arena arena; /* owns all of the above but the lint's warnings */
};

/*
 * Parses a Dockerfile. `lint` overrides the options that the file itself gives; NULL takes
 * those. The result is freed with dockerfile_free() and keeps nothing of `data`.
 *
 * Returns 0; -EINVAL for what is not in the language, -E2BIG beyond a limit above, -ENOMEM. On an
 * error `ret_where` says where in the file it is (line 0: in none of its lines). Messages do not
 * repeat the line.
 */
int dockerfile_parse(const char *data, size_t len, const struct lint_options *lint,
                     struct dockerfile **ret, struct source_position *ret_where, struct error *err);

/*
 * Parses the one instruction of an ONBUILD trigger that a base image brings along. The result has
 * no stages. Errors as above; -EINVAL too for FROM, ONBUILD, MAINTAINER and for more than one
 * instruction.
 */
int dockerfile_parse_trigger(const char *text, struct dockerfile **ret, struct error *err);

void dockerfile_free(struct dockerfile *file);

/*
 * The last stage of that name (in any case) among the first `limit` ones, or NULL. What FROM and
 * --mount=from= name: numbers are names there.
 */
const struct stage *dockerfile_find_stage(const struct dockerfile *file, const char *name,
                                          size_t limit);

/* The same, and a number is a stage's index, never a name: NULL where there is no such stage. What
 * COPY --from names. */
const struct stage *dockerfile_find_stage_or_number(const struct dockerfile *file, const char *name,
                                                    size_t limit);

static inline size_t dockerfile_stage_index(const struct dockerfile *file,
                                            const struct stage *stage)
{
        return (size_t)(stage - file->stages);
}

/*
 * Appends the lines around `where` for a person to see, the lines from `where->line` to
 * `last_line` marked with ">>>" and a caret under the column where it is known. Control characters
 * are shown as "?". Appends nothing where the line is unknown. Returns 0 or -ENOMEM.
 */
int source_excerpt(const char *data, size_t len, const struct source_position *where,
                   unsigned int last_line, struct buf *ret);
