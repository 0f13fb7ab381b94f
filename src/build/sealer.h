/*
 * A thread that seals what steps have changed while later steps run. Private to src/build/.
 */
#pragma once

#include "archive/compression.h"
#include "build/layers.h"
#include "fs/change.h"
#include "store/store.h"

struct sealer;
struct seal_job;

int sealer_new(struct store *store, const struct compression *compression, struct sealer **ret,
               struct error *err);

/* Waits for what is under way. */
void sealer_free(struct sealer *sealer);

/* Hands changes over; they are sealed in the order in which they come. Returns NULL when memory ran
 * out, and the changes are freed then too. */
struct seal_job *sealer_add(struct sealer *sealer, struct change_list *changes);

/* Whether a job is done, so that nobody would wait for it. */
bool seal_job_is_done(struct seal_job *job);

/* Waits for a job, frees it, and yields the layer, whose parts the caller owns. */
int seal_job_finish(struct seal_job *job, struct layer *ret, struct error *err);
