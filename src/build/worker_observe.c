/*
 * What a RUN step has read, as the second way into the cache: the step of another chain that ran
 * the same command is taken where all that it has observed is the same here.
 */
#include "base/cleanup.h"
#include "record.h"
#include "run_mounts.h"
#include "users.h"
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of one command, the most recently used first; more than that are not looked at. Each takes some
 * milliseconds, most of them to read it: all of them no longer than a step that is worth it. */
#define CANDIDATES_MAX 256

int worker_user_digest(const struct worker *worker, struct tree *tree, struct digest *ret,
                       struct error *err)
{
        const char *text = worker->state.config.user;
        struct user user;
        struct key key;
        int r;

        r = user_find(tree, text ? text : "", &user, err);
        if (r < 0)
                return r;
        r = key_begin(&key, "user", err);
        if (r == 0) {
                key_add_number(&key, user.uid);
                key_add_number(&key, user.gid);
                key_add_number(&key, user.group_count);
                for (size_t i = 0; i < user.group_count; i++)
                        key_add_number(&key, user.groups[i]);
                key_add_text(&key, user.home);
                r = key_finish(&key, ret, err);
        }
        user_done(&user);
        return r;
}

/* ---- recording ---- */

static int evaluate(struct worker *worker, const struct finished_step *step,
                    const struct layer *layer, struct record *record, struct error *err)
{
        struct index *index = NULL;
        struct tree *before;
        int r;

        r = layers_open(worker->store, &worker->state.layers, &before, err);
        if (r < 0)
                return r;
        if (layer)
                r = layers_open_index(worker->store, layer, &index, err);
        if (r == 0)
                r = trace_evaluate(step->trace, before, index, &record->observations, err);
        index_free(index);
        tree_free(before);
        return r;
}

int worker_record_observations(struct worker *worker, const struct finished_step *step,
                               const struct layer *layer, struct record *record, struct error *err)
{
        struct error why = ERROR_INIT;
        int r;

        if (!step->trace) {
                record->unobserved = step->unobserved ? strdup(step->unobserved) : NULL;
                return step->unobserved && !record->unobserved ? error_set_oom(err) : 0;
        }
        r = evaluate(worker, step, layer, record, &why);
        if (r == -EOPNOTSUPP) {
                for (char *at = why.message; *at; at++)
                        if (*at == '\n')
                                *at = ' ';
                record->unobserved = strdup(why.message);
                return record->unobserved ? 0 : error_set_oom(err);
        }
        if (r < 0)
                *err = why;
        return r;
}

/* ---- looking for ---- */

struct search {
        struct worker *worker;
        const struct digest *group;
        const struct digest *below;
        const struct digest *input; /* what mounts bring */
        struct tree *tree;          /* what the layers hold */
        struct run_mounts mounts;   /* bind mounts as they are here, once `has_mounts` */
        bool has_mounts;
        struct digest user;
        struct buf difference; /* of the most recently used candidate */
        struct error *err;
};

/* Only the layers' own files answer as a record has them: not what lies in a spool. */
static int open_tree(struct search *search)
{
        struct worker *worker = search->worker;

        if (!worker->tree) {
                int r = worker_open_tree(worker, search->err);

                search->tree = worker->tree;
                return r;
        }
        return worker_open_layers(worker, &worker->state.layers, &search->tree, search->err);
}

/* Of what is mounted that the step has read counts, too. */
static int check_mounts(struct search *search, const struct record *record, size_t differences_max,
                        struct buf *difference)
{
        struct digest input;
        int r = 0;

        if (!search->has_mounts)
                r = run_mounts_open(search->worker, true, &search->mounts, &input, search->err);
        search->has_mounts = true;
        return r < 0 ? r
                     : run_mounts_check(&search->mounts, &record->mounts, differences_max,
                                        difference, search->err);
}

/* Returns 1 where the step of the record would do the same here. */
static int check(struct search *search, const struct record *record)
{
        size_t differences_max = search->worker->options->explain ? EXPLAINED_MAX : 1;
        struct buf *difference = &search->difference;
        struct buf ignored = BUF_INIT;
        int r;

        if (!record->observations) {
                const char *why =
                        record->unobserved ? record->unobserved : "what it has read was not kept";

                r = difference->len > 0 ? 0
                                        : buf_appendf(difference, "%s, and %s", why,
                                                      digest_equal(&record->below, search->below)
                                                              ? "other files are mounted"
                                                              : "what the image holds before it "
                                                                "has changed");
                return r < 0 ? error_set_oom(search->err) : 0;
        }
        if (!digest_equal(&record->user, &search->user)) {
                r = difference->len > 0 ? 0 : buf_append_str(difference, "the user is another");
                return r < 0 ? error_set_oom(search->err) : 0;
        }
        if (difference->len > 0)
                difference = &ignored;
        r = observations_check(record->observations, search->tree, differences_max, difference,
                               search->err);
        if (r > 0 && !digest_equal(&record->input, search->input))
                r = check_mounts(search, record, differences_max, difference);
        buf_done(&ignored);
        return r;
}

static int search_stored(struct search *search, struct record *ret)
{
        struct worker *worker = search->worker;
        _cleanup_free_ struct store_record *places = NULL;
        size_t count;
        int r;

        r = store_record_list(worker->store, search->group, &places, &count, search->err);
        for (size_t i = 0; i < count && i < CANDIDATES_MAX && r == 0; i++) {
                struct record record;

                r = worker_get_record(worker, search->group, &places[i].key, &record, search->err);
                if (r <= 0)
                        continue;
                r = check(search, &record);
                if (r > 0) {
                        store_record_use(worker->store, search->group, &places[i].key);
                        *ret = record;
                } else {
                        record_done(&record);
                }
        }
        return r;
}

static int search_shared(struct search *search, struct record *ret, const char **ret_source)
{
        struct worker *worker = search->worker;
        const struct imported_step *steps;
        size_t count;
        int r = 0;

        steps = cache_import_find(worker->import, search->group, &count);
        for (size_t i = 0; i < count && i < CANDIDATES_MAX && r == 0; i++) {
                struct record record;

                r = worker_read_shared(worker, &steps[i], &record, search->err);
                if (r <= 0)
                        continue;
                r = check(search, &record);
                if (r > 0)
                        r = worker_fetch_shared(worker, &steps[i], &record, search->err);
                if (r > 0) {
                        *ret = record;
                        *ret_source = cache_import_name(worker->import, &steps[i]);
                } else {
                        record_done(&record);
                }
        }
        return r;
}

int worker_find_observed(struct worker *worker, const struct digest *group,
                         const struct digest *below, const struct digest *input, struct record *ret,
                         const char **ret_source, struct error *err)
{
        struct search search = { .worker = worker,
                                 .group = group,
                                 .below = below,
                                 .input = input,
                                 .mounts = RUN_MOUNTS_INIT,
                                 .err = err };
        struct error no_user = ERROR_INIT;
        int r;

        r = open_tree(&search);
        if (r == 0 && worker_user_digest(worker, search.tree, &search.user, &no_user) == 0) {
                r = search_stored(&search, ret);
                if (r == 0)
                        r = search_shared(&search, ret, ret_source);
        }
        if (r == 0 && search.difference.len > 0 &&
            worker_tell(worker, "%s", buf_str(&search.difference)) < 0)
                r = error_set_oom(err);
        buf_done(&search.difference);
        run_mounts_done(&search.mounts);
        if (search.tree != worker->tree)
                tree_free(search.tree);
        return r;
}
