/*
 * One pass from left to right over the word. Each construct appends what it stands for to a buffer:
 * the caller's at the top, one of its own inside of ${}, where the text behind the operator is
 * expanded whether it is needed or not, so that an error in it is never missed.
 *
 * Where words are wanted, the top level feeds each piece to the words as well: what came from
 * quotes and escapes as it is, what came from variables and bare text split at spaces.
 */
#include "shell.h"

#include "base/cleanup.h"
#include "glob.h"
#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define SHELL_TO_THE_END '\0'
/* So many times the longest result may be put together on the way to one. */
#define SHELL_WORK_FACTOR 8

struct shell {
        const struct shell_options *options;
        const struct expander *expander; /* may be NULL */
        const char *pos;
        const char *end;
        unsigned int depth;
        size_t work; /* bytes put together so far, also those that went no further */
};

static size_t shell_max(const struct shell *shell)
{
        return shell->options->file ? EXPAND_FILE_MAX : EXPAND_RESULT_MAX;
}

/*
 * Accounts for work. Values and operators within one another could make short words do very much
 * of it, with little to show in the end.
 */
static int shell_charge(struct shell *shell, size_t bytes, struct error *err)
{
        size_t max = shell_max(shell) * SHELL_WORK_FACTOR;

        if (bytes > max - shell->work)
                return error_set(err, -E2BIG, "its variables and operators take too much work");
        shell->work += bytes;
        return 0;
}

/* Accounts for what was appended from `before` on, and holds what was appended from `start` on
 * against the limit. */
static int shell_check(struct shell *shell, const struct buf *ret, size_t start, size_t before,
                       struct error *err)
{
        if (ret->len - start > shell_max(shell))
                return error_set(err, -E2BIG,
                                 "what its variables make of it is longer than %zu bytes",
                                 shell_max(shell));
        return shell_charge(shell, ret->len - before, err);
}

struct shell_words {
        struct strv *out;
        struct buf word; /* owned */
        bool in_word;
};

static void shell_words_done(struct shell_words *words)
{
        buf_done(&words->word);
}

static int shell_append(struct buf *buf, const char *data, size_t len, struct error *err)
{
        return buf_append(buf, data, len) < 0 ? error_set_oom(err) : 0;
}

static int shell_words_flush(struct shell_words *words, struct error *err)
{
        if (words->word.len == 0)
                return 0;
        words->in_word = false;
        return strv_take(words->out, buf_take_str(&words->word)) < 0 ? error_set_oom(err) : 0;
}

static int shell_words_add_raw(struct shell_words *words, const char *data, size_t len,
                               struct error *err)
{
        words->in_word = true;
        return shell_append(&words->word, data, len, err);
}

static int shell_words_add(struct shell_words *words, const char *data, size_t len,
                           struct error *err)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < len;) {
                uint32_t c;
                size_t width = text_decode(data + i, len - i, &c);

                if (!text_is_space(c))
                        r = shell_words_add_raw(words, data + i, width, err);
                else if (words->in_word)
                        r = shell_words_flush(words, err);
                i += width;
        }
        return r;
}

static int shell_words_put(struct shell_words *words, const char *data, size_t len, bool raw,
                           struct error *err)
{
        return raw ? shell_words_add_raw(words, data, len, err)
                   : shell_words_add(words, data, len, err);
}

/* Appends to the result and, where they are wanted, to the words. */
static int shell_put(struct buf *ret, struct shell_words *words, const char *data, size_t len,
                     bool raw, struct error *err)
{
        int r = shell_append(ret, data, len, err);

        return r < 0 || !words ? r : shell_words_put(words, data, len, raw, err);
}

static int shell_note(struct strv *names, const char *name, struct error *err)
{
        if (!names || names->count >= EXPAND_NAMES_MAX || strv_contains(names, name))
                return 0;
        return strv_add(names, name) < 0 ? error_set_oom(err) : 0;
}

/* Sets `ret_value` to the value, or to "". Returns 1 when the variable is set, else 0. */
static int shell_lookup(struct shell *shell, const char *name, const char **ret_value,
                        struct error *err)
{
        const struct expander *expander = shell->expander;
        bool set;
        int r;

        if (!expander) {
                *ret_value = "";
                return 0;
        }
        set = expander->lookup(expander->variables, name, ret_value);
        if (!set)
                *ret_value = "";
        r = shell_note(set ? expander->used : expander->unset, name, err);
        return r < 0 ? r : set;
}

