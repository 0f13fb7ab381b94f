/*
 * The value and the pattern are taken apart into characters first. A pattern is then a row of
 * segments with a star between each two. Since a star reaches every place up to the next newline,
 * taking each inner segment at its first place never spoils a match, and the last segment alone
 * decides how long it is: no backtracking is needed, and the work is the length of the value times
 * that of the pattern at most.
 */
#include "glob.h"

#include "base/cleanup.h"
#include "dockerfile/expand.h"
#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* Beyond all characters. */
#define GLOB_STAR 0x110000u
#define GLOB_ANY  0x110001u

struct glob_text {
        uint32_t *chars; /* owned */
        size_t count;
};

static void glob_text_done(struct glob_text *text)
{
        free(text->chars);
}

static int glob_text_init(struct glob_text *text, const char *value, struct error *err)
{
        size_t len = strlen(value), pos = 0;

        text->count = 0;
        text->chars = reallocarray(NULL, len + 1, sizeof(*text->chars));
        if (!text->chars)
                return error_set_oom(err);
        while (pos < len)
                pos += text_decode(value + pos, len - pos, &text->chars[text->count++]);
        return 0;
}

static int glob_text_append(const struct glob_text *text, size_t from, size_t to, struct buf *ret,
                            struct error *err)
{
        for (size_t i = from; i < to; i++)
                if (text_encode(text->chars[i], ret) < 0)
                        return error_set_oom(err);
        return 0;
}

static void glob_text_reverse(struct glob_text *text)
{
        for (size_t i = 0; i < text->count / 2; i++) {
                uint32_t c = text->chars[i];

                text->chars[i] = text->chars[text->count - 1 - i];
                text->chars[text->count - 1 - i] = c;
        }
}

/* Turns the characters of a pattern into tokens, in place. */
static int glob_compile(const char *pattern, struct glob_text *ret, struct error *err)
{
        size_t used = 0;
        int r;

        r = glob_text_init(ret, pattern, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ret->count; i++) {
                uint32_t c = ret->chars[i];

                if (c == '*') {
                        c = GLOB_STAR;
                } else if (c == '?') {
                        c = GLOB_ANY;
                } else if (c == '\\') {
                        uint32_t next = i + 1 < ret->count ? ret->chars[i + 1] : 0;

                        /* Inside of ${} these two are escaped for the braces' sake alone. */
                        if (next == '}' || next == '/')
                                continue;
                        if (next != '*' && next != '?' && next != '\\')
                                return error_set(err, -EINVAL,
                                                 "the pattern \"%s\" has a backslash before "
                                                 "what is not *, ? or a backslash",
                                                 pattern);
                        c = next;
                        i++;
                }
                ret->chars[used++] = c;
        }
        ret->count = used;
        if (used > EXPAND_PATTERN_MAX)
                return error_set(err, -E2BIG, "a pattern is longer than %d characters",
                                 EXPAND_PATTERN_MAX);
        return 0;
}

/* Whether a segment, which has no star, stands at `pos`. */
static bool glob_segment_at(const uint32_t *segment, size_t count, const struct glob_text *text,
                            size_t pos)
{
        if (count > text->count - pos)
                return false;
        for (size_t i = 0; i < count; i++) {
                uint32_t c = text->chars[pos + i];

                if (segment[i] == GLOB_ANY ? c == '\n' : c != segment[i])
                        return false;
        }
        return true;
}

/* The first (or last) place of a segment from `pos` on that a star reaches. */
static bool glob_segment_find(const uint32_t *segment, size_t count, const struct glob_text *text,
                              size_t pos, bool last, size_t *ret)
{
        bool found = false;

        for (; pos <= text->count; pos++) {
                if (glob_segment_at(segment, count, text, pos)) {
                        *ret = pos;
                        found = true;
                        if (!last)
                                break;
                }
                if (pos < text->count && text->chars[pos] == '\n')
                        break;
        }
        return found;
}

static size_t glob_segment_len(const struct glob_text *pattern, size_t from)
{
        size_t to = from;

        while (to < pattern->count && pattern->chars[to] != GLOB_STAR)
                to++;
        return to - from;
}

static bool glob_match_at(const struct glob_text *pattern, const struct glob_text *text, size_t pos,
                          bool longest, size_t *ret_end)
{
        size_t len = glob_segment_len(pattern, 0), next = len;

        if (!glob_segment_at(pattern->chars, len, text, pos))
                return false;
        pos += len;
        while (next < pattern->count) {
                const uint32_t *segment = pattern->chars + ++next;

                len = glob_segment_len(pattern, next);
                next += len;
                if (!glob_segment_find(segment, len, text, pos, longest && next == pattern->count,
                                       &pos))
                        return false;
                pos += len;
        }
        *ret_end = pos;
        return true;
}

