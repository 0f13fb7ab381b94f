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

#define RECORD_HEAD "varve step 1\n"

/* ---- records ---- */

static int record_key(const struct worker *worker, bool stands_alone, const struct digest *input,
                      struct digest *ret, struct error *err)
{
        static const struct layers nothing;
        struct digest below;
        struct key key;
        int r;

        r = key_of_layers(stands_alone ? &nothing : &worker->state.layers, &below, err);
        if (r == 0)
                r = key_begin(&key, "step", err);
        if (r < 0)
                return r;
        key_add_digest(&key, &below);
        key_add_digest(&key, input);
        return key_finish(&key, ret, err);
}

static int write_record(struct worker *worker, const struct finished_step *step,
                        const struct digest *key, const struct layer *layer, struct error *err)
{
        char diff_id[DIGEST_TEXT_MAX], blob[DIGEST_TEXT_MAX], created[CLOCK_TEXT_MAX];
        struct buf text = BUF_INIT;
        int r;

        clock_format(&step->created, created);
        r = buf_appendf(&text, RECORD_HEAD "created %s\n", created);
        if (r == 0 && layer) {
                digest_format(&layer->diff_id, diff_id);
                digest_format(&layer->blob.digest, blob);
                r = buf_appendf(&text, "layer %s\nblob %s %" PRIu64 " %s\nowners %s\n", diff_id,
                                blob, layer->blob.size, layer->blob.media_type,
                                owners_name(step->owners));
        }
        r = r < 0 ? error_set_oom(err)
                  : store_record_put(worker->store, &step->group, key, text.data, text.len, err);
        buf_done(&text);
        return r;
}

/* Reads a record. Returns 1 with a layer, 0 for a step that changed nothing, -EBADMSG. */
static int read_record(const char *text, struct timespec *ret_created, struct layer *ret,
                       struct error *err)
{
        char created[CLOCK_TEXT_MAX];
        int used = 0;
        char diff_id[DIGEST_TEXT_MAX], blob[DIGEST_TEXT_MAX], media_type[128];
        struct layer layer = { .blob = DESCRIPTOR_INIT };
        uint64_t size;

        if (strncmp(text, RECORD_HEAD, strlen(RECORD_HEAD)) != 0)
                return -EBADMSG;
        text += strlen(RECORD_HEAD);
        static_assert(CLOCK_TEXT_MAX == 48, "as the format below says");
        if (sscanf(text, "created %47s\n%n", created, &used) != 1 || used == 0 ||
            clock_parse(created, ret_created) < 0)
                return -EBADMSG;
        text += used;
        if (*text == '\0')
                return 0;
        static_assert(DIGEST_TEXT_MAX == 72, "as the format below says");
        if (sscanf(text, "layer %71s\nblob %71s %" SCNu64 " %127s", diff_id, blob, &size,
                   media_type) != 4 ||
            digest_parse(diff_id, &layer.diff_id, err) < 0 ||
            digest_parse(blob, &layer.blob.digest, err) < 0)
                return -EBADMSG;
        layer.blob.size = size;
        layer.blob.media_type = strdup(media_type);
        if (!layer.blob.media_type)
                return -ENOMEM;
        *ret = layer;
        return 1;
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

bool worker_may_be_cached(const struct worker *worker, const struct digest *group)
{
        return !worker->options->no_cache && store_record_any(worker->store, group);
}

int worker_try_cache(struct worker *worker, const struct digest *group, const struct digest *input,
                     bool *ret_empty, struct error *err)
{
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        struct timespec created;
        struct layer layer;
        struct digest key;
        int r;

        if (!worker_may_be_cached(worker, group))
                return 0;
        r = worker_join_steps(worker, err);
        if (r == 0)
                r = record_key(worker, worker->stands_alone, input, &key, err);
        if (r < 0)
                return r;
        r = store_record_get(worker->store, group, &key, &text, &ignored);
        if (r == 0)
                r = read_record(buf_str(&text), &created, &layer, &ignored);
        buf_done(&text);
        if (r < 0)
                return r == -ENOMEM ? error_set_oom(err) : 0;
        *ret_empty = r == 0;
        if (r == 0) {
                worker->created = created;
                return 1;
        }
        if (!layer_is_there(worker, &layer)) {
                descriptor_done(&layer.blob);
                return 0;
        }
        /* The tree does not have this layer: it is opened anew when it is needed. */
        tree_free(worker->tree);
        worker->tree = NULL;
        worker->created = created;
        r = layers_restore_blob(worker->store, &layer, err);
        if (r < 0) {
                descriptor_done(&layer.blob);
                return r;
        }
        r = add_layer(worker, &layer, err);
        return r < 0 ? r : 1;
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
                                      .owners = OWNERS_DECLARED };
        struct change_list *changes;
        int r;

        if (worker->step->instruction->type == INSTRUCTION_RUN)
                step.owners = owners_of_host(worker->host);
        worker->created = step.created;
        r = tree_commit(worker->tree, &changes, err);
        if (r < 0)
                return r;
        *ret_empty = change_list_count(changes) == 0;
        if (*ret_empty)
                change_list_free(changes);
        else
                r = seal(worker, changes, &step.seal, err);
        if (r == 0 && add_finished(worker, &step) < 0)
                r = error_set_oom(err);
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
                struct digest key;
                int sealed = 0;

                if (r == 0) {
                        worker->step = step->step; /* whose failure it would be */
                        r = record_key(worker, step->stands_alone, &step->input, &key, err);
                }
                if (step->seal)
                        sealed = seal_job_finish(step->seal, &layer, r < 0 ? &later : err);
                if (r == 0)
                        r = sealed;
                if (r == 0)
                        r = write_record(worker, step, &key, step->seal ? &layer : NULL, err);
                if (r == 0 && step->seal)
                        r = add_layer(worker, &layer, err);
                else if (sealed == 0 && step->seal)
                        descriptor_done(&layer.blob);
        }
        worker->finished_count = 0;
        if (r == 0)
                worker->step = current;
        else
                worker->where = (struct source_position){ .line = 0 }; /* that was of another */
        return r;
}