static bool shell_is_special(char c)
{
        return c != '\0' && strchr("@*#?-$!", c);
}

/* Reads a name: a run of digits, one special character, or letters, digits and "_". It may be
 * empty. */
static int shell_name(struct shell *shell, struct buf *ret, struct error *err)
{
        const char *start = shell->pos;
        bool digits = false;

        while (shell->pos < shell->end) {
                uint32_t c;
                size_t width = text_decode(shell->pos, (size_t)(shell->end - shell->pos), &c);

                if (shell->pos == start && shell_is_special(*start)) {
                        shell->pos++;
                        break;
                }
                if (shell->pos == start && text_is_digit(c))
                        digits = true;
                if (!text_is_digit(c) && (digits || (c != '_' && !text_is_letter(c))))
                        break;
                shell->pos += width;
        }
        return shell_append(ret, start, (size_t)(shell->pos - start), err);
}

static int shell_run(struct shell *shell, char stop, bool raw_escapes, struct buf *ret,
                     struct shell_words *words, struct error *err);

/* What stands behind an operator up to `stop`, expanded, on its own. */
static int shell_operand(struct shell *shell, char stop, bool raw_escapes, struct buf *ret,
                         struct error *err)
{
        int r;

        if (shell->depth == EXPAND_DEPTH_MAX)
                return error_set(err, -EINVAL, "\"${\" stands inside itself more than %d deep",
                                 EXPAND_DEPTH_MAX);
        shell->depth++;
        r = shell_run(shell, stop, raw_escapes, ret, NULL, err);
        shell->depth--;
        return r;
}

static int shell_required(const char *name, const char *message, bool set, struct error *err)
{
        if (*message)
                return error_set(err, -EINVAL, "%s: %s", name, message);
        return error_set(err, -EINVAL, "the variable %s must not be %s", name,
                         set ? "empty" : "unset");
}

/* Accounts for holding a pattern against every place of a value. */
static int shell_charge_pattern(struct shell *shell, const char *pattern, const char *value,
                                struct error *err)
{
        size_t factor = 1 + strlen(pattern) / 16, len = strlen(value), product;

        return shell_charge(
                shell, __builtin_mul_overflow(len, factor, &product) ? SIZE_MAX : product, err);
}

/* ${name#word} and ${name%word}; the operator doubled takes the longest match. */
static int shell_trim(struct shell *shell, char sign, const char *word, const char *value,
                      struct buf *ret, struct error *err)
{
        bool longest = word[0] == sign;
        int r = shell_charge_pattern(shell, word, value, err);

        if (r < 0)
                return r;
        if (sign == '#')
                return glob_trim_prefix(word + longest, value, longest, ret, err);
        return glob_trim_suffix(word + longest, value, longest, ret, err);
}

/* ${name/pattern/text} and ${name//pattern/text}, from behind the first slash. */
static int shell_replace(struct shell *shell, const char *name, struct buf *ret, struct error *err)
{
        _cleanup_(buf_done) struct buf pattern = BUF_INIT, text = BUF_INIT;
        bool all = shell->pos < shell->end && *shell->pos == '/';
        const char *start = shell->pos, *value;
        int set;
        int r;

        shell->pos += all;
        r = shell_operand(shell, '/', true, &pattern, err);
        if (r < 0)
                return r;
        r = shell_operand(shell, '}', true, &text, err);
        if (r < 0)
                return r;
        set = shell_lookup(shell, name, &value, err);
        if (set < 0)
                return set;
        if (!set && shell->options->keep_unset) {
                r = buf_appendf(ret, "${%s/", name);
                if (r < 0)
                        return error_set_oom(err);
                return shell_append(ret, start, (size_t)(shell->pos - start), err);
        }
        r = shell_charge_pattern(shell, buf_str(&pattern), value, err);
        if (r < 0)
                return r;
        return glob_replace(buf_str(&pattern), buf_str(&text), value, all, ret, err);
}

/* The operators with one operand, from behind their character; `colon` for ":-" and its like. */
static int shell_operator(struct shell *shell, const char *name, char sign, bool colon,
                          struct buf *ret, struct error *err)
{
        _cleanup_(buf_done) struct buf operand = BUF_INIT;
        const char *word, *value;
        bool empty;
        int set, r;

