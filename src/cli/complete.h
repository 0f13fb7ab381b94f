/*
 * What may stand where the cursor is, for shells: `varve __complete WORD...`, whose last word is
 * the unfinished one. Private to src/cli/.
 *
 * Prints a candidate a line, those that do not fit what is there yet among it; nothing where files
 * are wanted. What cannot be read is no candidate, and no error.
 */
#pragma once

#include "cli.h"

/* The name by which the program is asked, and the option by which it asks a command. */
#define COMPLETE_COMMAND "__complete"
#define COMPLETE_OPTION  "--__complete"

/* `argv` holds the words. Returns the exit status. */
int complete(int argc, char **argv);

/* The same of a command, whose table of options this is. `words` stand behind its name. */
void complete_of_command(const struct command *command, const struct option_spec *options,
                         size_t count, int word_count, char **words);
