#include "dockerfile/dockerfile.h"

#include "text.h"

#include <errno.h>
#include <string.h>

/* Lines shown before and behind those in question. */
#define EXCERPT_CONTEXT 2
/* More lines than this, or bytes of one of them, are not shown. */
#define EXCERPT_LINES_MAX 20
#define EXCERPT_BYTES_MAX 160

static int excerpt_digits(unsigned int number)
{
        int digits = 1;

        while (number >= 10) {
                number /= 10;
                digits++;
        }
        return digits;
}

/* Control characters become "?", so that the text cannot play tricks on a terminal. A tab stays. */
static int excerpt_append_text(const char *text, size_t len, struct buf *ret)
{
        int r = 0;

        if (len > EXCERPT_BYTES_MAX)
                len = EXCERPT_BYTES_MAX;
        while (r == 0 && len > 0) {
                uint32_t c;
                size_t width = text_decode(text, len, &c);
                bool control = (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) ||
                               (c >= TEXT_STRAY && c <= TEXT_STRAY + 0xff);

                r = control ? buf_append_char(ret, '?') : buf_append(ret, text, width);
                text += width;
                len -= width;
        }
        return r == 0 ? buf_append_char(ret, '\n') : r;
}

/* Tabs are repeated, so that the caret stands under its column. */
static int excerpt_append_caret(const char *text, size_t len, unsigned int column, int digits,
                                struct buf *ret)
{
        int r = buf_appendf(ret, "%*s |     ", digits, "");

        for (size_t i = 0; r == 0 && i < column - 1 && i < len; i++)
                if (((unsigned char)text[i] & 0xc0) != 0x80)
                        r = buf_append_char(ret, text[i] == '\t' ? '\t' : ' ');
        return r == 0 ? buf_append_str(ret, "^\n") : r;
}

int source_excerpt(const char *data, size_t len, const struct source_position *where,
                   unsigned int last_line, struct buf *ret)
{
        const char *end = data + len;
        unsigned int last = last_line > where->line ? last_line : where->line;
        unsigned int from = where->line > EXCERPT_CONTEXT ? where->line - EXCERPT_CONTEXT : 1;
        unsigned int to = last + EXCERPT_CONTEXT;
        int digits, r = 0;

        if (where->line == 0)
                return 0;
        if (to - from >= EXCERPT_LINES_MAX)
                to = from + EXCERPT_LINES_MAX - 1;
        digits = excerpt_digits(to);
        for (unsigned int line = 1; r == 0 && data < end && line <= to; line++) {
                const char *newline = memchr(data, '\n', (size_t)(end - data));
                size_t line_len = (size_t)((newline ? newline : end) - data);
                bool marked = line >= where->line && line <= last;

                if (line >= from) {
                        r = buf_appendf(ret, "%*u | %s ", digits, line, marked ? ">>>" : "   ");
                        if (line_len > 0 && data[line_len - 1] == '\r')
                                line_len--;
                        if (r == 0)
                                r = excerpt_append_text(data, line_len, ret);
                        if (r == 0 && line == where->line && where->column > 0 &&
                            where->column <= EXCERPT_BYTES_MAX)
                                r = excerpt_append_caret(data, line_len, where->column, digits,
                                                         ret);
                }
                data = newline ? newline + 1 : end;
        }
        return r;
}
