/*
 * The patterns of ${name#pattern}, ${name%pattern} and ${name/pattern/text}: private to the room.
 *
 * "*" is any number of characters and "?" is one, neither a newline; "\" stands before "*", "?"
 * and itself.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

/* Appends `value` without the shortest (or longest) prefix, or suffix, that matches. Returns 0;
 * -EINVAL for an escape of another character, -E2BIG for a pattern that is too long, -ENOMEM. */
int glob_trim_prefix(const char *pattern, const char *value, bool longest, struct buf *ret,
                     struct error *err);
int glob_trim_suffix(const char *pattern, const char *value, bool longest, struct buf *ret,
                     struct error *err);

/* Appends `value` with the first (or every) longest match replaced. Errors as above. */
int glob_replace(const char *pattern, const char *replacement, const char *value, bool all,
                 struct buf *ret, struct error *err);
