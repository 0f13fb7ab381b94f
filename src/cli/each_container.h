/*
 * Commands that do the same to each container that is named. Private to src/cli/.
 */
#pragma once

#include "cli.h"
#include "container/container.h"

/*
 * Calls `act` for each argument, prints the argument where that returned 0, and the error
 * otherwise. Returns the exit status: one that failed does not keep the others from their turn.
 */
int each_container(struct store *store, const struct arguments *arguments,
                   int (*act)(struct store *store, struct container *container, void *context,
                              struct error *err),
                   void *context);
