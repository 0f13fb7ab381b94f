#include "dockerfile/ignore.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "dockerfile/match.h"
#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

struct ignore_pattern {
        struct match *match; /* owned */
        bool exception;      /* it began with "!" */
        bool takes_root;
};

struct ignore {
        struct ignore_pattern *patterns; /* owned */
        size_t count;
        size_t cap;
        bool exceptions;
};

/* Which patterns matched a directory, a bit for each. */
struct ignore_scope {
        bool uniform;
        uint64_t matched[];
};

void ignore_free(struct ignore *ignore)
{
        if (!ignore)
                return;
        for (size_t i = 0; i < ignore->count; i++)
                match_free(ignore->patterns[i].match);
        free(ignore->patterns);
        free(ignore);
}

DEFINE_CLEANUP(ignore, struct ignore, ignore_free)

bool ignore_has_exceptions(const struct ignore *ignore)
{
        return ignore->exceptions;
}

static struct ignore_pattern *ignore_grow(struct ignore *ignore, struct error *err)
{
        size_t cap = ignore->cap ? ignore->cap * 2 : 16;
        struct ignore_pattern *patterns;

        if (ignore->count == IGNORE_COUNT_MAX) {
                error_set(err, -E2BIG, "there are more than %d patterns", IGNORE_COUNT_MAX);
                return NULL;
        }
        if (ignore->count == ignore->cap) {
                patterns = reallocarray(ignore->patterns, cap, sizeof(*patterns));
                if (!patterns) {
                        error_set_oom(err);
                        return NULL;
                }
                ignore->patterns = patterns;
                ignore->cap = cap;
        }
        return &ignore->patterns[ignore->count];
}

/* Adds one pattern; one of blanks alone adds nothing. */
static int ignore_add(struct ignore *ignore, struct slice slice, struct error *err)
{
        _cleanup_free_ char *text = NULL, *clean = NULL;
        struct ignore_pattern *pattern;
        bool exception;
        const char *path;
        int r;

        slice = slice_trim(slice);
        if (slice.len == 0)
                return 0;
        exception = slice.text[0] == '!';
        if (exception) {
                slice.text++;
                slice.len--;
                slice = slice_trim(slice);
                if (slice.len == 0)
                        return error_set(err, -EINVAL, "\"!\" stands alone, without a pattern");
        }
        text = slice_copy(slice);
        clean = text ? path_clean(text) : NULL;
        if (!clean)
                return error_set_oom(err);
        path = clean + (clean[0] == '/' && clean[1] != '\0');
        if (exception && strcmp(path, "/") == 0)
                return error_set(err, -EINVAL, "\"!/\" takes back nothing");
        pattern = ignore_grow(ignore, err);
        if (!pattern)
                return err->code;
        r = match_new(path, true, &pattern->match, err);
        if (r < 0)
                return r;
        pattern->exception = exception;
        pattern->takes_root =
                strcmp(path, "*") == 0 || strcmp(path, "**") == 0 || strcmp(path, "**/*") == 0;
        ignore->exceptions = ignore->exceptions || exception;
        ignore->count++;
        return 0;
}

int ignore_parse(const char *data, size_t len, struct ignore **ret, unsigned int *ret_line,
                 struct error *err)
{
        _cleanup_(cleanup_ignore) struct ignore *ignore = calloc(1, sizeof(*ignore));
        const char *end = data + len;
        unsigned int line = 1;

        *ret_line = 0;
        if (!ignore)
                return error_set_oom(err);
        if (len > IGNORE_SIZE_MAX)
                return error_set(err, -E2BIG, "the file is larger than %zu bytes", IGNORE_SIZE_MAX);
        if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
                data += 3;
        for (; data < end; line++) {
                const char *newline = memchr(data, '\n', (size_t)(end - data));
                struct slice slice = { data, (size_t)((newline ? newline : end) - data) };
                int r = 0;

                if (memchr(slice.text, '\0', slice.len))
                        r = error_set(err, -EINVAL, "there is a NUL byte in the line");
                else if (slice.len > 0 && slice.text[0] != '#')
                        r = ignore_add(ignore, slice, err);
                if (r < 0) {
                        *ret_line = line;
                        return r;
                }
                data = newline ? newline + 1 : end;
        }
        *ret = TAKE_PTR(ignore);
        return 0;
}

