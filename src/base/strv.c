#include "base/strv.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strv_done(struct strv *strv)
{
        for (size_t i = 0; i < strv->count; i++)
                free(strv->items[i]);
        free(strv->items);
        *strv = STRV_INIT;
}

int strv_take(struct strv *strv, char *text)
{
        if (!text)
                return -ENOMEM;
        if (strv->count + 1 >= strv->cap) {
                size_t cap = strv->cap ? strv->cap * 2 : 8;
                char **items = reallocarray(strv->items, cap, sizeof(*items));

                if (!items) {
                        free(text);
                        return -ENOMEM;
                }
                strv->items = items;
                strv->cap = cap;
        }
        strv->items[strv->count++] = text;
        strv->items[strv->count] = NULL;
        return 0;
}

int strv_add(struct strv *strv, const char *text)
{
        return strv_take(strv, strdup(text));
}

int strv_addf(struct strv *strv, const char *format, ...)
{
        char *text;
        va_list ap;
        int len;

        va_start(ap, format);
        len = vasprintf(&text, format, ap);
        va_end(ap);
        return strv_take(strv, len < 0 ? NULL : text);
}

int strv_extend(struct strv *strv, const struct strv *from)
{
        for (size_t i = 0; i < from->count; i++) {
                int r = strv_add(strv, from->items[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

bool strv_contains(const struct strv *strv, const char *text)
{
        for (size_t i = 0; i < strv->count; i++)
                if (strcmp(strv->items[i], text) == 0)
                        return true;
        return false;
}

/* The index of the item of that name, or `count`. */
static size_t find_variable(const struct strv *env, const char *name, size_t len)
{
        size_t i;

        for (i = 0; i < env->count; i++)
                if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
                        break;
        return i;
}

const char *strv_env_get(const struct strv *env, const char *name)
{
        size_t i = find_variable(env, name, strlen(name));

        return i < env->count ? env->items[i] + strlen(name) + 1 : NULL;
}

/* Owns `text`, NAME=value, as strv_take() does. */
static int take_variable(struct strv *env, char *text, size_t len)
{
        size_t i = text ? find_variable(env, text, len) : env->count;

        if (i == env->count)
                return strv_take(env, text);
        free(env->items[i]);
        env->items[i] = text;
        return 0;
}

int strv_env_set(struct strv *env, const char *name, const char *value)
{
        char *text;

        if (asprintf(&text, "%s=%s", name, value) < 0)
                return -ENOMEM;
        return take_variable(env, text, strlen(name));
}

int strv_env_merge(struct strv *env, const struct strv *from)
{
        int r = 0;

        for (size_t i = 0; i < from->count && r == 0; i++)
                r = take_variable(env, strdup(from->items[i]), strcspn(from->items[i], "="));
        return r;
}

void strv_env_unset(struct strv *env, const char *item)
{
        size_t i = find_variable(env, item, strcspn(item, "="));

        if (i == env->count)
                return;
        free(env->items[i]);
        /* The final NULL moves, too. */
        memmove(&env->items[i], &env->items[i + 1], (env->count - i) * sizeof(*env->items));
        env->count--;
}
