/*
 * A growable run of bytes: floor 0.
 *
 * Invariant: `data` is NULL or has room for `cap` bytes, of which `len` are used, and is followed
 * by a NUL that `len` does not count, so text in it can be used as a C string.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct buf {
        char *data; /* owned */
        size_t len;
        size_t cap;
};

#define BUF_INIT ((struct buf){ .data = NULL })

void buf_done(struct buf *buf);

/* Empties the buffer and keeps its memory. */
void buf_clear(struct buf *buf);

/* Removes its first `len` bytes, of which it has as many; what follows moves to the front. */
void buf_cut_front(struct buf *buf, size_t len);

/* Makes room for `extra` more bytes. Returns 0 or -ENOMEM. */
int buf_reserve(struct buf *buf, size_t extra);

/* Each appends. Returns 0 or -ENOMEM; the buffer is unchanged when memory runs out. */
int buf_append(struct buf *buf, const void *data, size_t len);
int buf_append_str(struct buf *buf, const char *text);
int buf_append_char(struct buf *buf, char c);
int buf_appendf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vappendf(struct buf *buf, const char *format, va_list ap)
        __attribute__((format(printf, 2, 0)));

/* The text, never NULL; it belongs to the buffer and lives until its next change. */
const char *buf_str(const struct buf *buf);

/* Hands the text (an empty one where nothing was appended) to the caller, who frees it. NULL
 * when memory ran out. The buffer is empty afterwards. */
char *buf_take_str(struct buf *buf);