int ignore_new(const char *const *patterns, size_t count, struct ignore **ret, struct error *err)
{
        _cleanup_(cleanup_ignore) struct ignore *ignore = calloc(1, sizeof(*ignore));

        if (!ignore)
                return error_set_oom(err);
        for (size_t i = 0; i < count; i++) {
                int r = ignore_add(ignore, (struct slice){ patterns[i], strlen(patterns[i]) }, err);

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(ignore);
        return 0;
}

/* Whether the pattern matches the path or a directory above it. */
static bool ignore_pattern_test_all(const struct ignore_pattern *pattern, const char *path,
                                    size_t len)
{
        for (size_t i = 1; i <= len; i++)
                if ((i == len || path[i] == '/') && match_test(pattern->match, path, i))
                        return true;
        return false;
}

static bool scope_has(const struct ignore_scope *scope, size_t i)
{
        return scope->matched[i / 64] >> (i % 64) & 1;
}

/*
 * Runs through the patterns. One that would not change the answer so far is not tried, and does not
 * count as a match of the directory either: this is how moby/patternmatcher has it.
 */
static bool ignore_run(const struct ignore *ignore, const struct ignore_scope *parent,
                       const char *path, size_t len, struct ignore_scope *scope)
{
        bool matched = false;

        for (size_t i = 0; i < ignore->count; i++) {
                const struct ignore_pattern *pattern = &ignore->patterns[i];
                bool hit = parent && scope_has(parent, i);

                if (!hit) {
                        if (pattern->exception != matched)
                                continue;
                        hit = parent ? match_test(pattern->match, path, len)
                                     : ignore_pattern_test_all(pattern, path, len);
                }
                if (!hit)
                        continue;
                matched = !pattern->exception;
                if (scope)
                        scope->matched[i / 64] |= UINT64_C(1) << (i % 64);
        }
        return matched;
}

bool ignore_matches(const struct ignore *ignore, const char *path)
{
        return ignore_run(ignore, NULL, path, strlen(path), NULL);
}

bool ignore_test(const struct ignore *ignore, const struct ignore_scope *parent, const char *path)
{
        return ignore_run(ignore, parent, path, strlen(path), NULL);
}

/*
 * The last pattern that matched the directory decides for everything below it, but for those
 * behind it in the list which say the opposite and may match there.
 */
static bool ignore_is_uniform_below(const struct ignore *ignore, const struct ignore_scope *scope,
                                    const char *dir, size_t len, bool matched)
{
        for (size_t i = ignore->count; i > 0; i--) {
                const struct ignore_pattern *pattern = &ignore->patterns[i - 1];

                if (scope_has(scope, i - 1))
                        return true;
                if (pattern->exception == matched &&
                    match_may_match_below(pattern->match, dir, len))
                        return false;
        }
        return true;
}

int ignore_enter(const struct ignore *ignore, const struct ignore_scope *parent, const char *path,
                 struct ignore_scope **ret, bool *ret_matched)
{
        size_t words = ignore->count / 64 + 1, len = strlen(path);
        struct ignore_scope *scope = calloc(1, sizeof(*scope) + words * sizeof(uint64_t));

        if (!scope)
                return -ENOMEM;
        *ret_matched = ignore_run(ignore, parent, path, len, scope);
        scope->uniform = ignore_is_uniform_below(ignore, scope, path, len, *ret_matched);
        *ret = scope;
        return 0;
}

void ignore_scope_free(struct ignore_scope *scope)
{
        free(scope);
}

bool ignore_scope_is_uniform(const struct ignore_scope *scope)
{
        return scope->uniform;
}

bool ignore_takes_root(const struct ignore *ignore)
{
        for (size_t i = 0; i < ignore->count; i++)
                if (ignore->patterns[i].takes_root && !ignore->patterns[i].exception)
                        return true;
        return false;
}
