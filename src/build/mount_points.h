/*
 * Where something is mounted there has to be something to mount it on, of the same kind, and no
 * symlink may lead there. Private to src/build/.
 */
#pragma once

#include "build/execute.h"

/*
 * Resolves the targets of mounts inside `tree`, in order, and makes stubs for those that are not
 * there: in the tree or, below the target of an earlier mount, in the tree that is mounted there.
 */
int mount_points_add(struct tree *tree, const struct execution_mount *mounts, size_t count,
                     struct strv *ret_targets, struct error *err);

/* Takes the stubs out of the trees that were mounted. */
void mount_points_remove(const struct execution_mount *mounts, size_t count);
