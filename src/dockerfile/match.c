/*
 * A pattern is a row of tokens, and a state is the set of those that may come next, as bits: each
 * character of the path turns one set into the next with a few shifts, whatever the stars. Time
 * is the length of the path times that of the pattern over 64, with no way to make it worse.
 *
 * Three tokens repeat: "*" takes characters but "/", "**" at the end takes all, and "**" elsewhere
 * takes any number of whole directories, which is why it may be left only behind a "/" (or at
 * once, for none).
 */
#include "dockerfile/match.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define MATCH_ASCII 128
/* Words of a set: a bit for each token, of which a byte makes one at most, and one for the end. */
#define MATCH_WORDS_MAX (MATCH_PATTERN_MAX / 64 + 1)

enum token_kind { TOKEN_CHAR, TOKEN_ANY, TOKEN_CLASS, TOKEN_STAR, TOKEN_DIRS, TOKEN_REST };

struct class_range {
        uint32_t first;
        uint32_t last;
};

struct token {
        enum token_kind kind;
        bool negated;  /* class */
        uint32_t c;    /* character */
        size_t ranges; /* class: index of the first one */
        size_t count;  /* class: how many */
};

struct match {
        struct token *tokens;
        size_t count;
        struct class_range *ranges;
        size_t range_count;
        size_t range_cap;

        /* What stands for itself at the start and at the end, without escapes: a quick look at
         * them settles most paths. A pattern without a wildcard is all prefix. */
        const char *prefix;
        size_t prefix_len;
        const char *suffix;
        size_t suffix_len;
        bool literal;

        size_t words;      /* of a set */
        uint64_t *accepts; /* by character of ASCII: the tokens that take it and are done */
        uint64_t *loops;   /* those that take any character and stay: at a "/", then elsewhere */
        uint64_t *skips;   /* those that may take nothing whenever they are in the set */
        uint64_t *enters;  /* those that may take nothing when they come into it */
        struct arena arena;
};

struct match_set {
        uint64_t bits[MATCH_WORDS_MAX];
};

bool match_has_wildcard(const char *pattern)
{
        for (; *pattern; pattern++) {
                if (strchr("*?[", *pattern))
                        return true;
                if (*pattern == '\\' && pattern[1])
                        pattern++;
        }
        return false;
}

void match_unescape(const char *pattern, char *ret)
{
        while (*pattern) {
                if (*pattern == '\\' && pattern[1])
                        pattern++;
                *ret++ = *pattern++;
        }
        *ret = '\0';
}

static int match_bad(const char *text, const char *what, struct error *err)
{
        return error_set(err, -EINVAL, "the pattern \"%.200s\" %s", text, what);
}

static bool class_takes(const struct match *match, const struct token *token, uint32_t c)
{
        for (size_t i = 0; i < token->count; i++) {
                const struct class_range *range = &match->ranges[token->ranges + i];

                if (c >= range->first && c <= range->last)
                        return !token->negated;
        }
        return token->negated;
}

/* Whether the token takes the character and is done with it. */
static bool token_takes(const struct match *match, const struct token *token, uint32_t c)
{
        switch (token->kind) {
        case TOKEN_CHAR:
                return c == token->c;
        case TOKEN_ANY:
                return c != '/';
        case TOKEN_CLASS:
                return class_takes(match, token, c);
        case TOKEN_DIRS:
                return c == '/';
        case TOKEN_STAR:
        case TOKEN_REST:
                break;
        }
        return false;
}

/* One character of a class, escaped or not. */
static int class_char(const char *whole, const char **text, uint32_t *ret, struct error *err)
{
        size_t width;

        if (!**text || **text == '-' || **text == ']')
                return match_bad(whole, "has a malformed class in \"[]\"", err);
        if (**text == '\\')
                (*text)++;
        if (!**text)
                return match_bad(whole, "has a class that is not closed by \"]\"", err);
        width = text_decode(*text, strlen(*text) < 4 ? strlen(*text) : 4, ret);
        if (*ret >= TEXT_STRAY && *ret <= TEXT_STRAY + 0xff)
                return match_bad(whole, "has a class that is not UTF-8", err);
        *text += width;
        return 0;
}

