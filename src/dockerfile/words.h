/*
 * Taking the arguments of an instruction apart: private to the room.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "dockerfile/instruction.h"
#include "text.h"

/* Splits at blanks; quotes mean nothing. */
int words_split_blanks(struct arena *arena, struct slice text, struct words *ret,
                       struct error *err);

/* Splits at spaces that are not quoted nor escaped. Quotes and escapes stay in the words. */
int words_split_quoted(struct arena *arena, struct slice text, char escape, struct words *ret,
                       struct error *err);

/* A flag as it was written, quotes and escapes resolved: "--name" or "--name=value". */
struct flag_word {
        const char *text;
        const char *source; /* where it begins in the line */
};

struct flag_words {
        struct flag_word *items;
        size_t count;
        size_t cap;
};

/* Takes the words that begin with "--" off the front of `text`; a lone "--" ends them. Returns what
 * is left, trimmed, in `ret_rest`. */
int words_take_flags(struct arena *arena, struct slice text, char escape, struct flag_words *ret,
                     struct slice *ret_rest, struct error *err);

/*
 * Reads the JSON form: an array of strings. Returns 1 when it is one; 0 when it is no JSON array,
 * so that the text is meant as it stands; -EINVAL for an array with an element that is no string,
 * or a string with a NUL character; -ENOMEM.
 */
int words_parse_json(struct arena *arena, struct slice text, struct words *ret, struct error *err);

/* Splits a line of comma-separated values (RFC 4180), as --mount takes it. Returns 0; -EINVAL for
 * quotes that do not enclose a whole value; -ENOMEM. */
int words_split_csv(struct arena *arena, const char *text, struct words *ret, struct error *err);
