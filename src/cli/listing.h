/*
 * Tables that --format may give another form: of `ps`, `volume ls`. Private to src/cli/.
 */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

struct listing_column {
        const char *field; /* of each row */
        const char *head;
};

struct listing {
        const struct listing_column *columns; /* of the table that is printed without a format */
        size_t column_count;
        const struct listing_column *more; /* that a format may name besides */
        size_t more_count;
        const char
                *format;   /* of --format, or NULL: "table", "table TEMPLATE", "json", a template */
        const char *quiet; /* of -q: the one field that is printed, or NULL */
};

/* Prints rows, which are objects of strings. -EINVAL: the format is not understood. */
int listing_print(const struct listing *listing, const json_t *rows, struct error *err);
