/*
 * The lexer for words with variables, quotes and escapes: private to the room.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "dockerfile/expand.h"

#include <stdbool.h>

struct shell_options {
        char escape;
        bool raw_quotes;  /* quotes are understood and stay */
        bool raw_escapes; /* escapes are understood and stay */
        bool file;        /* quotes are characters like others, and more of them may come */
        bool keep_unset;  /* a variable that is not set stays as it was written */
};

/* Appends the expansion of `word`. `expander` may be NULL: no variable is set then. `options`
 * stand in place of the expander's escape. Errors as expand_word(). */
int shell_expand(const struct shell_options *options, const struct expander *expander,
                 const char *word, struct buf *ret, struct error *err);

/* The same, split into words. */
int shell_split(const struct shell_options *options, const struct expander *expander,
                const char *word, struct strv *ret, struct error *err);
