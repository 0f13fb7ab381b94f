/*
 * --format: Go's templates, as people use them on Docker's output. Private to src/cli/.
 *
 * Fields ("{{.Field.Sub}}"), variables, pipelines, parentheses, if, else, range, with, comments,
 * trimming, and the functions that template_function.c lists. "\n" and "\t" in the text stand for
 * themselves. Whatever else there is in Go is an error that names it.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

/* Appends what the template makes of the object. -EINVAL. */
int template_expand(const char *text, const json_t *object, struct buf *ret, struct error *err);

/* Prints a list of objects: each by the template, or (NULL, "json" makes a line of each) all of it
 * as JSON. On a terminal control characters are shown as "?". */
int template_print(const char *text, const json_t *list, struct error *err);
