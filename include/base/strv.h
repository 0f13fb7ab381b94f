/*
 * A NULL-terminated vector of strings, as execve() takes it: floor 0.
 *
 * Invariant: `items` is NULL (an empty vector) or has `count` owned strings and a final NULL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct strv {
        char **items; /* owned, each string too */
        size_t count;
        size_t cap;
};

#define STRV_INIT ((struct strv){ .items = NULL })

void strv_done(struct strv *strv);

/* Appends a copy of `text`. Returns 0 or -ENOMEM. */
int strv_add(struct strv *strv, const char *text);

/* Appends `text` itself and owns it from then on, also when it fails; NULL stands for memory that
 * had run out. Returns 0 or -ENOMEM. */
int strv_take(struct strv *strv, char *text);

int strv_addf(struct strv *strv, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends copies of all of `from`. Returns 0 or -ENOMEM. */
int strv_extend(struct strv *strv, const struct strv *from);

bool strv_contains(const struct strv *strv, const char *text);

/*
 * Environment lists, of "NAME=value" strings.
 *
 * strv_env_get() returns the value inside the vector or NULL. strv_env_set() replaces the value of
 * NAME where it stands, or appends; returns 0 or -ENOMEM. strv_env_merge() sets all that `from`
 * has; returns the same. strv_env_unset() removes what has the name of `item`, "NAME" or
 * "NAME=value".
 */
const char *strv_env_get(const struct strv *env, const char *name);
int strv_env_set(struct strv *env, const char *name, const char *value);
int strv_env_merge(struct strv *env, const struct strv *from);
void strv_env_unset(struct strv *env, const char *item);