        r = shell_operand(shell, '}', sign == '#' || sign == '%', &operand, err);
        if (r < 0)
                return r;
        word = buf_str(&operand);
        set = shell_lookup(shell, name, &value, err);
        if (set < 0)
                return set;
        if (!set && shell->options->keep_unset)
                return buf_appendf(ret, "${%s%s%c%s}", name, colon ? ":" : "", sign, word) < 0
                               ? error_set_oom(err)
                               : 0;
        empty = !set || (colon && !*value);
        switch (sign) {
        case '-':
                return shell_append(ret, empty ? word : value, strlen(empty ? word : value), err);
        case '+':
                return empty ? 0 : shell_append(ret, word, strlen(word), err);
        case '?':
                if (empty)
                        return shell_required(name, word, set > 0, err);
                return shell_append(ret, value, strlen(value), err);
        default:
                return shell_trim(shell, sign, word, value, ret, err);
        }
}

/* From behind "${". */
static int shell_braces(struct shell *shell, struct buf *ret, struct error *err)
{
        _cleanup_(buf_done) struct buf name = BUF_INIT;
        const char *start = shell->pos - 2, *value;
        bool colon;
        char sign;
        int r;

        if (shell->pos < shell->end && strchr("{}:", *shell->pos))
                return error_set(err, -EINVAL, "\"${\" is not followed by a variable's name");
        r = shell_name(shell, &name, err);
        if (r < 0)
                return r;
        if (shell->pos == shell->end)
                return error_set(err, -EINVAL, "\"${%s\" has no closing \"}\"", buf_str(&name));
        sign = *shell->pos++;
        if (sign == '}') {
                r = shell_lookup(shell, buf_str(&name), &value, err);
                if (r < 0)
                        return r;
                if (r == 0 && shell->options->keep_unset)
                        return shell_append(ret, start, (size_t)(shell->pos - start), err);
                return shell_append(ret, value, strlen(value), err);
        }
        if (sign == '/')
                return shell_replace(shell, buf_str(&name), ret, err);
        colon = sign == ':';
        if (colon && shell->pos < shell->end)
                sign = *shell->pos++;
        if (sign == '\0' || !strchr(colon ? "-+?" : "-+?#%", sign))
                return error_set(err, -EINVAL,
                                 "\"${%s\" is followed by an operator that does "
                                 "not exist",
                                 buf_str(&name));
        return shell_operator(shell, buf_str(&name), sign, colon, ret, err);
}

static int shell_dollar(struct shell *shell, struct buf *ret, struct error *err)
{
        _cleanup_(buf_done) struct buf name = BUF_INIT;
        const char *start = shell->pos++, *value;
        int r;

        if (shell->pos < shell->end && *shell->pos == '{') {
                shell->pos++;
                return shell_braces(shell, ret, err);
        }
        r = shell_name(shell, &name, err);
        if (r < 0)
                return r;
        if (name.len == 0)
                return shell_append(ret, "$", 1, err);
        r = shell_lookup(shell, buf_str(&name), &value, err);
        if (r < 0)
                return r;
        if (r == 0 && shell->options->keep_unset)
                return shell_append(ret, start, (size_t)(shell->pos - start), err);
        return shell_append(ret, value, strlen(value), err);
}

static int shell_single_quotes(struct shell *shell, struct buf *ret, struct error *err)
{
        const char *start = shell->pos + 1;
        const char *close = memchr(start, '\'', (size_t)(shell->end - start));
        bool raw = shell->options->raw_quotes;

        if (!close)
                return error_set(err, -EINVAL, "a single quote (') is not closed");
        shell->pos = close + 1;
        return shell_append(ret, start - raw, (size_t)(close - start) + 2 * raw, err);
}

static int shell_double_quotes(struct shell *shell, bool raw_escapes, struct buf *ret,
                               struct error *err)
{
        bool raw = shell->options->raw_quotes;
        size_t start = ret->len;
        int r = 0;

        shell->pos++;
        if (raw)
                r = shell_append(ret, "\"", 1, err);
        while (r == 0) {
                const char *at = shell->pos;

                if (at == shell->end)
                        return error_set(err, -EINVAL, "a double quote (\") is not closed");
                if (*at == '"') {
                        shell->pos++;
                        return raw ? shell_append(ret, "\"", 1, err) : 0;
                }
                if (*at == '$') {
                        size_t before = ret->len;

                        r = shell_dollar(shell, ret, err);
                        if (r == 0)
                                r = shell_check(shell, ret, start, before, err);
                        continue;
                }
                shell->pos++;
                if (*at == shell->options->escape) {
                        if (raw_escapes)
                                r = shell_append(ret, at, 1, err);
                        if (shell->pos == shell->end)
                                continue;
                        /* Only these can be escaped here; before others the escape stays. */
                        if (*shell->pos == '"' || *shell->pos == '$' ||
                            *shell->pos == shell->options->escape)
                                at = shell->pos++;
                }
                if (r == 0)
                        r = shell_append(ret, at, 1, err);
        }
        return r;
}

