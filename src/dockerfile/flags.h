/*
 * The flags that an instruction knows: private to the room.
 */
#pragma once

#include "parser.h"

enum flag_kind {
        FLAG_BOOL, /* "--name", "--name=true", "--name=false" */
        FLAG_TEXT, /* "--name=value", once */
        FLAG_LIST, /* "--name=value", any number of times */
};

struct flag {
        const char *name;
        enum flag_kind kind;

        /* What flags_read() found. */
        enum choice choice; /* FLAG_BOOL */
        const char *value;  /* FLAG_TEXT; NULL where not given */
        const char *source; /* of the last one given, in the line; NULL where not given */
        struct words values;
        size_t cap;
};

/* Reads what was given into `flags`, which is initialised with names and kinds. Returns 0; -EINVAL
 * for an unknown flag, one given twice, or a value that is missing or wrong; -ENOMEM. */
int flags_read(struct parser *parser, const struct arguments *arguments, struct flag *flags,
               size_t count, struct error *err);
