/*
 * Looking for a step in the cache.
 *
 * A record is kept under the digest of what was done, by the digest of what the image held before
 * and of what else went in (a COPY's files). The layers below have to be sealed before that digest
 * is known, so a step waits for them only if a step like it was ever carried out; else it runs at
 * once, beside their sealing.
 *
 * The store comes first, then what others have shared: for the step of this chain, and then, for a
 * RUN, for one that would do the same here.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "cache_import.h"
#include "worker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool is_known(const struct worker *worker, const struct digest *group)
{
        size_t count;

        return store_record_any(worker->store, group) ||
               cache_import_find(worker->import, group, &count);
}

bool worker_may_be_cached(const struct worker *worker, const struct digest *group)
{
        return !is_filtered(worker) && is_known(worker, group);
}

int worker_tell(struct worker *worker, const char *format, ...)
{
        va_list arguments;
        int r = worker->told.len > 0 ? buf_append_str(&worker->told, "; ") : 0;

        va_start(arguments, format);
        if (r == 0)
                r = buf_vappendf(&worker->told, format, arguments);
        va_end(arguments);
        return r;
}

void worker_send_missed(struct worker *worker)
{
        if (worker->step->number > 0)
                message_send(worker->events_fd, MESSAGE_MISSED,
                             (uint32_t)(worker->step - worker->stage->steps), worker->told.data,
                             worker->told.len);
}

static int tell(struct worker *worker, const char *text, struct error *err)
{
        return worker_tell(worker, "%s", text) < 0 ? error_set_oom(err) : 0;
}

/* What people should know although the build goes on: somebody alters the store. */
static int warn(struct worker *worker, const char *what, struct error *err)
{
        char text[256];

        snprintf(text, sizeof(text), "the %s of a step in the cache was damaged, and is dropped",
                 what);
        message_send(worker->events_fd, MESSAGE_WARNING, 0, text, strlen(text));
        return worker_tell(worker, "its %s in the cache was damaged, and is dropped", what) < 0
                       ? error_set_oom(err)
                       : 0;
}

/* Whether the store still has a layer at rest, unaltered; pins it first, so that it stays. Returns
 * 1; or 0, which is told. */
static int find_layer(struct worker *worker, const struct layer *layer, struct error *err)
{
        struct error ignored = ERROR_INIT;
        int r;

        if (store_pin(worker->store, &layer->diff_id, &ignored) < 0 ||
            store_pin(worker->store, &layer->blob.digest, &ignored) < 0 ||
            !store_has(worker->store, STORE_INDEX, &layer->diff_id) ||
            !store_has(worker->store, STORE_TAR, &layer->diff_id))
                return worker->told.len > 0
                               ? 0
                               : tell(worker, "its layer was removed from the store", err);
        r = layer_verify(worker->store, layer, err);
        return r == 0 ? warn(worker, "layer", err) : r;
}

static int tell_hit(struct worker *worker, const struct record *record, const char *how,
                    struct error *err)
{
        size_t count = record->observations ? observations_count(record->observations) : 0;
        char created[CLOCK_TEXT_MAX];
        int r;

        worker->told.len = 0;
        clock_format(&record->created, created);
        if (!worker->options->explain)
                r = worker_tell(worker, "%s", how);
        else if (count > 0)
                r = worker_tell(worker, "%s; made %s, %zu names observed", how, created, count);
        else
                r = worker_tell(worker, "%s; made %s", how, created);
        return r < 0 ? error_set_oom(err) : 0;
}

/* Takes over what a record says; `how` it was found is told. Returns 1, or 0 where its layer is
 * gone. */
static int take_over(struct worker *worker, struct record *record, const char *how, bool *ret_empty,
                     struct error *err)
{
        struct layer layer;
        int r;

        r = record->has_layer ? find_layer(worker, &record->layer, err) : 1;
        if (r <= 0)
                return r;
        *ret_empty = !record->has_layer;
        worker->created = record->created;
        r = tell_hit(worker, record, how, err);
        if (r < 0 || !record->has_layer)
                return r < 0 ? r : 1;
        /* The tree does not have this layer: it is opened anew when it is needed. */
        tree_free(worker->tree);
        worker->tree = NULL;
        r = layers_restore_blob(worker->store, &record->layer, err);
        if (r < 0)
                return r;
        layer = record->layer;
        record->has_layer = false;
        r = worker_add_layer(worker, &layer, err);
        return r < 0 ? r : 1;
}

int worker_get_record(struct worker *worker, const struct digest *group, const struct digest *key,
                      struct record *ret, struct error *err)
{
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        struct record record;
        int r = store_record_get(worker->store, group, key, &text, &ignored);

        if (r == 0)
                r = record_read(text.data, text.len, &record);
        buf_done(&text);
        if (r == 0) {
                r = record_check(&record, group, key, &ignored);
                if (r == 0) {
                        *ret = record;
                        return 1;
                }
                record_done(&record);
        }
        if (r == -EBADMSG) {
                store_record_remove(worker->store, group, key, &ignored);
                return warn(worker, "record", err);
        }
        return r == -ENOMEM ? error_set_oom(err) : 0;
}

