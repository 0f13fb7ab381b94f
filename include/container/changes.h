/*
 * What a container holds, and what it has changed: floor 4.
 *
 * Of one that runs it is what a checkpoint seals: its keeper lists what has changed at one instant
 * and makes one more layer of it, while the container goes on.
 */
#pragma once

#include "build/layers.h"
#include "container/container.h"

/* The image that it was made of; kept for as long as the container is there. */
int container_image(struct store *store, const struct container *container,
                    struct stored_image *ret, struct error *err);

/* Sees to it that all that it has changed by now is in its layers. */
int container_checkpoint(struct store *store, struct container *container, struct error *err);

/* Its layers, the image's first; `ret_own` of them, at the end, are its own. */
int container_layers(struct store *store, const struct container *container, struct layers *ret,
                     size_t *ret_own, struct error *err);

/* All of it as a tree. */
int container_open_tree(struct store *store, const struct container *container, struct tree **ret,
                        struct error *err);

/* Makes its changes so far, in `tree`, one more layer of its own; with `onto` in the place of the
 * last, which is the tree's topmost. Writes the state. Nothing happens where nothing has changed.
 */
int container_seal(struct store *store, struct container *container, struct tree *tree, bool onto,
                   struct error *err);
