/*
 * RUN --mount: what a step sees besides the image. Private to src/build/.
 */
#pragma once

#include "build/execute.h"
#include "key.h"
#include "worker.h"

struct run_mount_part;

struct run_mounts {
        struct execution_mount *items; /* owned; those of fewer components first */
        size_t count;
        struct run_mount_part *parts; /* owned; what stands behind each mount of the RUN */
        size_t part_count;
        struct strv env; /* what mounts put into the environment */
};

#define RUN_MOUNTS_INIT ((struct run_mounts){ .items = NULL })

/* Adds what the mounts are, as written, to the group of a step; no secret. */
void run_mounts_key(const struct instruction_run *run, struct key *key);

/* The digest of the files that bind mounts bring; all zeros where there are none. */
int run_mounts_digest(struct worker *worker, struct digest *ret, struct error *err);

/* Makes ready what is mounted. `ret_input` is as run_mounts_digest(), of what is mounted. */
int run_mounts_open(struct worker *worker, struct run_mounts *ret, struct digest *ret_input,
                    struct error *err);

/* Keeps what caches hold by now. */
int run_mounts_keep(struct run_mounts *mounts, struct error *err);
void run_mounts_done(struct run_mounts *mounts);
