#include "words.h"

#include "base/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define JSON_REPLACEMENT "\xef\xbf\xbd"

static void json_release(json_t **json)
{
        json_decref(*json);
}

/* The value of "\uXXXX" at the start of `text`, or -1. */
static int json_unicode_escape(const char *text, size_t len)
{
        int value = 0;

        if (len < 6 || text[0] != '\\' || text[1] != 'u')
                return -1;
        for (size_t i = 2; i < 6; i++) {
                const char *digits = "0123456789abcdef";
                const char *digit = text[i] ? strchr(digits, text[i] | 0x20) : NULL;

                if (!digit || (text[i] < '0'))
                        return -1;
                value = value * 16 + (int)(digit - digits);
        }
        return value;
}

/*
 * Go's decoder, which BuildKit uses, takes a byte that is no UTF-8, and half of a surrogate pair,
 * for U+FFFD, where jansson refuses the whole text.
 */
static int json_repair(struct slice text, struct buf *ret)
{
        size_t i = 0;
        int r = 0;

        while (r == 0 && i < text.len) {
                const char *at = text.text + i;
                size_t left = text.len - i, width;
                int escape = json_unicode_escape(at, left);
                uint32_t c;

                if (escape >= 0xd800 && escape <= 0xdbff) {
                        int low = json_unicode_escape(at + 6, left - 6);
                        bool pair = low >= 0xdc00 && low <= 0xdfff;

                        r = pair ? buf_append(ret, at, 12) : buf_append_str(ret, JSON_REPLACEMENT);
                        i += pair ? 12 : 6;
                        continue;
                }
                if (escape >= 0xdc00 && escape <= 0xdfff) {
                        r = buf_append_str(ret, JSON_REPLACEMENT);
                        i += 6;
                        continue;
                }
                width = text_decode(at, left, &c);
                if (c == '\\' && left > 1 && (unsigned char)at[1] < 0x80)
                        width = 2;
                if (c >= TEXT_STRAY && c <= TEXT_STRAY + 0xff)
                        r = buf_append_str(ret, JSON_REPLACEMENT);
                else
                        r = buf_append(ret, at, width);
                i += width;
        }
        return r;
}

int words_parse_json(struct arena *arena, struct slice text, struct words *ret, struct error *err)
{
        _cleanup_(json_release) json_t *json = NULL;
        _cleanup_(buf_done) struct buf repaired = BUF_INIT;
        struct words words = { .count = 0 };
        size_t cap = 0;

        text = slice_trim(text);
        if (text.len == 0 || text.text[0] != '[')
                return 0;
        if (json_repair(text, &repaired) < 0)
                return error_set_oom(err);
        json = json_loadb(buf_str(&repaired), repaired.len,
                          JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
        if (!json)
                return 0;
        for (size_t i = 0; i < json_array_size(json); i++) {
                const json_t *item = json_array_get(json, i);
                const char *value = json_string_value(item);
                int r;

                if (!value)
                        return error_set(err, -EINVAL, "element %zu of the JSON array is no string",
                                         i + 1);
                if (strlen(value) != json_string_length(item))
                        return error_set(err, -EINVAL,
                                         "element %zu of the JSON array has a NUL character",
                                         i + 1);
                r = words_add(arena, &words, &cap,
                              arena_strndup(arena, value, json_string_length(item)), err);
                if (r < 0)
                        return r;
        }
        *ret = words;
        return 1;
}
