/*
 * The options by which run and exec set variables. Private to src/cli/.
 */
#pragma once

#include "cli.h"

struct env_flags {
        struct strv variables;
        struct strv files;
};

/* Lines for a command's table of options. */
/* clang-format off */
#define ENV_OPTIONS(flags) \
        { OPTION_LIST, 'e', "env", &(flags)->variables, "NAME[=VALUE]", \
          "Set a variable; may be repeated" }, \
        { OPTION_LIST, 0, "env-file", &(flags)->files, "FILE", \
          "Set the variables of a file's lines; may be repeated" }
/* clang-format on */

void env_flags_done(struct env_flags *flags);

/*
 * Sets them in `ret`: first those of the files, lines NAME=VALUE of which those that are empty or
 * begin with # mean nothing. NAME alone is a variable of the caller's, if there is one. -EINVAL:
 * one has no name.
 */
int env_flags_read(const struct env_flags *flags, struct strv *ret, struct error *err);