/* "<<" takes the blanks behind it along, so that "<< EOF" is one word. */
static int shell_heredoc(struct shell *shell, struct buf *ret, struct error *err)
{
        const char *start = shell->pos++;

        if (shell->pos < shell->end && *shell->pos == '<') {
                shell->pos++;
                while (shell->pos < shell->end && strchr(" \t\r", *shell->pos))
                        shell->pos++;
        }
        return shell_append(ret, start, (size_t)(shell->pos - start), err);
}

/* A construct that begins with one of $ < ' ". Returns 1 when there was one, else 0. */
static int shell_construct(struct shell *shell, bool raw_escapes, struct buf *ret,
                           struct error *err)
{
        int r;

        switch (*shell->pos) {
        case '$':
                r = shell_dollar(shell, ret, err);
                break;
        case '<':
                r = shell_heredoc(shell, ret, err);
                break;
        case '\'':
                if (shell->options->file)
                        return 0;
                r = shell_single_quotes(shell, ret, err);
                break;
        case '"':
                if (shell->options->file)
                        return 0;
                r = shell_double_quotes(shell, raw_escapes, ret, err);
                break;
        default:
                return 0;
        }
        return r < 0 ? r : 1;
}

/* One character that stands for itself, with the escape before it. */
static int shell_character(struct shell *shell, bool raw_escapes, struct buf *ret,
                           struct shell_words *words, struct error *err)
{
        bool escaped = *shell->pos == shell->options->escape;
        size_t width;
        uint32_t c;
        int r;

        if (escaped) {
                if (raw_escapes) {
                        r = shell_put(ret, words, shell->pos, 1, true, err);
                        if (r < 0)
                                return r;
                }
                shell->pos++;
                if (shell->pos == shell->end)
                        return 0;
        }
        width = text_decode(shell->pos, (size_t)(shell->end - shell->pos), &c);
        r = shell_put(ret, words, shell->pos, width, escaped, err);
        shell->pos += width;
        return r;
}

static int shell_run(struct shell *shell, char stop, bool raw_escapes, struct buf *ret,
                     struct shell_words *words, struct error *err)
{
        size_t start = ret->len;

        while (shell->pos < shell->end) {
                char c = *shell->pos;
                size_t before = ret->len;
                int r;

                if (stop != SHELL_TO_THE_END && c == stop) {
                        shell->pos++;
                        return 0;
                }
                r = shell_construct(shell, raw_escapes, ret, err);
                if (r < 0)
                        return r;
                if (r == 0)
                        r = shell_character(shell, raw_escapes, ret, words, err);
                else
                        r = words ? shell_words_put(words, buf_str(ret) + before, ret->len - before,
                                                    c != '$', err)
                                  : 0;
                if (r < 0)
                        return r;
                r = shell_check(shell, ret, start, before, err);
                if (r < 0)
                        return r;
        }
        if (stop != SHELL_TO_THE_END)
                return error_set(err, -EINVAL, "\"${\" has no closing \"%c\"", stop);
        return 0;
}

static int shell_start(const struct shell_options *options, const struct expander *expander,
                       const char *word, struct buf *ret, struct shell_words *words,
                       struct error *err)
{
        struct shell shell = {
                .options = options,
                .expander = expander,
                .pos = word,
                .end = word + strlen(word),
        };

        return shell_run(&shell, SHELL_TO_THE_END, options->raw_escapes, ret, words, err);
}

int shell_expand(const struct shell_options *options, const struct expander *expander,
                 const char *word, struct buf *ret, struct error *err)
{
        return shell_start(options, expander, word, ret, NULL, err);
}

int shell_split(const struct shell_options *options, const struct expander *expander,
                const char *word, struct strv *ret, struct error *err)
{
        _cleanup_(buf_done) struct buf whole = BUF_INIT;
        _cleanup_(shell_words_done) struct shell_words words = { .out = ret };
        int r = shell_start(options, expander, word, &whole, &words, err);

        return r < 0 ? r : shell_words_flush(&words, err);
}
