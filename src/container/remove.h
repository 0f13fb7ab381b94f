/*
 * What removes itself: private to src/container/.
 */
#pragma once

#include "container/container.h"

/* Removes from the store and the list those that were not to be kept, and whose keepers are gone
 * without having done it. */
void containers_sweep(struct store *store, struct containers *list);
