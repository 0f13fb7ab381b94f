/*
 * What all steps that change files have in common: the tree, sealing, and the record.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "key.h"
#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of an instruction, for people. */
#define STEP_TEXT_MAX 200

int worker_begin_group(const struct worker *worker, const char *kind, struct key *key,
                       struct error *err)
{
        int r = key_begin(key, kind, err);

        /* The times in its layer are part of what it does. */
        if (r == 0 && worker->options->clamps_times) {
                key_add_text(key, "latest");
                key_add_number(key, (uint64_t)worker->options->latest.tv_sec);
        }
        return r;
}

/* ---- records ---- */

int worker_record_key(const struct worker *worker, bool stands_alone, const struct digest *input,
                      struct digest *ret_below, struct digest *ret, struct error *err)
{
        static const struct layers nothing;
        int r = key_of_layers(stands_alone ? &nothing : &worker->state.layers, ret_below, err);

        return r < 0 ? r : key_of_step(ret_below, input, ret, err);
}

int worker_put_record(struct worker *worker, const struct digest *group, const struct digest *key,
                      const struct record *record, struct error *err)
{
        struct buf text = BUF_INIT;
        int r = record_write(record, &text);

        r = r < 0 ? error_set_oom(err)
                  : store_record_put(worker->store, group, key, text.data, text.len, err);
        buf_done(&text);
        return r;
}

int worker_add_step(struct worker *worker, const struct digest *group, const struct digest *key,
                    struct error *err)
{
        const struct step_key step = { *group, *key };

        return stage_result_add_step(&worker->state, &step) < 0 ? error_set_oom(err) : 0;
}

/* An instruction as one short line. */
static char *step_text(const char *written)
{
        char *text = strndup(written, STEP_TEXT_MAX);

        for (char *at = text; text && *at; at++)
                if ((unsigned char)*at < ' ')
                        *at = ' ';
        return text;
}

/* Records a step whose layer, NULL for none, is not yet one of the stage's. */
static int record_step(struct worker *worker, const struct finished_step *step,
                       const struct layer *layer, struct error *err)
{
        struct record record = { .created = step->created,
                                 .group = step->group,
                                 .owners = step->owners,
                                 .input = step->input,
                                 .user = step->user,
                                 .mounts = step->mounts };
        struct digest key;
        int r;

        r = worker_record_key(worker, step->stands_alone, &step->input, &record.below, &key, err);
        if (r == 0) {
                record.step = step_text(step->step->instruction->text);
                r = record.step ? 0 : error_set_oom(err);
        }
        if (layer) {
                record.layer = *layer;
                record.has_layer = true;
        }
        if (r == 0)
                r = worker_record_observations(worker, step, layer, &record, err);
        if (r == 0)
                r = worker_put_record(worker, &step->group, &key, &record, err);
        if (r == 0)
                r = worker_add_step(worker, &step->group, &key, err);
        record.has_layer = false; /* the blob's descriptor is the caller's, as these are: */
        record.mounts = (struct observed_mounts){ .items = NULL };
        record_done(&record);
        return r;
}

int worker_add_layer(struct worker *worker, struct layer *layer, struct error *err)
{
        struct digest diff_id = layer->diff_id;

        if (worker->state.layers.count >= TREE_LAYERS_MAX) {
                descriptor_done(&layer->blob);
                error_set(err, -E2BIG, "the image would have more than %u layers", TREE_LAYERS_MAX);
                return error_hint(err, "Join steps, such as RUN one && two, or copy what the "
                                       "stage has into a new one.");
        }
        if (layers_add(&worker->state.layers, layer) < 0 ||
            image_config_add_diff_id(&worker->state.config, &diff_id) < 0)
                return error_set_oom(err);
        return 0;
}

/* ---- carrying out ---- */

void worker_show_transfer(void *context, const struct transfer_event *event)
{
        const struct worker *worker = context;
        uint32_t step = worker->step ? (uint32_t)(worker->step - worker->stage->steps) : STEP_FROM;
        char text[DIGEST_TEXT_MAX], line[PIPE_BUF / 2];
        int len = 0;

        if (event->state == TRANSFER_NOTICE) {
                len = snprintf(line, sizeof(line), "%s\n", event->text);
        } else if (event->state == TRANSFER_BEGINS) {
                digest_format(event->digest, text);
                len = snprintf(line, sizeof(line), "fetching %s, %" PRIu64 " bytes\n", text,
                               event->size);
        }
        if (len >= (int)sizeof(line))
                len = sizeof(line) - 1;
        if (len > 0)
                message_send(worker->events_fd, MESSAGE_OUTPUT, step, line, (size_t)len);
}

int worker_open_layers(struct worker *worker, const struct layers *layers, struct tree **ret,
                       struct error *err)
{
        struct transfer_watcher watcher = { worker_show_transfer, worker };
        int r = layers_fetch(worker->store, layers, false, &watcher, err);

        return r < 0 ? r : layers_open(worker->store, layers, ret, err);
}

