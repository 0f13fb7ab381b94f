/*
 * The parser directives at the top of a file: private to the room.
 * https://docs.docker.com/reference/dockerfile/#parser-directives
 */
#pragma once

#include "lexer.h"

struct directives {
        char escape;
        const char *syntax; /* NULL where not given; up to the first blank */
        const char *check;  /* the same */
        unsigned int check_line;
};

/* Reads them and leaves the lexer at the first line that is none. Returns 0; -EINVAL for one given
 * twice or an escape that cannot be, with its number in `lexer->line`; errors of
 * lexer_read_physical(), -ENOMEM. */
int directives_read(struct lexer *lexer, struct directives *ret, struct error *err);
