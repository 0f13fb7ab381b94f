/*
 * What stands in an action of a template: its value. Private to template*.c.
 *
 * Values are JSON; null is Go's nil. Who gets one owns it.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Of blocks in blocks, and of parentheses. */
#define TEMPLATE_DEPTH_MAX     32
#define TEMPLATE_VARIABLES_MAX 16
#define TEMPLATE_NAME_MAX      32
#define TEMPLATE_ARGUMENTS_MAX 16

struct template_variable {
        char name[TEMPLATE_NAME_MAX];
        json_t *value; /* owned */
};

struct template_scope {
        json_t *root; /* "$"; borrowed */
        struct template_variable variables[TEMPLATE_VARIABLES_MAX];
        size_t count;
};

/* Declares a variable, which takes `value` over, also on an error. */
int template_declare(struct template_scope *scope, const char *name, size_t len, json_t *value,
                     struct error *err);

/* Forgets all variables but the first `count`. */
void template_forget(struct template_scope *scope, size_t count);

/*
 * Evaluates a pipeline. Where `skipped`, it is only understood, and the value is null. A pipeline
 * that declares or sets a variable has no value: `ret` is NULL.
 */
int template_evaluate(struct template_scope *scope, json_t *dot, const char *pipeline, bool skipped,
                      json_t **ret, struct error *err);

/* Whether `if` takes it. */
bool template_is_true(const json_t *value);

/* Appends it as Go prints it: "text", "[a b]", "map[k:v]". */
int template_append(const json_t *value, struct buf *ret);

/* ---- template_function.c ---- */

struct template_function;

/* NULL: there is none. */
const struct template_function *template_function_find(const char *name, size_t len);

int template_function_call(const struct template_function *function, json_t *const *arguments,
                           size_t count, json_t **ret, struct error *err);

/* The names of all, for a hint. */
int template_function_list(struct buf *ret);
