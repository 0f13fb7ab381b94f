/*
 * The layers of a test's tree: what is committed becomes a layer, of which the tree can be made
 * anew.
 */
#pragma once

#include "fs/tree.h"

#define LAYERS_MAX 120

struct layers {
        int fds[LAYERS_MAX][2]; /* of each: content, index; in files without a name */
        size_t count;
        int dir_fd;      /* borrowed: where these files, and the spool's, are made */
        bool persistent; /* the trees shall be */
};

/* Ends the epoch of `tree` and makes a layer of what it has changed. */
int layers_commit(struct layers *layers, struct tree *tree, struct error *err);

/* Replaces the topmost layer, which `tree` was opened with, by it and what was changed since. */
int layers_replace(struct layers *layers, struct tree *tree, struct error *err);

/* Makes a tree of all of them. */
int layers_open(const struct layers *layers, uint64_t spool_memory_max, struct tree **ret,
                struct error *err);

void layers_done(struct layers *layers);
