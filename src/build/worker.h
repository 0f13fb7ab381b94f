/*
 * A stage while it is built, in a process of its own. Private to src/build/.
 */
#pragma once

#include "base/strv.h"
#include "build/layers.h"
#include "build/owners.h"
#include "cache_import.h"
#include "event.h"
#include "fs/trace.h"
#include "key.h"
#include "plan.h"
#include "record.h"
#include "sealer.h"

/* Where the record of a step is. */
struct step_key {
        struct digest group;
        struct digest key;
};

/* What a stage is when it is done: what other stages and the image are made of. */
struct stage_result {
        struct image_config config; /* with diffIDs and history */
        struct layers layers;
        struct strv args;      /* values of ARG in effect, "NAME=value": they go before the config's
                                * environment, where no ENV of that name came later */
        struct strv arg_names; /* of all ARGs, with a value or not, in their order */
        bool shell_given;      /* SHELL was said, here or in a stage below */
        struct step_key *steps; /* owned; those of the cache, in their order */
        size_t step_count;
};

#define STAGE_RESULT_INIT ((struct stage_result){ .shell_given = false })

void stage_result_done(struct stage_result *result);

/* Returns 0 or -ENOMEM. */
int stage_result_add_step(struct stage_result *result, const struct step_key *step);
int stage_result_copy(const struct stage_result *from, struct stage_result *ret);

/* As bytes, to pass through a pipe. */
int stage_result_write(const struct stage_result *result, struct buf *ret, struct error *err);
int stage_result_read(const void *data, size_t len, struct stage_result *ret, struct error *err);

/* With --explain so much of what differs is told. */
#define EXPLAINED_MAX 50

/* A step that is carried out, whose changes are sealed meanwhile. */
struct finished_step {
        const struct plan_step *step;
        struct timespec created;
        struct digest group;    /* what was done ... */
        struct digest input;    /* ... with what content besides the image's */
        bool stands_alone;      /* ... whatever the image's is */
        struct digest user;     /* who the command was run as */
        struct trace *trace;    /* owned; what it has observed, or NULL */
        const char *unobserved; /* why not, or NULL; static */
        struct observed_mounts mounts;
        enum owners owners;
        struct seal_job *seal; /* NULL: nothing was changed */
};

/* A step as the memory of a stage has it. */
struct remembered {
        struct step_key step;
        char *text;       /* owned; the instruction */
        struct strv with; /* what it was carried out with: "ARG A=1", "WORKDIR /" */
};

struct memory {
        struct remembered *items; /* owned */
        size_t count;
};

struct worker {
        struct store *store;
        const struct build_options *options;
        const struct plan *plan;
        const struct plan_stage *stage;
        const struct stage_result *results; /* of the stages that are done */
        const struct cache_import *import;  /* what --cache-from has; or NULL */
        int events_fd;

        struct stage_result state;
        struct timespec created;        /* when the last step was carried out, now or before */
        bool cmd_given;                 /* CMD was said in this stage */
        bool stands_alone;              /* the current step does not depend on what is below it */
        struct tree *tree;              /* NULL until a step has to be carried out */
        struct sandbox_host *host;      /* likewise */
        bool copied;                    /* there are copies instead of mounts, once it is there */
        struct sealer *sealer;          /* likewise */
        struct finished_step *finished; /* not yet part of `state.layers` */
        size_t finished_count;
        struct buf told;        /* of the current step: how or why not it is in the cache */
        struct digest compared; /* of the current step: the layer of another that took other
                                 * files; it is told when there is one to compare with it */
        bool is_compared;
        size_t compared_at;              /* the number that its own layer gets */
        struct memory past;              /* the steps of the stage when it was last built */
        bool has_past;                   /* they were looked for */
        struct memory present;           /* the steps so far */
        size_t inherited;                /* how many steps the stage began with */
        struct trace *trace;             /* owned; what the current step observes, or NULL */
        const char *unobserved;          /* why not, or NULL; static */
        struct observed_mounts mounts;   /* what it has observed of its mounts */
        struct digest user;              /* who its command is run as */
        const struct plan_step *step;    /* the current one */
        struct instruction *instruction; /* expanded */
        struct source_position where;    /* of what is wrong, if known */
};

/*
 * Builds the stage and reports to `events_fd` what happens, at last its result or its failure.
 * Returns the exit status of the process.
 */
int worker_main(struct worker *worker);

/* ---- worker_config.c ---- */

/* Carries out an instruction that only changes the config. */
int worker_configure(struct worker *worker, struct error *err);

/* The environment of a RUN: ENV, and ARG where ENV says nothing. */
int worker_environment(const struct worker *worker, struct strv *ret, struct error *err);

/* HTTP_PROXY and its like: --build-arg sets them for RUN without any ARG. */
bool worker_is_proxy_arg(const char *name);

/* The working directory for relative paths, "/" at least. */
const char *worker_workdir(const struct worker *worker);

/* ---- worker_history.c ---- */

