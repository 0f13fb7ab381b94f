/*
 * RUN --mount: what a step sees besides the image. Private to src/build/.
 */
#pragma once

#include "build/execute.h"
#include "key.h"
#include "worker.h"

struct run_mount_part;

/* A bind mount. */
struct run_bind {
        const char *target; /* borrowed, as what follows */
        const char *source; /* in the tree */
        struct tree *tree;
        struct trace *trace; /* owned; what is observed of it, or NULL */
};

struct run_mounts {
        struct execution_mount *items; /* owned; those of fewer components first */
        size_t count;
        struct run_mount_part *parts; /* owned; what stands behind each mount of the RUN */
        size_t part_count;
        struct run_bind *binds; /* owned; in the order of the RUN */
        size_t bind_count;
        struct digest fixed; /* what does not count by its files: the bases of caches, and where in
                              * their trees bind mounts begin */
        struct strv env;     /* what mounts put into the environment */
};

#define RUN_MOUNTS_INIT ((struct run_mounts){ .items = NULL })

/* Adds what the mounts are, as written, to the group of a step; no secret. */
void run_mounts_key(const struct instruction_run *run, struct key *key);

/* The digest of the files that bind mounts bring; all zeros where there are none. */
int run_mounts_digest(struct worker *worker, struct digest *ret, struct error *err);

/* Makes ready what is mounted, or `only_binds`, to look at them. `ret_input` is as
 * run_mounts_digest(), of what is mounted. */
int run_mounts_open(struct worker *worker, bool only_binds, struct run_mounts *ret,
                    struct digest *ret_input, struct error *err);

/* Keeps what caches hold by now. */
int run_mounts_keep(struct run_mounts *mounts, struct error *err);
void run_mounts_done(struct run_mounts *mounts);

/* ---- mounts_observe.c ---- */

/* From now on what is observed of bind mounts is noted. */
int run_mounts_trace(struct run_mounts *mounts, struct error *err);

/* What was observed of them: once the step is over, while they are open. */
int run_mounts_observed(const struct run_mounts *mounts, struct observed_mounts *ret,
                        struct error *err);

/* Whether bind mounts answer as another step has observed of them. As observations_check(). */
int run_mounts_check(const struct run_mounts *mounts, const struct observed_mounts *observed,
                     size_t differences_max, struct buf *ret_differences, struct error *err);
