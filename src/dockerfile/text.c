#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

size_t text_decode(const char *text, size_t len, uint32_t *ret)
{
        unsigned char first = (unsigned char)text[0];
        ucs4_t c;
        int used;

        if (first < 0x80) {
                *ret = first;
                return 1;
        }
        used = u8_mbtoucr(&c, (const uint8_t *)text, len);
        if (used <= 0) {
                *ret = TEXT_STRAY + first;
                return 1;
        }
        *ret = c;
        return (size_t)used;
}

int text_encode(uint32_t c, struct buf *ret)
{
        uint8_t bytes[6];
        int len;

        if (c < 0x80)
                return buf_append_char(ret, (char)c);
        if (c >= TEXT_STRAY && c <= TEXT_STRAY + 0xff)
                return buf_append_char(ret, (char)(c - TEXT_STRAY));
        len = u8_uctomb(bytes, c, sizeof(bytes));
        return buf_append(ret, bytes, (size_t)len);
}

bool text_is_space(uint32_t c)
{
        switch (c) {
        case '\t':
        case '\n':
        case '\v':
        case '\f':
        case '\r':
        case ' ':
        case 0x85:
        case 0xa0:
        case 0x1680:
        case 0x2028:
        case 0x2029:
        case 0x202f:
        case 0x205f:
        case 0x3000:
                return true;
        default:
                return c >= 0x2000 && c <= 0x200a;
        }
}

bool text_is_letter(uint32_t c)
{
        if (c < 0x80)
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return uc_is_general_category(c, UC_LETTER);
}

bool text_is_digit(uint32_t c)
{
        if (c < 0x80)
                return c >= '0' && c <= '9';
        return uc_is_general_category(c, UC_DECIMAL_DIGIT_NUMBER);
}

size_t slice_leading_space(struct slice slice)
{
        size_t used = 0;

        while (used < slice.len) {
                uint32_t c;
                size_t width = text_decode(slice.text + used, slice.len - used, &c);

                if (!text_is_space(c))
                        break;
                used += width;
        }
        return used;
}

/* Spaces of several bytes end in a byte of 0x80 to 0xbf; none is longer than three. */
static size_t slice_trailing_space(struct slice slice)
{
        for (size_t width = 1; width <= 3 && width <= slice.len; width++) {
                uint32_t c;

                if (text_decode(slice.text + slice.len - width, width, &c) == width &&
                    text_is_space(c))
                        return width;
        }
        return 0;
}

struct slice slice_trim(struct slice slice)
{
        size_t leading = slice_leading_space(slice), trailing;

        slice.text += leading;
        slice.len -= leading;
        while ((trailing = slice_trailing_space(slice)) > 0)
                slice.len -= trailing;
        return slice;
}

char *slice_copy(struct slice slice)
{
        char *copy = malloc(slice.len + 1);

        if (copy) {
                memcpy(copy, slice.text, slice.len);
                copy[slice.len] = '\0';
        }
        return copy;
}

int words_add(struct arena *arena, struct words *words, size_t *cap, const char *text,
              struct error *err)
{
        const char **items = arena_grow(arena, words->items, words->count ? words->count + 1 : 0,
                                        cap, sizeof(*items));

        if (!text || !items)
                return error_set_oom(err);
        words->items = items;
        items[words->count++] = text;
        items[words->count] = NULL;
        return 0;
}