/* A step that is looked for. */
struct wanted {
        const struct digest *group;
        const struct digest *input;
        struct digest below;
        struct digest key;
};

/* Of a step that goes by its chain: which of the two things that count is not as it was. Which
 * files of a COPY have changed is told when there is something to compare. */
static int tell_chain(struct worker *worker, const struct wanted *wanted, struct error *err)
{
        bool is_run = worker->instruction->type == INSTRUCTION_RUN;
        int r;

        if (worker_had_step(worker, wanted->group, &wanted->key))
                return tell(worker, "its record was removed from the cache", err);
        r = worker_find_compared(worker, wanted->group, &wanted->below, err);
        if (r == 0)
                return tell(worker, "what the image holds before it has changed", err);
        if (r == 1 && !is_run)
                return 0;
        worker->is_compared = false;
        return r < 0 ? r
                     : tell(worker,
                            is_run ? "other files are mounted"
                                   : "the files that it takes have changed",
                            err);
}

/* ---- finding ---- */

/* The step of this chain, in the store. Returns 1 or 0, as the others do. */
static int find_stored(struct worker *worker, const struct wanted *wanted, bool *ret_empty,
                       struct error *err)
{
        struct record record;
        int r = worker_get_record(worker, wanted->group, &wanted->key, &record, err);

        if (r <= 0)
                return r;
        store_record_use(worker->store, wanted->group, &wanted->key);
        r = take_over(worker, &record, "same chain", ret_empty, err);
        record_done(&record);
        return r;
}

/* Takes over a record that has to be put into the store under this chain's key first. */
static int adopt(struct worker *worker, const struct wanted *wanted, struct record *record,
                 const char *how, const char *source, bool *ret_empty, struct error *err)
{
        _cleanup_free_ char *text = NULL;
        int r;

        if (asprintf(&text, source ? "%s, of %s" : "%s", how, source) < 0)
                return error_set_oom(err);
        record->below = wanted->below;
        record->input = *wanted->input;
        r = worker_put_record(worker, wanted->group, &wanted->key, record, err);
        return r < 0 ? r : take_over(worker, record, text, ret_empty, err);
}

/* The step of this chain, of those that others have shared. */
static int find_shared(struct worker *worker, const struct wanted *wanted, bool *ret_empty,
                       struct error *err)
{
        const struct imported_step *steps;
        size_t count;
        int r = 0;

        steps = cache_import_find(worker->import, wanted->group, &count);
        for (size_t i = 0; i < count && r == 0; i++) {
                struct record record;

                if (!digest_equal(&steps[i].record.key, &wanted->key))
                        continue;
                r = worker_read_shared(worker, &steps[i], &record, err);
                if (r <= 0)
                        continue;
                r = worker_fetch_shared(worker, &steps[i], &record, err);
                if (r > 0)
                        r = adopt(worker, wanted, &record, "same chain",
                                  cache_import_name(worker->import, &steps[i]), ret_empty, err);
                record_done(&record);
        }
        return r;
}

/* One that would do the same here by what it has observed. */
static int find_observed(struct worker *worker, const struct wanted *wanted, bool *ret_empty,
                         struct error *err)
{
        const char *source = NULL;
        struct record record;
        int r = worker_find_observed(worker, wanted->group, &wanted->below, wanted->input, &record,
                                     &source, err);

        if (r <= 0)
                return r;
        r = adopt(worker, wanted, &record, "same inputs", source, ret_empty, err);
        record_done(&record);
        return r;
}

static int find(struct worker *worker, const struct digest *group, const struct digest *input,
                bool *ret_empty, struct error *err)
{
        bool observes =
                worker->instruction->type == INSTRUCTION_RUN && !worker->options->chain_only;
        struct wanted wanted = { .group = group, .input = input };
        int r;

        r = worker_join_steps(worker, err);
        if (r == 0)
                r = worker_record_key(worker, worker->stands_alone, input, &wanted.below,
                                      &wanted.key, err);
        if (r == 0)
                r = find_stored(worker, &wanted, ret_empty, err);
        if (r == 0)
                r = find_shared(worker, &wanted, ret_empty, err);
        if (r == 0 && observes)
                r = find_observed(worker, &wanted, ret_empty, err);
        if (r == 0 && worker->told.len == 0)
                r = tell_chain(worker, &wanted, err);
        if (r > 0 && worker_add_step(worker, group, &wanted.key, err) < 0)
                r = err->code;
        return r;
}

static int look(struct worker *worker, const struct digest *group, const struct digest *input,
                bool *ret_empty, struct error *err)
{
        if (is_filtered(worker))
                return tell(worker, "the cache is not to be used", err);
        if (!is_known(worker, group))
                return worker_tell_unknown(worker, group, err);
        return find(worker, group, input, ret_empty, err);
}

int worker_try_cache(struct worker *worker, const struct digest *group, const struct digest *input,
                     bool *ret_empty, struct error *err)
{
        int r;

        worker->told.len = 0;
        worker->is_compared = false;
        r = worker_remember(worker, group, err);
        if (r == 0)
                r = look(worker, group, input, ret_empty, err);
        if (r == 0 && !worker->is_compared)
                worker_send_missed(worker);
        return r;
}
