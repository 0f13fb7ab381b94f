/*
 * Text of others on a terminal: it can move no cursor, set no title and hide nothing. Private to
 * src/cli/.
 *
 * The locale's characters have to be UTF-8 (main.c sees to that).
 */
#pragma once

#include <stddef.h>

/* Takes control sequences (ECMA-48, whole ones) and control characters out, in place; a tab becomes
 * a space, what is no UTF-8 or turns the direction of writing "?". Returns the new length; the text
 * is terminated if there was anything to take out. */
size_t terminal_strip(char *text, size_t len);

/* How many of the first bytes fit into so many columns, whole characters alone; `ret_columns` is
 * what they take. The text is one that terminal_strip() has left. */
size_t terminal_fit(const char *text, size_t len, int columns, int *ret_columns);
