/*
 * --format: the part of Go's templates that people use on Docker's output. Private to src/cli/.
 *
 * "{{.Field.Sub}}" is a member of the object, "{{.}}" the object, "{{json .Field}}" its JSON; "\n"
 * and "\t" in the text stand for themselves. Anything else is an error that names it.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

/* Appends what the template makes of the object. -EINVAL. */
int template_expand(const char *text, const json_t *object, struct buf *ret, struct error *err);
