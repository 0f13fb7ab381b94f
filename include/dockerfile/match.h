/*
 * Wildcards in paths: floor 1.
 *
 * Patterns are those of Go's filepath.Match: "*" (not "/"), "?" (not "/"), [a-z], [^a-z], and "\"
 * before a character that stands for itself. Those of .dockerignore, --exclude and --parents know
 * "**" too, which crosses "/".
 *
 * Paths are byte strings; "?" and classes take a whole UTF-8 character, or one byte where it is no
 * UTF-8.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Of one pattern, in bytes. */
#define MATCH_PATTERN_MAX 4096

struct match;

/*
 * Compiles a pattern, with "**" as moby/patternmatcher takes it where `double_star` is set. The
 * result is freed with match_free(); it never changes, so several threads may use it at once.
 * Returns 0; -EINVAL for a malformed pattern, -E2BIG for one that is too long, -ENOMEM.
 */
int match_new(const char *pattern, bool double_star, struct match **ret, struct error *err);
void match_free(struct match *match);

/* Whether all of the `len` bytes of `path` match. */
bool match_test(const struct match *match, const char *path, size_t len);

/* Whether a path that begins with `dir` and "/" might match. */
bool match_may_match_below(const struct match *match, const char *dir, size_t len);

/* Whether the pattern has "*", "?" or "[" that no backslash stands before. */
bool match_has_wildcard(const char *pattern);

/* Writes the pattern without its backslashes to `ret`, which has room for as many bytes as
 * `pattern` has with its terminator: the one name that a pattern without a wildcard matches. */
void match_unescape(const char *pattern, char *ret);
