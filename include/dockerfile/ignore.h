/*
 * Lists of patterns that leave paths out or take them in: .dockerignore, --exclude, and what
 * --parents takes: floor 1.
 *
 * As moby/patternmatcher has it: the last pattern that matches decides, "!" takes back, a
 * pattern that matches a directory matches all that lies below, "**" crosses "/".
 * https://docs.docker.com/build/concepts/context/#dockerignore-files
 *
 * Paths are relative to the context's root and clean: no leading, trailing or repeated "/", no
 * "." or "..". A struct ignore never changes, so several threads may use it at once.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Of a .dockerignore file in bytes, and of the patterns in a list; a pattern has at most
 * MATCH_PATTERN_MAX bytes (dockerfile/match.h). */
#define IGNORE_SIZE_MAX  ((size_t)1 << 20)
#define IGNORE_COUNT_MAX 10000

struct ignore;
struct ignore_scope;

/*
 * Reads a .dockerignore file. Returns 0; -EINVAL for a malformed pattern, a lone "!" or a NUL byte,
 * with the line in `ret_line`; -E2BIG, -ENOMEM.
 */
int ignore_parse(const char *data, size_t len, struct ignore **ret, unsigned int *ret_line,
                 struct error *err);

/* Takes patterns as they are given to --exclude and --parents. Errors as above. */
int ignore_new(const char *const *patterns, size_t count, struct ignore **ret, struct error *err);

void ignore_free(struct ignore *ignore);

/* One of the patterns begins with "!". */
bool ignore_has_exceptions(const struct ignore *ignore);

/* Whether the list matches `path`, by itself or by a directory above it. */
bool ignore_matches(const struct ignore *ignore, const char *path);

/* Whether a pattern takes all that is in the root: "*", "**" or "**" "/" "*". */
bool ignore_takes_root(const struct ignore *ignore);

/*
 * For walking a tree from the top: one scope for each directory on the way, which remembers the
 * patterns that matched it, so that what lies below costs one look at the others.
 *
 * ignore_enter() tests the directory `path` in the scope `parent` (NULL for the root's entries) and
 * makes its scope, freed with ignore_scope_free(). ignore_test() tests anything else.
 * ignore_enter() returns 0 or -ENOMEM.
 */
int ignore_enter(const struct ignore *ignore, const struct ignore_scope *parent, const char *path,
                 struct ignore_scope **ret, bool *ret_matched);
bool ignore_test(const struct ignore *ignore, const struct ignore_scope *parent, const char *path);
void ignore_scope_free(struct ignore_scope *scope);

/* Whether every path below the directory of this scope has the answer that it had itself, so that a
 * walk need not look. */
bool ignore_scope_is_uniform(const struct ignore_scope *scope);
