/*
 * Characters of UTF-8 text, as Go's unicode package classes them: private to the room.
 *
 * A byte that is no UTF-8 is a character of its own, TEXT_STRAY plus its value, so that any byte
 * string survives being taken apart and put together again.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "dockerfile/instruction.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Low surrogates, which UTF-8 cannot hold. */
#define TEXT_STRAY 0xdc00u

/* The first character of `len` > 0 bytes; returns how many it takes. */
size_t text_decode(const char *text, size_t len, uint32_t *ret);

/* Appends a character that text_decode() gave. Returns 0 or -ENOMEM. */
int text_encode(uint32_t c, struct buf *ret);

bool text_is_space(uint32_t c);
bool text_is_letter(uint32_t c);
bool text_is_digit(uint32_t c);

/* A piece of text that belongs to somebody else. */
struct slice {
        const char *text;
        size_t len;
};

/* The piece without the spaces around it. */
struct slice slice_trim(struct slice slice);

/* A copy that ends in NUL, to be freed; NULL when memory has run out. */
char *slice_copy(struct slice slice);

/* The bytes of leading spaces. */
size_t slice_leading_space(struct slice slice);

/* What separates arguments that know no quotes: blanks of ASCII but the newline. */
static inline bool text_is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

/* Appends `text`, of the same arena, to a list that has room for `*cap` strings; NULL stands for
 * memory that had run out. Returns 0 or -ENOMEM. */
int words_add(struct arena *arena, struct words *words, size_t *cap, const char *text,
              struct error *err);
