#include "words.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

int words_split_blanks(struct arena *arena, struct slice text, struct words *ret, struct error *err)
{
        struct words words = { .count = 0 };
        size_t i = 0, cap = 0;

        while (i < text.len) {
                size_t start = i;
                int r;

                while (i < text.len && !text_is_blank(text.text[i]))
                        i++;
                if (i > start) {
                        r = words_add(arena, &words, &cap,
                                      arena_strndup(arena, text.text + start, i - start), err);
                        if (r < 0)
                                return r;
                }
                while (i < text.len && text_is_blank(text.text[i]))
                        i++;
        }
        *ret = words;
        return 0;
}

/* The bytes of the word at the start of `text`, up to the space behind it. */
static size_t words_quoted_len(struct slice text, char escape)
{
        char quote = '\0';
        size_t i = 0;

        while (i < text.len) {
                char at = text.text[i];
                uint32_t c;
                size_t width;

                if (at == escape && quote != '\'') {
                        /* An escape with nothing behind it is dropped. */
                        if (i + 1 == text.len)
                                break;
                        i++;
                } else if (quote) {
                        if (at == quote)
                                quote = '\0';
                } else if (at == '\'' || at == '"') {
                        quote = at;
                }
                width = text_decode(text.text + i, text.len - i, &c);
                if (!quote && text_is_space(c) && at != escape)
                        break;
                i += width;
        }
        return i;
}

int words_split_quoted(struct arena *arena, struct slice text, char escape, struct words *ret,
                       struct error *err)
{
        struct words words = { .count = 0 };
        size_t cap = 0;

        for (;;) {
                size_t len = slice_leading_space(text);
                int r;

                text.text += len;
                text.len -= len;
                len = words_quoted_len(text, escape);
                if (len == 0)
                        break;
                r = words_add(arena, &words, &cap, arena_strndup(arena, text.text, len), err);
                if (r < 0)
                        return r;
                text.text += len;
                text.len -= len;
        }
        *ret = words;
        return 0;
}

/* Reads one word with its quotes and escapes resolved. Returns the bytes it took. */
static size_t flag_word_read(struct slice text, char escape, struct buf *ret, int *ret_status)
{
        char quote = '\0';
        size_t i = 0;

        *ret_status = 0;
        while (i < text.len && *ret_status == 0) {
                char at = text.text[i];
                uint32_t c;
                size_t width = text_decode(text.text + i, text.len - i, &c);

                if (!quote && text_is_space(c))
                        break;
                i += width;
                if (quote ? at == quote : at == '\'' || at == '"') {
                        if (quote)
                                quote = '\0';
                        else
                                quote = at;
                        continue;
                }
                if (at == escape) {
                        if (i == text.len)
                                break;
                        width = text_decode(text.text + i, text.len - i, &c);
                        i += width;
                }
                *ret_status = buf_append(ret, text.text + i - width, width);
        }
        return i;
}

int words_take_flags(struct arena *arena, struct slice text, char escape, struct flag_words *ret,
                     struct slice *ret_rest, struct error *err)
{
        struct flag_words flags = { .count = 0 };

        text = slice_trim(text);
        while (text.len >= 2 && text.text[0] == '-' && text.text[1] == '-') {
                _cleanup_(buf_done) struct buf word = BUF_INIT;
                struct flag_word *items;
                int status;
                size_t used = flag_word_read(text, escape, &word, &status);
                const char *source = text.text;

                if (status < 0)
                        return error_set_oom(err);
                text.text += used;
                text.len -= used;
                text = slice_trim(text);
                if (strcmp(buf_str(&word), "--") == 0)
                        break;
                items = arena_grow(arena, flags.items, flags.count, &flags.cap, sizeof(*items));
                if (!items)
                        return error_set_oom(err);
                flags.items = items;
                items[flags.count].source = source;
                items[flags.count].text = arena_strndup(arena, buf_str(&word), word.len);
                if (!items[flags.count++].text)
                        return error_set_oom(err);
        }
        *ret = flags;
        *ret_rest = text;
        return 0;
}

/* One value, with its quotes resolved. Returns what follows it: a comma or the end. */
static int csv_field_read(const char *text, struct buf *ret, const char **ret_rest,
                          struct error *err)
{
        const char *end = text + strcspn(text, ",");
        int r = 0;

        if (*text == '"') {
                text++;
                while (r == 0 && (end = strchr(text, '"')) && end[1] == '"') {
                        r = buf_append(ret, text, (size_t)(end - text) + 1);
                        text = end + 2;
                }
                if (r == 0 && (!end || (end[1] && end[1] != ',')))
                        return error_set(err, -EINVAL, "a quoted value does not end at a comma");
        } else if (memchr(text, '"', (size_t)(end - text))) {
                return error_set(err, -EINVAL, "a quote stands in the middle of a value");
        }
        if (r == 0)
                r = buf_append(ret, text, (size_t)(end - text));
        if (r < 0)
                return error_set_oom(err);
        *ret_rest = end + (*end == '"');
        return 0;
}

int words_split_csv(struct arena *arena, const char *text, struct words *ret, struct error *err)
{
        struct words words = { .count = 0 };
        size_t cap = 0;

        for (;; text++) {
                _cleanup_(buf_done) struct buf field = BUF_INIT;
                int r = csv_field_read(text, &field, &text, err);

                if (r < 0)
                        return r;
                r = words_add(arena, &words, &cap, arena_strndup(arena, buf_str(&field), field.len),
                              err);
                if (r < 0)
                        return r;
                if (!*text)
                        break;
        }
        *ret = words;
        return 0;
}
