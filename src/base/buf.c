#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_done(struct buf *buf)
{
        free(buf->data);
        *buf = BUF_INIT;
}

void buf_cut_front(struct buf *buf, size_t len)
{
        if (len == 0)
                return;
        buf->len -= len;
        memmove(buf->data, buf->data + len, buf->len);
        buf->data[buf->len] = '\0';
}

void buf_clear(struct buf *buf)
{
        buf->len = 0;
        if (buf->data)
                buf->data[0] = '\0';
}

int buf_reserve(struct buf *buf, size_t extra)
{
        size_t cap = buf->cap ? buf->cap : 64;
        char *data;

        if (buf->data && extra <= buf->cap - buf->len)
                return 0;
        if (extra > SIZE_MAX / 4 - buf->len)
                return -ENOMEM;
        while (cap - buf->len < extra)
                cap *= 2;
        data = realloc(buf->data, cap + 1);
        if (!data)
                return -ENOMEM;
        buf->data = data;
        buf->cap = cap;
        buf->data[buf->len] = '\0';
        return 0;
}

int buf_append(struct buf *buf, const void *data, size_t len)
{
        int r = buf_reserve(buf, len);

        if (r < 0)
                return r;
        if (len > 0)
                memcpy(buf->data + buf->len, data, len);
        buf->len += len;
        buf->data[buf->len] = '\0';
        return 0;
}

int buf_append_str(struct buf *buf, const char *text)
{
        return buf_append(buf, text, strlen(text));
}

int buf_append_char(struct buf *buf, char c)
{
        return buf_append(buf, &c, 1);
}

int buf_vappendf(struct buf *buf, const char *format, va_list ap)
{
        va_list again;
        int r, len;

        va_copy(again, ap);
        len = vsnprintf(NULL, 0, format, again);
        va_end(again);
        if (len < 0)
                return -EINVAL;
        r = buf_reserve(buf, (size_t)len);
        if (r < 0)
                return r;
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, ap);
        buf->len += (size_t)len;
        return 0;
}

int buf_appendf(struct buf *buf, const char *format, ...)
{
        va_list ap;
        int r;

        va_start(ap, format);
        r = buf_vappendf(buf, format, ap);
        va_end(ap);
        return r;
}

const char *buf_str(const struct buf *buf)
{
        return buf->data ? buf->data : "";
}

char *buf_take_str(struct buf *buf)
{
        char *text = buf->data ? buf->data : calloc(1, 1);

        *buf = BUF_INIT;
        return text;
}
