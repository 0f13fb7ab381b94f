/*
 * Asking before something is removed. Private to src/cli/.
 */
#pragma once

#include <stdbool.h>

/* Whether the user says yes to what `warning` says ("This will remove ..."). Where standard input
 * is no terminal nobody is asked: the command itself says it. */
bool confirm(const char *warning);

/* A line for the table of options of a command that asks. */
/* clang-format off */
#define FORCE_OPTION(value) \
        { OPTION_FLAG, 'f', "force", value, NULL, "Do not ask whether it is meant" }
/* clang-format on */
