/*
 * From bytes to logical lines: private to the room.
 *
 * A logical line is one instruction: physical lines joined where one ends with the escape
 * character, without the comments between them. Heredoc bodies are read when the parser has seen
 * which ones the line asks for.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "dockerfile/instruction.h"
#include "text.h"

#include <stdbool.h>

struct lexer {
        struct arena *arena;
        const char *pos;
        const char *end;
        unsigned int line; /* the number of the line read last */
        char escape;
};

struct logical_line {
        const char *text; /* of the arena, terminated */
        size_t len;
        unsigned int first_line;
        unsigned int last_line;
        unsigned int empty_line; /* the first empty one among those joined, 0 without one */
        const struct text_segment *segments;
        size_t segment_count;
        struct words comments; /* those right before it */
};

/* A body and how the line asked for it. */
struct heredoc {
        const char *name;
        const char *data; /* with its tabs, newlines as in the file */
        bool expand;      /* no part of the name was quoted */
        bool strip_tabs;  /* "<<-" */
};

/* The next physical line without its newline. Returns 1; 0 at the end; -E2BIG for a line that is
 * too long, whose number is then in `lexer->line`. `ret_raw_len` counts the newline too. */
int lexer_read_physical(struct lexer *lexer, struct slice *ret, size_t *ret_raw_len,
                        struct error *err);

/* The next logical line. Returns 1; 0 at the end; errors as above, and -ENOMEM. */
int lexer_read(struct lexer *lexer, struct logical_line *ret, struct error *err);

/* Reads the body of a heredoc up to the line that is its name; -EINVAL without one. */
int lexer_read_heredoc(struct lexer *lexer, struct heredoc *heredoc, struct error *err);
