/*
 * What is mounted into the root: private to the helper. Each function takes a descriptor of the
 * root before it becomes "/", and follows no symbolic link in it (tree.h).
 */
#pragma once

#include "helper.h"

/* /dev: a tmpfs with the six devices of every container, pts, shm, mqueue and the usual links. */
int mounts_add_dev(const struct helper *helper, int root_fd, struct error *err);

/* The command's own terminal, if it is to have one, as /dev/console; /dev is there already. */
int mounts_add_terminal(struct helper *helper, int root_fd, struct error *err);

/* /proc, with what tells of or changes the host masked or read-only. `ret_outer`: it is that of a
 * container around, because the kernel allows no other. */
int mounts_add_proc(const struct helper *helper, int root_fd, bool *ret_outer, struct error *err);

/* /sys, read-only. */
int mounts_add_sys(const struct helper *helper, int root_fd, struct error *err);

/* Copies what the root has at `target` into a volume, a directory, that is empty; else does
 * nothing. */
int mounts_fill(int root_fd, const char *target, int volume_fd, struct error *err);

/* What the specification asks for; /dev is there already. */
int mounts_add_extra(const struct helper *helper, int root_fd, struct error *err);
