/*
 * A union tree that is mounted, for tests that drive it with system calls.
 *
 * The process that asks for it goes into a user namespace and a mount namespace of its own, so it
 * needs no privilege, and sees the tree at "mnt" below its working directory. Another process,
 * outside of them, has the tree and serves it. When either dies, the mount is gone.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MOUNTED_AT "mnt"

enum mounted_users {
        MOUNTED_SINGLE, /* one uid, as users without subordinate ids have it */
        MOUNTED_RANGES, /* the ids below 65536; for root alone */
};

struct mounted_options {
        enum mounted_users users;
        uint64_t spool_memory_max;
        int spool_dir_fd; /* where the spool's file is made, and the layers' */
};

struct mounted;

/*
 * Makes an empty tree and mounts it. The calling process has one thread, and the root directory's
 * rights in its namespaces from then on.
 */
int mounted_new(const struct mounted_options *options, struct mounted **ret, struct error *err);

/* Unmounts, makes a layer of what has changed, and mounts again: the same tree, or, with `reopen`,
 * one that is made of its layers anew. Nothing of the mount may be in use. */
int mounted_seal(struct mounted *mounted, bool reopen, struct error *err);

/* How many layers there are. */
size_t mounted_layers(const struct mounted *mounted);

/* The process that serves. */
pid_t mounted_server(const struct mounted *mounted);

/* Cuts the content of all layers down to nothing: reading it fails from now on. */
int mounted_break(struct mounted *mounted, struct error *err);

/* Unmounts and ends the server. Returns 0, or -EIO where the server ended with an error. */
int mounted_free(struct mounted *mounted);

/*
 * The end of a test in the new directory `root`: frees what is mounted (NULL: nothing), removes the
 * directory, and says `good` or, with a result below 0, the error. Returns the exit status.
 */
int mounted_end(struct mounted *mounted, const char *root, int result, struct error *err,
                const char *good);
