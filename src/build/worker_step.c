/*
 * What all steps that change files have in common: the cache, the tree, and sealing.
 *
 * A record is kept under the digest of what was done, by the digest of what the image held before
 * and of what else went in (a COPY's files). The layers below have to be sealed before that digest
 * is known, so a step waits for them only if a step like it was ever carried out; else it runs at
 * once, beside their sealing.
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

/* ---- records ---- */

static int record_key(struct worker *worker, bool stands_alone, const struct digest *input,
                      struct digest *ret_below, struct digest *ret, struct error *err)
{
        static const struct layers nothing;
        struct key key;
        int r;

        r = key_of_layers(stands_alone ? &nothing : &worker->state.layers, ret_below, err);
        if (r == 0)
                r = key_begin(&key, "step", err);
        if (r < 0)
                return r;
        key_add_digest(&key, ret_below);
        key_add_digest(&key, input);
        return key_finish(&key, ret, err);
}

static int put_record(struct worker *worker, const struct digest *group, const struct digest *key,
                      const struct record *record, struct error *err)
{
        struct buf text = BUF_INIT;
        int r = record_write(record, &text);

        r = r < 0 ? error_set_oom(err)
                  : store_record_put(worker->store, group, key, text.data, text.len, err);
        buf_done(&text);
        return r;
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
                                 .owners = step->owners,
                                 .input = step->input,
                                 .user = step->user };
        struct digest key;
        int r;

        r = record_key(worker, step->stands_alone, &step->input, &record.below, &key, err);
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
                r = put_record(worker, &step->group, &key, &record, err);
        record.has_layer = false; /* the blob's descriptor is the caller's */
        record_done(&record);
        return r;
}

/* Whether the store still has a layer at rest; pins it first, so that it stays. */
static bool layer_is_there(struct worker *worker, const struct layer *layer)
{
        struct error ignored = ERROR_INIT;

        return store_pin(worker->store, &layer->diff_id, &ignored) == 0 &&
               store_pin(worker->store, &layer->blob.digest, &ignored) == 0 &&
               store_has(worker->store, STORE_INDEX, &layer->diff_id) &&
               store_has(worker->store, STORE_TAR, &layer->diff_id);
}

static int add_layer(struct worker *worker, struct layer *layer, struct error *err)
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

/* ---- looking ---- */

/* Whether the stage's steps are all to be carried out: it is named, or what it comes from asks so.
 */
static bool is_filtered(const struct worker *worker)
{
        const struct strv *names = worker->options->no_cache_stages;
        const struct plan *plan = worker->plan;

        for (size_t i = 0; names && i < names->count; i++)
                if (dockerfile_find_stage_or_number(plan->file, names->items[i],
                                                    plan->stage_count) == worker->stage->stage)
                        return true;
        return worker->options->no_cache;
}

bool worker_may_be_cached(const struct worker *worker, const struct digest *group)
{
        return !is_filtered(worker) && store_record_any(worker->store, group);
}

static int tell(struct worker *worker, const char *text, struct error *err)
{
        return buf_append_str(&worker->told, text) < 0 ? error_set_oom(err) : 0;
}

/* Takes over what a record says. Returns 1, or 0 where its layer is gone. */
static int take_over(struct worker *worker, struct record *record, bool *ret_empty,
                     struct error *err)
{
        struct layer layer;
        int r;

        *ret_empty = !record->has_layer;
        if (!record->has_layer) {
                worker->created = record->created;
                return 1;
        }
        if (!layer_is_there(worker, &record->layer)) {
                worker->told.len = 0;
                return tell(worker, "its layer was removed from the store", err);
        }
        /* The tree does not have this layer: it is opened anew when it is needed. */
        tree_free(worker->tree);
        worker->tree = NULL;
        r = layers_restore_blob(worker->store, &record->layer, err);
        if (r < 0)
                return r;
        worker->created = record->created;
        layer = record->layer;
        record->has_layer = false;
        r = add_layer(worker, &layer, err);
        return r < 0 ? r : 1;
}

/* Returns 1 with the record, or 0. One that was altered is dropped. */
static int get_record(struct worker *worker, const struct digest *group, const struct digest *key,
                      struct record *ret, struct error *err)
{
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        int r = store_record_get(worker->store, group, key, &text, &ignored);

        if (r == 0)
                r = record_read(text.data, text.len, ret);
        buf_done(&text);
        if (r == 0) {
                store_record_use(worker->store, group, key);
                return 1;
        }
        if (r == -EBADMSG) {
                store_record_remove(worker->store, group, key, &ignored);
                return tell(worker, "its record in the cache was damaged, and is dropped; ", err);
        }
        return r == -ENOMEM ? error_set_oom(err) : 0;
}

/* Finds a step that is the same by what it has observed, and records it for this chain too. */
static int find_observed(struct worker *worker, const struct digest *group,
                         const struct digest *key, const struct digest *below,
                         const struct digest *input, struct record *ret, struct error *err)
{
        int r = worker_find_observed(worker, group, input, ret, err);

        if (r <= 0)
                return r;
        ret->below = *below;
        r = put_record(worker, group, key, ret, err);
        if (r < 0) {
                record_done(ret);
                return r;
        }
        return 1;
}