/* Adds a line to the history. */
int worker_add_history(struct worker *worker, bool empty_layer, struct error *err,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds the line of an instruction that only changes the config, which it has done. */
int worker_add_config_history(struct worker *worker, struct error *err);

/* Adds that of a RUN, with the values that its ARGs have: "RUN |1 A=1 /bin/sh -c make # varve". */
int worker_add_run_history(struct worker *worker, const struct strv *argv, bool empty_layer,
                           struct error *err);

/* Adds that of a COPY or ADD, with all its sources. */
int worker_add_copy_history(struct worker *worker, bool empty_layer, struct error *err);

/* ---- worker_cache.c: looking for steps ---- */

/* Looks for a step in the cache. Returns 1 and takes its layer over, or 0, which is told with the
 * reason. */
int worker_try_cache(struct worker *worker, const struct digest *group, const struct digest *input,
                     bool *ret_empty, struct error *err);

/* Reads a record of the store. Returns 1 with it, or 0: one that was altered, or is of another
 * step, is dropped with a warning, which is told. */
int worker_get_record(struct worker *worker, const struct digest *group, const struct digest *key,
                      struct record *ret, struct error *err);

/* Whether looking is worth it: such a step was carried out before. */
bool worker_may_be_cached(const struct worker *worker, const struct digest *group);

/* Adds to what is told of the current step, behind a semicolon where something was. Returns 0 or
 * -ENOMEM. */
int worker_tell(struct worker *worker, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Sends why the current step is carried out. */
void worker_send_missed(struct worker *worker);

/* ---- worker_memory.c: what a stage was when it was last built, to tell what has changed ---- */

void memory_done(struct memory *memory);

/* Notes that the current step comes next. */
int worker_remember(struct worker *worker, const struct digest *group, struct error *err);

/* Tells why there is no step of this group: what of it is not as it was. */
int worker_tell_unknown(struct worker *worker, const struct digest *group, struct error *err);

/* Whether this very step was in the cache when the stage was last built. */
bool worker_had_step(struct worker *worker, const struct digest *group, const struct digest *key);

/* Keeps what was noted for the next build. All steps are joined. */
int worker_keep_memory(struct worker *worker, struct error *err);

/* ---- worker_files.c: which files of a COPY have changed ---- */

/* Looks for a step of the group that was carried out on the same, with other files. Returns 1 with
 * the layer that it has made noted in `worker->compared`, 2 where that cannot be compared, or 0. */
int worker_find_compared(struct worker *worker, const struct digest *group,
                         const struct digest *below, struct error *err);

/* Joins the current step and tells what its layer and the one that was noted do not have alike. */
int worker_tell_files(struct worker *worker, struct error *err);

/* ---- worker_share.c: steps that others have shared ---- */

/* Reads the record of one. Returns 1; or 0 where it is not sound, or its cache is lost, which is
 * told. */
int worker_read_shared(struct worker *worker, const struct imported_step *step, struct record *ret,
                       struct error *err);

/* Fetches the layer of its record. Returns 1; or 0 where that cannot be, which is told. A cache
 * that cannot be reached is lost by that: it is waited for once, and there is one warning. */
int worker_fetch_shared(struct worker *worker, const struct imported_step *step,
                        struct record *record, struct error *err);

/* ---- worker_step.c: steps that change files ---- */

/* Begins the digest of what a step of this kind does. */
int worker_begin_group(const struct worker *worker, const char *kind, struct key *key,
                       struct error *err);

/* The key of a step on what the stage is so far. */
int worker_record_key(const struct worker *worker, bool stands_alone, const struct digest *input,
                      struct digest *ret_below, struct digest *ret, struct error *err);

int worker_put_record(struct worker *worker, const struct digest *group, const struct digest *key,
                      const struct record *record, struct error *err);

/* Notes that the stage has this step, whose record there is. */
int worker_add_step(struct worker *worker, const struct digest *group, const struct digest *key,
                    struct error *err);

/* Adds a layer, which it owns, to the stage. */
int worker_add_layer(struct worker *worker, struct layer *layer, struct error *err);

/* Shows a line of the step for each layer that is fetched for it; the context is the worker. */
void worker_show_transfer(void *worker, const struct transfer_event *event);

/* Opens the union of layers, which are fetched where they have not been needed before. */
int worker_open_layers(struct worker *worker, const struct layers *layers, struct tree **ret,
                       struct error *err);

/* Opens the tree of what the stage is so far. */
int worker_open_tree(struct worker *worker, struct error *err);

/* Sees to it that what is committed of the tree has no later times than it may have. */
void worker_clamp_times(const struct worker *worker);

/* Ends a step: what it has changed in the tree is on its way into a layer. */
int worker_finish_step(struct worker *worker, const struct digest *group,
                       const struct digest *input, bool *ret_empty, struct error *err);

/* Waits until all finished steps are sealed, and records them. */
int worker_join_steps(struct worker *worker, struct error *err);

/* Records those that are sealed by now. */
int worker_join_sealed(struct worker *worker, struct error *err);

/* ---- worker_observe.c: what RUN steps have read ---- */

/* The digest of who USER is in a tree. -EINVAL: nobody. */
int worker_user_digest(const struct worker *worker, struct tree *tree, struct digest *ret,
                       struct error *err);

/* Evaluates what a step has observed of the stage's layers, before its own is one of them. */
int worker_record_observations(struct worker *worker, const struct finished_step *step,
                               const struct layer *layer, struct record *record, struct error *err);

/* Looks for a record of the group whose step would do the same here, in the store and then in what
 * others have shared (`ret_source`: whose it is, borrowed). Returns 1 with it, its layer fetched;
 * or 0, with what differs from the most recently used one added to `worker->told`. All steps are
 * joined. */
int worker_find_observed(struct worker *worker, const struct digest *group,
                         const struct digest *below, const struct digest *input, struct record *ret,
                         const char **ret_source, struct error *err);

/* ---- the steps ---- */

/* Adds a line for each thing that a RUN is carried out with beside the environment, as memory has
 * them. Returns 0 or -ENOMEM. */
int worker_run_with(const struct worker *worker, struct strv *ret);

int worker_run(struct worker *worker, bool *ret_cached, struct error *err);
int worker_copy(struct worker *worker, bool *ret_cached, struct error *err);
int worker_workdir_step(struct worker *worker, bool *ret_cached, struct error *err);
