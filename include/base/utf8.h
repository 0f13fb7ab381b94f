/*
 * UTF-8 (RFC 3629): floor 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The length of the well-formed character at `text`, which is not empty: 1 to 4, or 0 where there
 * is none (overlong forms, surrogates, what lies beyond U+10FFFF). */
size_t utf8_length(const char *text);

bool utf8_is_valid(const char *text);
