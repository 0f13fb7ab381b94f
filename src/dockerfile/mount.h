/*
 * The values of RUN --mount and --device: private to the room.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "dockerfile/expand.h"
#include "dockerfile/instruction.h"

/* Finds out what stands before the expansion: `text` and `from`. Returns 0; -EINVAL for what cannot
 * become right by an expansion, -ENOMEM. */
int mount_read(struct arena *arena, const char *text, char escape, struct run_mount *ret,
               struct error *err);

/* Expands the values and reads all of them. Errors as above, and those of expand_word(). */
int mount_expand(struct arena *arena, const char *text, const struct expander *expander,
                 struct run_mount *ret, struct error *err);

int device_read(struct arena *arena, const char *text, struct run_device *ret, struct error *err);