/* Of a step that is no RUN: which of the two things that count is not as it was. */
static int tell_input(struct worker *worker, const struct digest *group, const struct digest *below,
                      struct error *err)
{
        _cleanup_free_ struct store_record *places = NULL;
        bool same_below = false;
        size_t count;
        int r = store_record_list(worker->store, group, &places, &count, err);

        for (size_t i = 0; r == 0 && i < count && !same_below; i++) {
                char digest[DIGEST_TEXT_MAX], line[DIGEST_TEXT_MAX + 16];
                struct error ignored = ERROR_INIT;
                struct buf head = BUF_INIT;

                digest_format(below, digest);
                snprintf(line, sizeof(line), "\nbelow %s\n", digest);
                if (store_record_head(worker->store, group, &places[i].key, &head, &ignored) == 0)
                        same_below = strstr(buf_str(&head), line);
                buf_done(&head);
        }
        if (r < 0)
                return r;
        return tell(worker,
                    same_below ? "the files that it takes have changed"
                               : "what the image holds before it has changed",
                    err);
}

static int find_record(struct worker *worker, const struct digest *group,
                       const struct digest *input, struct record *ret, struct error *err)
{
        bool is_run = worker->instruction->type == INSTRUCTION_RUN;
        struct digest below, key;
        int r;

        r = worker_join_steps(worker, err);
        if (r == 0)
                r = record_key(worker, worker->stands_alone, input, &below, &key, err);
        if (r < 0)
                return r;
        r = get_record(worker, group, &key, ret, err);
        if (r != 0)
                return r < 0 ? r : tell(worker, "same chain", err) < 0 ? err->code : 1;
        if (!is_run || worker->options->chain_only)
                return tell_input(worker, group, &below, err);
        r = find_observed(worker, group, &key, &below, input, ret, err);
        if (r > 0) {
                worker->told.len = 0;
                return tell(worker, "same inputs", err) < 0 ? err->code : 1;
        }
        return r;
}

static int look(struct worker *worker, const struct digest *group, const struct digest *input,
                bool *ret_empty, struct error *err)
{
        struct record record;
        int r;

        if (is_filtered(worker))
                return tell(worker, "the cache is not to be used", err);
        if (!store_record_any(worker->store, group))
                return tell(worker, "no such step is in the cache", err);
        r = find_record(worker, group, input, &record, err);
        if (r <= 0)
                return r;
        r = take_over(worker, &record, ret_empty, err);
        record_done(&record);
        return r;
}

int worker_try_cache(struct worker *worker, const struct digest *group, const struct digest *input,
                     bool *ret_empty, struct error *err)
{
        int r;

        worker->told.len = 0;
        r = look(worker, group, input, ret_empty, err);
        if (r == 0 && worker->step->number > 0)
                message_send(worker->events_fd, MESSAGE_MISSED,
                             (uint32_t)(worker->step - worker->stage->steps), worker->told.data,
                             worker->told.len);
        return r;
}

/* ---- carrying out ---- */

/* A line of the step for each layer that is fetched for it. */
static void show_transfer(void *context, const struct transfer_event *event)
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
        struct transfer_watcher watcher = { show_transfer, worker };
        int r = layers_fetch(worker->store, layers, false, &watcher, err);

        return r < 0 ? r : layers_open(worker->store, layers, ret, err);
}

int worker_open_tree(struct worker *worker, struct error *err)
{
        if (worker->tree)
                return 0;
        return worker_open_layers(worker, &worker->state.layers, &worker->tree, err);
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
                                      .owners = OWNERS_DECLARED };
        struct change_list *changes;
        int r;

        worker->trace = NULL;
        if (worker->step->instruction->type == INSTRUCTION_RUN)
                step.owners = owners_of_host(worker->host);
        worker->created = step.created;
        r = tree_commit(worker->tree, &changes, err);
        if (r < 0) {
                trace_free(step.trace);
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
                trace_free(step.trace);
        return r;
}

int worker_join_steps(struct worker *worker, struct error *err)
{
        const struct plan_step *current = worker->step;
        int r = 0;

        for (size_t i = 0; i < worker->finished_count; i++) {
                struct finished_step *step = &worker->finished[i];
                struct error later = ERROR_INIT;
                struct layer layer;
                int sealed = 0;

                if (r == 0)
                        worker->step = step->step; /* whose failure it would be */
                if (step->seal)
                        sealed = seal_job_finish(step->seal, &layer, r < 0 ? &later : err);
                if (r == 0)
                        r = sealed;
                if (r == 0 && step->seal)
                        r = layer_know_content(worker->store, &layer, err);
                if (r == 0)
                        r = record_step(worker, step, step->seal ? &layer : NULL, err);
                if (r == 0 && step->seal)
                        r = add_layer(worker, &layer, err);
                else if (sealed == 0 && step->seal)
                        descriptor_done(&layer.blob);
                trace_free(step->trace);
        }
        worker->finished_count = 0;
        if (r == 0)
                worker->step = current;
        else
                worker->where = (struct source_position){ .line = 0 }; /* that was of another */
        return r;
}
