/*
 * Options and commands of Docker's that are none here. Private to src/cli/.
 */
#pragma once

#include "base/error.h"

/*
 * An option `written` ("--rm", "--isolation=default") that the command does not know, and the
 * argument behind it (or NULL). Returns how many arguments it takes where it asks for what is done
 * anyway; 0: it is none of Docker's; -EOPNOTSUPP with the reason: it asks for something else.
 */
int docker_flag_take(const char *command, const char *written, const char *next, struct error *err);

/* A command that there is not: -EOPNOTSUPP with the reason where Docker has it, else 0. */
int docker_command_refuse(const char *name, struct error *err);
