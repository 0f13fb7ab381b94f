/*
 * What is kept of a step that was carried out. Private to src/build/.
 *
 * A head of lines for people and for garbage collection, and behind an empty line what the step has
 * observed, as bytes. The first line has the digest of all that follows it.
 */
#pragma once

#include "build/layers.h"
#include "build/owners.h"
#include "fs/trace.h"

/* Whose digest is the group of what is no step's record: what stages were when they were last built
 * (worker_memory.c). */
#define RECORD_MEMORY "varve memory 2"

/* What a RUN has observed of its bind mounts, in their order; none where it changed one of them. */
struct observed_mounts {
        struct observations **items; /* owned, and each of them */
        size_t count;
        struct digest fixed; /* what of its mounts counts as a whole */
};

void observed_mounts_done(struct observed_mounts *mounts);

struct record {
        char *step; /* owned; the instruction, for people, or NULL */
        struct timespec created;
        struct digest group; /* what was done */
        bool has_layer;      /* false: the step has changed nothing */
        struct layer layer;
        enum owners owners;
        struct digest below;               /* what the layers below held */
        struct digest input;               /* what else went in */
        struct digest user;                /* who the command was run as; zeros where nobody */
        struct observations *observations; /* owned; NULL where there are none */
        struct observed_mounts mounts;     /* where there are observations */
        char *unobserved;                  /* owned: why not, or NULL */
};

void record_done(struct record *record);

int record_write(const struct record *record, struct buf *ret);

/* Returns 0; -ESTALE for a record of another version; -EBADMSG for what is none, or was altered;
 * -ENOMEM. */
int record_read(const void *data, size_t len, struct record *ret);

/* Whether a record is that of this step: its group is this one, and its parts give this key.
 * Returns 0, -EBADMSG or -ENOMEM. */
int record_check(const struct record *record, const struct digest *group, const struct digest *key,
                 struct error *err);
