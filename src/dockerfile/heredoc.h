/*
 * Words that ask for a heredoc: private to the room.
 */
#pragma once

#include "lexer.h"

/* Of one line. */
#define HEREDOCS_MAX 1000

/*
 * Reads one word as "[fd]<<[-]name", the name quoted or not. Returns 1 when it is one, with all but
 * the data in `ret`; 0 when it is none; -EINVAL for quotes that are not closed, -ENOMEM.
 */
int heredoc_parse_word(struct arena *arena, const char *word, struct heredoc *ret,
                       struct error *err);

/* Finds the heredocs that a line asks for, in order. A line whose quotes are not closed has none.
 * Returns 0 -E2BIG, or an error as above. */
int heredoc_find(struct arena *arena, const char *line, struct heredoc **ret, size_t *ret_count,
                 struct error *err);

/* The text without the tabs that begin its lines. NULL when memory ran out. */
const char *heredoc_strip_tabs(struct arena *arena, const char *text);