/* From behind "[". */
static int class_parse(struct match *match, const char *whole, const char **text, bool double_star,
                       struct token *token, struct error *err)
{
        token->kind = TOKEN_CLASS;
        token->negated = **text == '^';
        token->ranges = match->range_count;
        *text += token->negated;
        while (token->count == 0 || **text != ']') {
                struct class_range range = { 0 };
                struct class_range *ranges;
                int r = class_char(whole, text, &range.first, err);

                if (r < 0)
                        return r;
                range.last = range.first;
                if (**text == '-') {
                        (*text)++;
                        r = class_char(whole, text, &range.last, err);
                        if (r < 0)
                                return r;
                        /* Of no use; for moby/patternmatcher it is an error as well. */
                        if (double_star && range.last < range.first)
                                return match_bad(whole, "has a range that runs backwards", err);
                }
                ranges = arena_grow(&match->arena, match->ranges, match->range_count,
                                    &match->range_cap, sizeof(*ranges));
                if (!ranges)
                        return error_set_oom(err);
                match->ranges = ranges;
                ranges[match->range_count++] = range;
                token->count++;
        }
        (*text)++;
        return 0;
}

/*
 * What "**" is, from behind it: at the end it takes all that is left. Before anything else it takes
 * whole directories and swallows the "/" that follows; only as the one wildcard, at the start of a
 * pattern, it may end in the middle of a name.
 */
static enum token_kind double_star_kind(const char *whole, const char *text)
{
        if (!*text)
                return TOKEN_REST;
        if (text == whole + 2 && *text != '/' && !strpbrk(text, "*?[]\\"))
                return TOKEN_REST;
        return TOKEN_DIRS;
}

static int token_parse(struct match *match, const char *whole, const char **text, bool double_star,
                       struct token *token, struct error *err)
{
        const char *at = *text;

        switch (*at) {
        case '*':
                if (!double_star || at[1] != '*') {
                        token->kind = TOKEN_STAR;
                        *text = at + 1;
                        return 0;
                }
                token->kind = double_star_kind(whole, at + 2);
                *text = at + 2 + (token->kind == TOKEN_DIRS && at[2] == '/');
                return 0;
        case '?':
                token->kind = TOKEN_ANY;
                *text = at + 1;
                return 0;
        case '[':
                *text = at + 1;
                return class_parse(match, whole, text, double_star, token, err);
        case '\\':
                if (!*++at)
                        return match_bad(whole, "ends with a backslash", err);
                break;
        default:
                break;
        }
        token->kind = TOKEN_CHAR;
        *text = at + text_decode(at, strlen(at) < 4 ? strlen(at) : 4, &token->c);
        return 0;
}

static int match_tokenize(struct match *match, const char *text, bool double_star,
                          struct error *err)
{
        const char *whole = text;

        match->tokens = arena_alloc_array(&match->arena, strlen(text), sizeof(struct token));
        if (!match->tokens)
                return error_set_oom(err);
        while (*text) {
                int r = token_parse(match, whole, &text, double_star, &match->tokens[match->count],
                                    err);

                if (r < 0)
                        return r;
                match->count++;
        }
        return 0;
}

static uint64_t bit(size_t index)
{
        return UINT64_C(1) << (index % 64);
}

static int match_build_sets(struct match *match, struct error *err)
{
        size_t words = match->count / 64 + 1;

        match->words = words;
        match->accepts = arena_alloc_array(&match->arena, words * MATCH_ASCII, sizeof(uint64_t));
        match->loops = arena_alloc_array(&match->arena, words * 2, sizeof(uint64_t));
        match->skips = arena_alloc_array(&match->arena, words, sizeof(uint64_t));
        match->enters = arena_alloc_array(&match->arena, words, sizeof(uint64_t));
        if (!match->accepts || !match->loops || !match->skips || !match->enters)
                return error_set_oom(err);
        for (size_t i = 0; i < match->count; i++) {
                const struct token *token = &match->tokens[i];
                size_t word = i / 64;

                for (uint32_t c = 0; c < MATCH_ASCII; c++)
                        if (token_takes(match, token, c))
                                match->accepts[c * words + word] |= bit(i);
                if (token->kind < TOKEN_STAR)
                        continue;
                match->loops[words + word] |= bit(i);
                match->enters[word] |= bit(i);
                if (token->kind != TOKEN_STAR)
                        match->loops[word] |= bit(i);
                if (token->kind != TOKEN_DIRS)
                        match->skips[word] |= bit(i);
        }
        return 0;
}

static int match_literal(struct match *match, size_t from, size_t to, const char **ret,
                         size_t *ret_len, struct error *err)
{
        _cleanup_(buf_done) struct buf text = BUF_INIT;

        for (size_t i = from; i < to; i++)
                if (text_encode(match->tokens[i].c, &text) < 0)
                        return error_set_oom(err);
        *ret = arena_strndup(&match->arena, buf_str(&text), text.len);
        *ret_len = text.len;
        return *ret ? 0 : error_set_oom(err);
}

