/*
 * Docker's longer names of commands: "image ls", "container run", "builder prune". Private to
 * src/cli/.
 */
#pragma once

#include "cli.h"

#include <stdio.h>

/*
 * The command that the first words of a command line are, longer names among it, and how many words
 * that takes; NULL: there is none. The second word may have become an option that the longer name
 * stands for.
 */
const struct command *command_find(int argc, char **argv, int *ret_words);

/* Whether the word is the first of longer names alone ("image"). */
bool command_is_group(const char *word);

/* Prints which there are. */
void command_print_group(const char *word, FILE *file);

/* Prints the words that may follow the first one of longer names, a line each; NULL: those first
 * words. For completion. */
void command_print_words(const char *group);
