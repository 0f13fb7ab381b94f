/*
 * Mounting inside the root: private to the helper.
 *
 * Invariant: no path of the image is ever given to the kernel whole. Each mount point is walked to
 * from a descriptor of the root, one component after the other, following no symbolic link, and the
 * mount is made on the descriptor found. So neither a link in the image nor one that changes
 * in the meantime can lead out of the root. This needs the host's /proc: it ends at the pivot.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/*
 * Finds `path` (absolute or not, without ".." and symbolic links) below `root_fd`.
 * `ret_fd` is an O_PATH descriptor of it, of what is mounted there if anything is. Returns 0 or a
 * negative errno: -ENOENT, -ENOTDIR, -ELOOP for a symbolic link, -EINVAL for "..".
 */
int tree_open(int root_fd, const char *path, int *ret_fd);

/* Mounts a new filesystem on `path`. Returns 0 or a negative errno, with `err` set. */
int tree_mount(int root_fd, const char *path, const char *fstype, unsigned long flags,
               const char *options, struct error *err);

/* Mounts `source_fd` (of this mount namespace) with all that is mounted below it on `path`, a
 * directory on a directory and else a file on a file. */
int tree_bind(int root_fd, const char *path, int source_fd, bool read_only, struct error *err);

/* Makes the mount whose root is at `path` read-only; where `recursive`, all mounts below too. */
int tree_make_read_only(int root_fd, const char *path, bool recursive, struct error *err);
