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

/* Mounts `source_fd` (of this mount namespace) on `path`, a directory on a directory and else a
 * file on a file; with all that is mounted below it by now where the kernel does not allow to leave
 * that out. */
int tree_bind(int root_fd, const char *path, int source_fd, bool read_only, struct error *err);

/*
 * Takes what `fd` (of this mount namespace) shows now, before anything is mounted over it or below:
 * `ret_fd` is a mount of it that is nowhere yet, to be put somewhere by tree_attach(). With all
 * that is mounted below it (`ret_recursive`) under the same condition. Returns a negative errno,
 * without an error: -ENOSYS, it takes Linux 5.2.
 */
int tree_clone(int fd, int *ret_fd, bool *ret_recursive);
int tree_attach(int root_fd, const char *path, int clone_fd, bool recursive, bool read_only,
                struct error *err);

/* Makes the mount whose root is at `path` read-only; where `recursive`, all mounts below too. */
int tree_make_read_only(int root_fd, const char *path, bool recursive, struct error *err);
