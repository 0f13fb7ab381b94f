/*
 * "Did you mean ...?": floor 0.
 */
#pragma once

#include <stddef.h>

/* Words longer than this are never similar to anything. */
#define SUGGEST_WORD_MAX 64

/*
 * The candidate that is most like `word`: at most two letters inserted, removed, replaced or
 * swapped with their neighbour, case aside; the first of several. NULL where none is, and where one
 * is the word itself. The result is one of the candidates.
 */
const char *suggest_similar(const char *word, const char *const *candidates, size_t count);
