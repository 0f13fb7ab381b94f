/*
 * Mounting /dev/fuse and taking it away again: private to src/mount/.
 *
 * By mount(2) and umount2(2) where the caller may (root, also of a user namespace), else by
 * fusermount3.
 */
#pragma once

#include "base/error.h"
#include "options.h"

/* Mounts on `target`, an absolute path of a directory. `ret_fd` is the server's end. Forks where
 * fusermount3 is needed, so it wants to be called before there are threads. */
int fuse_mount(const struct mount_options *options, const char *target, int *ret_fd,
               struct error *err);

/* `flags` as of umount2(2); fusermount3 knows MNT_DETACH. */
int fuse_unmount(const char *target, int flags, struct error *err);
