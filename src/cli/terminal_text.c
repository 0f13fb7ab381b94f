#include "terminal_text.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#define ESC 0x1b
#define BEL 0x07

/* Where a string (a title, a palette, a device's) ends: behind BEL or ESC "\". One that does not
 * end takes the rest. */
static size_t end_of_string(const char *text, size_t at, size_t len)
{
        for (; at < len; at++) {
                if (text[at] == BEL)
                        return at + 1;
                if (text[at] == ESC)
                        return at + 1 < len && text[at + 1] == '\\' ? at + 2 : at;
        }
        return len;
}

/* Where the sequence that begins with the ESC at `at` ends. */
static size_t end_of_sequence(const char *text, size_t at, size_t len)
{
        if (++at >= len)
                return len;
        if (strchr("]PX^_", text[at]) && text[at])
                return end_of_string(text, at + 1, len);
        if (text[at] == '[') {
                at++;
                while (at < len && text[at] >= 0x20 && text[at] <= 0x3f)
                        at++;
                return at < len && text[at] >= 0x40 && text[at] <= 0x7e ? at + 1 : at;
        }
        /* "ESC ( B" and its like. */
        while (at < len && text[at] >= 0x20 && text[at] <= 0x2f)
                at++;
        return at < len && text[at] >= 0x30 && text[at] <= 0x7e ? at + 1 : at;
}

/* Marks that let what follows be written from right to left, or over what was written. */
static bool turns(const unsigned char *c, size_t len)
{
        return len == 3 && c[0] == 0xe2 &&
               ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

/* The length of a character, 0: there is none. `text` need not be terminated. */
static size_t character(const char *text, size_t len)
{
        char copy[5] = "";

        memcpy(copy, text, len < 4 ? len : 4);
        return utf8_length(copy);
}

size_t terminal_strip(char *text, size_t len)
{
        size_t out = 0, at = 0;

        while (at < len) {
                const unsigned char *c = (const unsigned char *)text + at;
                size_t width = character(text + at, len - at);

                if (*c == ESC) {
                        at = end_of_sequence(text, at, len);
                } else if (*c < 0x20 || *c == 0x7f) {
                        if (*c == '\t')
                                text[out++] = ' ';
                        at++;
                } else if (width == 0 || turns(c, width) ||
                           (width == 2 && c[0] == 0xc2 && c[1] < 0xa0)) {
                        text[out++] = '?';
                        at += width ? width : 1;
                } else {
                        memmove(text + out, text + at, width);
                        out += width;
                        at += width;
                }
        }
        if (out < len)
                text[out] = '\0';
        return out;
}

size_t terminal_fit(const char *text, size_t len, int columns, int *ret_columns)
{
        mbstate_t state = { 0 };
        size_t at = 0;
        int used = 0;

        while (at < len) {
                wchar_t wide;
                size_t bytes = mbrtowc(&wide, text + at, len - at, &state);
                int width = bytes > 4 || bytes == 0 ? -1 : wcwidth(wide);

                if (width < 0 || used + width > columns)
                        break;
                used += width;
                at += bytes;
        }
        *ret_columns = used;
        return at;
}
