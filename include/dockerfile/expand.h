/*
 * Variables, quotes and escapes in the words of a Dockerfile: floor 1.
 *
 * As BuildKit's frontend has it (https://docs.docker.com/reference/dockerfile/
 * #environment-replacement): $name, ${name} and in braces :- - :+ + :? ? # ## % %% / //. Patterns
 * know "*" and "?". All words of one instruction see the values from before it.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "dockerfile/instruction.h"

#include <stdbool.h>

/* Of one expanded word, and of a file written in the Dockerfile: what is longer is an error
 * (-E2BIG). */
#define EXPAND_RESULT_MAX ((size_t)1 << 20)
#define EXPAND_FILE_MAX   ((size_t)16 << 20)

/* Of "${" inside "${": what is deeper is an error (-EINVAL). */
#define EXPAND_DEPTH_MAX 64

/* Of a pattern behind # % or /, in characters (-E2BIG). */
#define EXPAND_PATTERN_MAX 1024

/* So many different names are gathered in `used` and `unset`. */
#define EXPAND_NAMES_MAX 100

struct expander {
        char escape; /* '\\' or '`', as the file has it */

        /* Finds a variable: true when it is set, with its value in `ret_value`, which has to stay
         * valid while the expansion runs. */
        bool (*lookup)(const void *variables, const char *name, const char **ret_value);
        const void *variables;

        /* Where not NULL, these gather the names that were looked up, once each. */
        struct strv *used;
        struct strv *unset;
};

/* Looks `name` up in a struct strv of "NAME=value": a `lookup` for the usual case. */
bool expand_lookup_strv(const void *strv, const char *name, const char **ret_value);

/*
 * Appends the expansion of `word` to `ret`. Returns 0; -EINVAL for what is malformed, for an
 * operator that does not exist, and where ${name?} finds nothing; -E2BIG, -ENOMEM. What was
 * appended by then stays.
 */
int expand_word(const struct expander *expander, const char *word, struct buf *ret,
                struct error *err);

/* The same, splitting the result at blanks that are not quoted; the words are appended to `ret`.
 * Empty ones are dropped. */
int expand_words(const struct expander *expander, const char *word, struct strv *ret,
                 struct error *err);

/*
 * Yields a copy of the instruction in which every field that BuildKit expands is expanded, and
 * RUN's mounts are complete. The copy lies in `arena` and shares with the original what did not
 * change, so it must not outlive it. CMD, ENTRYPOINT, HEALTHCHECK, MAINTAINER, ONBUILD, SHELL, the
 * command of RUN, --from and --exclude are never expanded. Neither is ARG here: each of its values
 * sees those before it, so the caller takes them one by one with expand_word().
 *
 * Errors as above, and -EINVAL for a mount, a signal, or an empty image, platform or volume that
 * the variables have led to. `ret_where` is set on an error.
 */
int instruction_expand(const struct instruction *instruction, const struct expander *expander,
                       struct arena *arena, struct instruction **ret,
                       struct source_position *ret_where, struct error *err);
