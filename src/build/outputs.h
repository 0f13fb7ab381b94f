/*
 * Handing over what was built. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "build/layers.h"
#include "worker.h"

/* What was built for one platform. */
struct built {
        struct platform platform; /* owned */
        struct digest config;
        struct descriptor manifest;   /* owned */
        struct stage_result *results; /* owned; of each stage of the file what its steps have made;
                                       * of those that were not built, empty ones */
        size_t result_count;
};

void built_done(struct built *built);

/* Writes all outputs that the options name, but for the image's names in the store: `root` is the
 * manifest of what was built, or an index of several. What was begun of one that fails is removed.
 */
int outputs_write(struct store *store, const struct build_options *options,
                  const struct descriptor *root, const struct built *built, size_t count,
                  struct error *err);

/* ---- output_local.c ---- */

/*
 * Writes the files of a tree into the empty directory `dir_fd`, as the caller's: without owners,
 * setuid bits, devices, and attributes other than user ones; how many of the latter two were left
 * out is added to `left_out`. Directories are open to the caller until local_finish().
 */
int local_write(struct tree *tree, int dir_fd, size_t *left_out, struct error *err);

/*
 * Moves what local_write() has written from one directory to another, which may have files:
 * directories are joined, what else has the same name is replaced. First all is looked at: a file
 * is not put in a directory's place, -EISDIR, and nothing is moved where a directory is closed to
 * the caller, -EACCES, or on another mount, -EXDEV. His own are opened for that. `moves` false: it
 * is only looked.
 */
int local_merge(struct tree *tree, int from_fd, int to_fd, bool moves, struct error *err);

/* Gives the directories that there are of the tree their modes, times and attributes, but for those
 * of other users. `left_out` as above. */
int local_finish(struct tree *tree, int dir_fd, size_t *left_out, struct error *err);
