/*
 * Build arguments that speak to the builder instead of to an ARG, by BuildKit's names. Private to
 * src/build/.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "dockerfile/lint.h"

#include <stdbool.h>

struct builder_args {
        const char *hostname;        /* of RUN steps; borrowed, or NULL */
        const char *cache_namespace; /* of the ids of caches that are mounted; borrowed, or NULL */
        bool keep_git_dir;           /* of a context that is a repository */
        bool has_lint;               /* `lint` goes before the directive of the file */
        struct lint_options lint;
};

/* Whether an argument of this name is for the builder. */
bool builder_args_know(const char *name);

/*
 * Reads them among the values of --build-arg, "NAME=value" (or NULL). -EINVAL: a value that cannot
 * be; -EOPNOTSUPP: what varve does not do.
 */
int builder_args_read(const struct strv *args, struct builder_args *ret, struct error *err);

/* Whether one of them, BUILDKIT_SYNTAX, says what the file is written in, whatever that says. */
bool builder_args_name_syntax(const struct strv *args);

/*
 * Refuses, with -EOPNOTSUPP, a frontend ("docker/dockerfile:1") that speaks another language than
 * Dockerfile's own: another program would have to read the file. -EINVAL: it is no reference.
 */
int builder_check_syntax(const char *frontend, struct error *err);
