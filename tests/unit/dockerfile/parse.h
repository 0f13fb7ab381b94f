/*
 * Shorthand for the tests of the parser.
 */
#pragma once

#include "base/cleanup.h"
#include "dockerfile/dockerfile.h"

#include <criterion/criterion.h>
#include <string.h>

DEFINE_CLEANUP(dockerfile, struct dockerfile, dockerfile_free)

static inline struct dockerfile *parse(const char *text)
{
        struct source_position where;
        struct error err = ERROR_INIT;
        struct dockerfile *file = NULL;
        int r = dockerfile_parse(text, strlen(text), NULL, &file, &where, &err);

        cr_assert_eq(r, 0, "line %u: %s in\n%s", where.line, err.message, text);
        return file;
}

/* Parses what stands after "FROM scratch" and a newline; its first line is then line 2. */
static inline struct dockerfile *parse_body(const char *text)
{
        char *whole = NULL;
        struct dockerfile *file;

        cr_assert_gt(asprintf(&whole, "FROM scratch\n%s", text), 0);
        file = parse(whole);
        free(whole);
        return file;
}

/* The instruction after FROM. */
static inline const struct instruction *first(const struct dockerfile *file)
{
        cr_assert_gt(file->instruction_count, 1);
        return &file->instructions[1];
}

static inline void assert_fails_at(const char *text, unsigned int line, unsigned int column,
                                   const char *message)
{
        struct source_position where;
        struct error err = ERROR_INIT;
        struct dockerfile *file = NULL;
        int r = dockerfile_parse(text, strlen(text), NULL, &file, &where, &err);

        cr_assert_lt(r, 0, "is taken:\n%s", text);
        cr_assert_eq(r, err.code);
        cr_assert_not_null(strstr(err.message, message), "\"%s\" is not in \"%s\"", message,
                           err.message);
        cr_assert_eq(where.line, line, "line %u in place of %u for\n%s", where.line, line, text);
        cr_assert_eq(where.column, column, "column %u in place of %u for\n%s", where.column, column,
                     text);
}

static inline void assert_words(const struct words *words, size_t count, const char *const *items)
{
        cr_assert_eq(words->count, count, "%zu words in place of %zu", words->count, count);
        for (size_t i = 0; i < count; i++)
                cr_assert_str_eq(words->items[i], items[i]);
        if (count > 0)
                cr_assert_null(words->items[count]);
}

#define assert_words_are(words, ...)                                       \
        assert_words(words, ARRAY_SIZE(((const char *[]){ __VA_ARGS__ })), \
                     (const char *[]){ __VA_ARGS__ })