static int match_find_literals(struct match *match, struct error *err)
{
        size_t first = 0, last = match->count;
        int r;

        while (first < match->count && match->tokens[first].kind == TOKEN_CHAR)
                first++;
        while (last > first && match->tokens[last - 1].kind == TOKEN_CHAR)
                last--;
        match->literal = first == match->count;
        r = match_literal(match, 0, first, &match->prefix, &match->prefix_len, err);
        if (r < 0)
                return r;
        return match_literal(match, last, match->count, &match->suffix, &match->suffix_len, err);
}

void match_free(struct match *match)
{
        if (!match)
                return;
        arena_done(&match->arena);
        free(match);
}

DEFINE_CLEANUP(match, struct match, match_free)

int match_new(const char *pattern, bool double_star, struct match **ret, struct error *err)
{
        _cleanup_(cleanup_match) struct match *match = calloc(1, sizeof(*match));
        int r;

        if (!match)
                return error_set_oom(err);
        if (strlen(pattern) > MATCH_PATTERN_MAX)
                return error_set(err, -E2BIG, "a pattern is longer than %d bytes",
                                 MATCH_PATTERN_MAX);
        r = match_tokenize(match, pattern, double_star, err);
        if (r < 0)
                return r;
        r = match_find_literals(match, err);
        if (r < 0)
                return r;
        if (!match->literal) {
                r = match_build_sets(match, err);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(match);
        return 0;
}

/* Adds to `entered` what may be next because a token that has just come into it takes nothing. */
static void match_close(const struct match *match, uint64_t *entered)
{
        bool more = true;

        while (more) {
                uint64_t carry = 0;

                more = false;
                for (size_t w = 0; w < match->words; w++) {
                        uint64_t skipped = entered[w] & match->enters[w];
                        uint64_t next = entered[w] | skipped << 1 | carry;

                        carry = skipped >> 63;
                        more = more || next != entered[w];
                        entered[w] = next;
                }
        }
}

static void match_start(const struct match *match, struct match_set *set)
{
        memset(set->bits, 0, match->words * sizeof(uint64_t));
        set->bits[0] = 1;
        match_close(match, set->bits);
}

/* Takes one character. Returns false when nothing can come next. */
static bool match_step(const struct match *match, struct match_set *set, uint32_t c)
{
        const uint64_t *loops = match->loops + (c == '/' ? 0 : match->words);
        uint64_t rare[MATCH_WORDS_MAX], entered[MATCH_WORDS_MAX], carry = 0, any = 0;
        const uint64_t *accepts = rare;

        if (c < MATCH_ASCII) {
                accepts = match->accepts + c * match->words;
        } else {
                memset(rare, 0, match->words * sizeof(uint64_t));
                for (size_t i = 0; i < match->count; i++)
                        if (set->bits[i / 64] & bit(i) && token_takes(match, &match->tokens[i], c))
                                rare[i / 64] |= bit(i);
        }
        for (size_t w = 0; w < match->words; w++) {
                uint64_t stay = set->bits[w] & loops[w];
                uint64_t done = (set->bits[w] & accepts[w]) | (stay & match->skips[w]);

                entered[w] = done << 1 | carry;
                carry = done >> 63;
                set->bits[w] = stay;
        }
        match_close(match, entered);
        for (size_t w = 0; w < match->words; w++) {
                set->bits[w] |= entered[w];
                any |= set->bits[w];
        }
        return any != 0;
}

static bool match_walk(const struct match *match, struct match_set *set, const char *path,
                       size_t len)
{
        size_t pos = 0;

        while (pos < len) {
                uint32_t c;

                pos += text_decode(path + pos, len - pos, &c);
                if (!match_step(match, set, c))
                        return false;
        }
        return true;
}

bool match_test(const struct match *match, const char *path, size_t len)
{
        struct match_set set;

        if (len < match->prefix_len || memcmp(path, match->prefix, match->prefix_len) != 0)
                return false;
        if (match->literal)
                return len == match->prefix_len;
        if (len < match->prefix_len + match->suffix_len ||
            memcmp(path + len - match->suffix_len, match->suffix, match->suffix_len) != 0)
                return false;
        match_start(match, &set);
        return match_walk(match, &set, path, len) &&
               set.bits[match->count / 64] & bit(match->count);
}

bool match_may_match_below(const struct match *match, const char *dir, size_t len)
{
        struct match_set set;

        if (match->literal)
                return match->prefix_len > len + 1 && match->prefix[len] == '/' &&
                       memcmp(match->prefix, dir, len) == 0;
        match_start(match, &set);
        if (!match_walk(match, &set, dir, len) || !match_step(match, &set, '/'))
                return false;
        set.bits[match->count / 64] &= ~bit(match->count);
        for (size_t w = 0; w < match->words; w++)
                if (set.bits[w])
                        return true;
        return false;
}
