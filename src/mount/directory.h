/*
 * A plain directory as a layer: private to src/mount/.
 */
#pragma once

#include "base/error.h"
#include "fs/tree.h"

/* What varve-fs keeps in an upper directory; no part of the layer that the directory is. */
#define DIRECTORY_OWN ".varve"

/*
 * Makes a layer of the directory that is open at `dir_fd`, which stays the caller's: one walk, and
 * an index in memory. Contents stay where they are. `name` is for errors.
 *
 * Deletions are understood as overlayfs writes them (character devices 0:0, empty files with the
 * attribute overlay.whiteout, directories with overlay.opaque; of `trusted.` or `user.`) and as
 * layers have them (".wh." files). Like overlayfs it does not go into what is mounted below.
 * -EOPNOTSUPP: overlayfs has renamed a directory or copied metadata alone, which names places in
 * other layers.
 */
int directory_open(int dir_fd, const char *name, struct tree_layer *ret, struct error *err);