void worker_clamp_times(const struct worker *worker)
{
        if (worker->options->clamps_times)
                tree_clamp_times(worker->tree, &worker->options->latest);
}

int worker_open_tree(struct worker *worker, struct error *err)
{
        int r;

        if (worker->tree)
                return 0;
        r = worker_open_layers(worker, &worker->state.layers, &worker->tree, err);
        if (r == 0)
                worker_clamp_times(worker);
        return r;
}

/* What is not the sealer's. */
static void finished_step_done(struct finished_step *step)
{
        trace_free(step->trace);
        observed_mounts_done(&step->mounts);
}

static int add_finished(struct worker *worker, const struct finished_step *step)
{
        struct finished_step *steps =
                reallocarray(worker->finished, worker->finished_count + 1, sizeof(*steps));

        if (!steps)
                return -ENOMEM;
        worker->finished = steps;
        steps[worker->finished_count++] = *step;
        return 0;
}

/* Hands changes to the sealer, which is started for the first of them. */
static int seal(struct worker *worker, struct change_list *changes, struct seal_job **ret,
                struct error *err)
{
        int r = 0;

        if (!worker->sealer) {
                struct compression compression;

                if (worker->options->compression)
                        compression = *worker->options->compression;
                else
                        r = compression_parse("gzip", 0, &compression, err);
                if (r == 0)
                        r = sealer_new(worker->store, &compression, &worker->sealer, err);
        }
        if (r < 0) {
                change_list_free(changes);
                return r;
        }
        *ret = sealer_add(worker->sealer, changes);
        return *ret ? 0 : error_set_oom(err);
}

int worker_finish_step(struct worker *worker, const struct digest *group,
                       const struct digest *input, bool *ret_empty, struct error *err)
{
        struct finished_step step = { .step = worker->step,
                                      .created = clock_now(),
                                      .group = *group,
                                      .input = *input,
                                      .stands_alone = worker->stands_alone,
                                      .user = worker->user,
                                      .trace = worker->trace,
                                      .unobserved = worker->unobserved,
                                      .mounts = worker->mounts,
                                      .owners = OWNERS_DECLARED };
        struct change_list *changes;
        int r;

        worker->trace = NULL;
        worker->unobserved = NULL;
        worker->mounts = (struct observed_mounts){ .items = NULL };
        if (worker->step->instruction->type == INSTRUCTION_RUN)
                step.owners = owners_of_host(worker->host);
        worker->created = step.created;
        r = tree_commit(worker->tree, &changes, err);
        if (r < 0) {
                finished_step_done(&step);
                return r;
        }
        *ret_empty = change_list_count(changes) == 0;
        if (*ret_empty)
                change_list_free(changes);
        else
                r = seal(worker, changes, &step.seal, err);
        if (r == 0 && add_finished(worker, &step) < 0)
                r = error_set_oom(err);
        if (r < 0)
                finished_step_done(&step);
        return r;
}

/* Waits until a step is sealed, and records it. After a failure it is only taken out of the way. */
static int join_step(struct worker *worker, struct finished_step *step, bool in_vain,
                     struct error *err)
{
        struct error later = ERROR_INIT;
        struct layer layer;
        int sealed = 0, r = 0;

        if (!in_vain)
                worker->step = step->step; /* whose failure it would be */
        if (step->seal)
                sealed = seal_job_finish(step->seal, &layer, in_vain ? &later : err);
        if (!in_vain)
                r = sealed;
        if (r == 0 && !in_vain && step->seal)
                r = layer_know_content(worker->store, &layer, err);
        if (r == 0 && !in_vain)
                r = record_step(worker, step, step->seal ? &layer : NULL, err);
        if (r == 0 && !in_vain && step->seal)
                r = worker_add_layer(worker, &layer, err);
        else if (sealed == 0 && step->seal)
                descriptor_done(&layer.blob);
        finished_step_done(step);
        return r;
}

/* Joins the first of the finished steps; where one fails, all: none can be recorded without it. */
static int join_steps(struct worker *worker, size_t count, struct error *err)
{
        const struct plan_step *current = worker->step;
        size_t joined = 0;
        int r = 0;

        for (; joined < (r < 0 ? worker->finished_count : count); joined++) {
                int failed = join_step(worker, &worker->finished[joined], r < 0, err);

                r = r < 0 ? r : failed;
        }
        worker->finished_count -= joined;
        if (worker->finished_count > 0)
                memmove(worker->finished, worker->finished + joined,
                        worker->finished_count * sizeof(*worker->finished));
        if (r == 0)
                worker->step = current;
        else
                worker->where = (struct source_position){ .line = 0 }; /* that was of another */
        return r;
}

int worker_join_steps(struct worker *worker, struct error *err)
{
        return join_steps(worker, worker->finished_count, err);
}

int worker_join_sealed(struct worker *worker, struct error *err)
{
        size_t count = 0;

        while (count < worker->finished_count &&
               (!worker->finished[count].seal || seal_job_is_done(worker->finished[count].seal)))
                count++;
        return join_steps(worker, count, err);
}