/* The leftmost match from `pos` on, the longest there. */
static bool glob_search(const struct glob_text *pattern, const struct glob_text *text, size_t pos,
                        size_t *ret_start, size_t *ret_end)
{
        size_t first = glob_segment_len(pattern, 0);

        while (pos <= text->count) {
                size_t newline;

                if (glob_match_at(pattern, text, pos, true, ret_end)) {
                        *ret_start = pos;
                        return true;
                }
                if (first == pattern->count || !glob_segment_at(pattern->chars, first, text, pos)) {
                        pos++;
                        continue;
                }
                /* What follows the first star is not on this line, so no start before the
                 * newline will do, but one from which the first segment itself crosses it. */
                newline = pos + first;
                while (newline < text->count && text->chars[newline] != '\n')
                        newline++;
                pos = newline + 1 - first > pos ? newline + 1 - first : pos + 1;
        }
        return false;
}

int glob_trim_prefix(const char *pattern, const char *value, bool longest, struct buf *ret,
                     struct error *err)
{
        _cleanup_(glob_text_done) struct glob_text glob = {}, text = {};
        size_t end = 0;
        int r;

        r = glob_compile(pattern, &glob, err);
        if (r < 0)
                return r;
        r = glob_text_init(&text, value, err);
        if (r < 0)
                return r;
        if (!glob_match_at(&glob, &text, 0, longest, &end))
                end = 0;
        return glob_text_append(&text, end, text.count, ret, err);
}

int glob_trim_suffix(const char *pattern, const char *value, bool longest, struct buf *ret,
                     struct error *err)
{
        _cleanup_(glob_text_done) struct glob_text glob = {}, text = {};
        size_t end = 0;
        int r;

        r = glob_compile(pattern, &glob, err);
        if (r < 0)
                return r;
        r = glob_text_init(&text, value, err);
        if (r < 0)
                return r;
        glob_text_reverse(&glob);
        glob_text_reverse(&text);
        if (!glob_match_at(&glob, &text, 0, longest, &end))
                end = 0;
        glob_text_reverse(&text);
        return glob_text_append(&text, 0, text.count - end, ret, err);
}

/* The length of the name at the start of `text`, as a template of Go's regexp.Expand has it. */
static size_t glob_template_name(const char *text, size_t len)
{
        size_t used = 0;

        while (used < len) {
                uint32_t c;
                size_t width = text_decode(text + used, len - used, &c);

                if (c != '_' && !text_is_letter(c) && !text_is_digit(c))
                        break;
                used += width;
        }
        return used;
}

/*
 * Appends the text for one match of //. BuildKit hands it to Go's regexp.ReplaceAllString(), where
 * "$0" stands for what matched, any other $name for nothing, and "$$" for a dollar sign.
 */
static int glob_template_append(const char *template, const struct glob_text *text, size_t start,
                                size_t end, struct buf *ret, struct error *err)
{
        while (*template) {
                const char *dollar = strchrnul(template, '$'), *name;
                size_t len;
                bool braces;

                if (buf_append(ret, template, (size_t)(dollar - template)) < 0)
                        return error_set_oom(err);
                if (!*dollar)
                        break;
                braces = dollar[1] == '{';
                name = dollar + 1 + braces;
                len = glob_template_name(name, strlen(name));
                if (dollar[1] == '$' || len == 0 || (braces && name[len] != '}')) {
                        if (buf_append_char(ret, '$') < 0)
                                return error_set_oom(err);
                        template = dollar + 1 + (dollar[1] == '$');
                        continue;
                }
                if (len == 1 && name[0] == '0') {
                        int r = glob_text_append(text, start, end, ret, err);

                        if (r < 0)
                                return r;
                }
                template = name + len + braces;
        }
        return 0;
}

static int glob_replace_all(const struct glob_text *glob, const char *replacement,
                            const struct glob_text *text, struct buf *ret, struct error *err)
{
        size_t pos = 0, copied = 0, start, end;
        int r;

        while (glob_search(glob, text, pos, &start, &end)) {
                r = glob_text_append(text, copied, start, ret, err);
                if (r < 0)
                        return r;
                /* An empty match right behind another one does not count. */
                if (end > copied || start == 0) {
                        r = glob_template_append(replacement, text, start, end, ret, err);
                        if (r < 0)
                                return r;
                }
                if (ret->len > EXPAND_RESULT_MAX)
                        return error_set(err, -E2BIG, "the result of a replacement is too long");
                copied = end;
                pos = end > pos ? end : pos + 1;
        }
        return glob_text_append(text, copied, text->count, ret, err);
}

int glob_replace(const char *pattern, const char *replacement, const char *value, bool all,
                 struct buf *ret, struct error *err)
{
        _cleanup_(glob_text_done) struct glob_text glob = {}, text = {};
        size_t start, end;
        int r;

        r = glob_compile(pattern, &glob, err);
        if (r < 0)
                return r;
        r = glob_text_init(&text, value, err);
        if (r < 0)
                return r;
        if (all)
                return glob_replace_all(&glob, replacement, &text, ret, err);
        if (!glob_search(&glob, &text, 0, &start, &end))
                return glob_text_append(&text, 0, text.count, ret, err);
        r = glob_text_append(&text, 0, start, ret, err);
        if (r < 0)
                return r;
        if (buf_append_str(ret, replacement) < 0)
                return error_set_oom(err);
        return glob_text_append(&text, end, text.count, ret, err);
}
