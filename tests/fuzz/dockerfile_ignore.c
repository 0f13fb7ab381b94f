/*
 * Ignore lists: the last line of the input is a path, what stands before it the list. A walk down
 * to the path never contradicts what it was told of a directory.
 */
#include "base/cleanup.h"
#include "base/path.h"
#include "dockerfile/ignore.h"
#include "dockerfile/match.h"

#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void check_walk(const struct ignore *ignore, char *path)
{
        struct ignore_scope *scopes[DEPTH_MAX + 1] = { NULL };
        bool matched = false, sure = false, answer = false;
        size_t depth = 0;

        for (char *slash = path; (slash = strchr(slash, '/')) && depth < DEPTH_MAX; slash++) {
                struct ignore_scope *parent = depth ? scopes[depth - 1] : NULL;

                *slash = '\0';
                check(ignore_enter(ignore, parent, path, &scopes[depth], &matched) == 0);
                check(ignore_test(ignore, parent, path) == matched);
                check(!sure || matched == answer);
                sure = ignore_scope_is_uniform(scopes[depth++]);
                answer = matched;
                *slash = '/';
        }
        if (depth < DEPTH_MAX) {
                matched = ignore_test(ignore, depth ? scopes[depth - 1] : NULL, path);
                check(!sure || matched == answer);
                /* With no exceptions both ways of asking are one. */
                check(ignore_has_exceptions(ignore) || matched == ignore_matches(ignore, path));
        }
        for (size_t i = 0; i < depth; i++)
                ignore_scope_free(scopes[i]);
}

static void check_match(const char *pattern, const char *path)
{
        struct error err = ERROR_INIT;
        struct match *match;
        char *name = strdup(pattern);

        if (match_new(pattern, false, &match, &err) < 0) {
                check(error_is_set(&err));
        } else {
                bool matches = match_test(match, path, strlen(path));

                match_unescape(pattern, name);
                if (!match_has_wildcard(pattern))
                        check(matches == (strcmp(name, path) == 0));
                match_free(match);
        }
        free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *newline = size > 0 ? memrchr(data, '\n', size) : NULL;
        size_t list_len = newline ? (size_t)(newline - (const char *)data) : 0;
        size_t path_at = newline ? list_len + 1 : 0;
        char *raw = size > 0 ? strndup((const char *)data + path_at, size - path_at) : strdup("");
        char *path = path_clean(raw);
        struct error err = ERROR_INIT;
        struct ignore *ignore;
        unsigned int line;

        if (ignore_parse((const char *)data, list_len, &ignore, &line, &err) == 0) {
                check_walk(ignore, path + strspn(path, "/"));
                ignore_free(ignore);
        } else {
                check(error_is_set(&err));
        }
        check_match(raw, path);
        free(path);
        free(raw);
        return 0;
}
