#include "reproduce.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "build/compare.h"
#include "store/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of one layer so many files are told. */
#define FILES_MAX 100

/* Two runs of a plan. */
struct pair {
        struct store *store;
        const struct plan *plan;
        const char *platform; /* or NULL */
        const struct built *first;
        const struct built *second;
        bool *differs; /* of each stage: so far */
        struct buf *report;
        struct error *err;
};

/* One step's layer, of both runs. */
struct step_pair {
        const struct plan_stage *stage;
        size_t entry;              /* of the history ... */
        size_t begin;              /* ... and where the stage's own begin */
        size_t at[2];              /* how many layers are below */
        const struct layer *of[2]; /* NULL: it has made none */
};

/* ---- files ---- */

/* Which of both builds has done it shows by what there was before. */
static const char *describe_only(struct tree *base, const struct difference *difference)
{
        bool is_first = difference->state == COMPARE_REMOVED;
        struct tree_attr was;

        if (tree_resolve(base, difference->path, false, &was) == 0)
                return is_first ? "the second build alone removes it"
                                : "the first build alone removes it";
        return is_first ? "is of the first build alone" : "is of the second build alone";
}

/* A file's name is part of one line, whatever is in it. */
static int add_name(struct buf *ret, const char *name)
{
        int r = buf_append_str(ret, "  /");

        for (; r == 0 && *name; name++)
                r = buf_append_char(ret, (char)((unsigned char)*name < ' ' ? '?' : *name));
        return r < 0 ? r : buf_append_str(ret, ": ");
}

static int add_difference(struct tree *base, struct tree *first, struct tree *second,
                          const struct difference *difference, struct buf *ret, struct error *err)
{
        int r = add_name(ret, difference->path);

        if (r < 0)
                return error_set_oom(err);
        if (difference->state == COMPARE_CHANGED)
                r = difference_describe(first, second, difference, ret, err);
        else if (buf_append_str(ret, describe_only(base, difference)) < 0)
                r = error_set_oom(err);
        return r < 0 || buf_append_char(ret, '\n') == 0 ? r : error_set_oom(err);
}

int reproduce_describe(struct tree *base, struct tree *first, struct tree *second, struct buf *ret,
                       struct error *err)
{
        struct comparison *comparison;
        struct difference difference;
        size_t count = 0;
        int r = comparison_new(first, second, &comparison, err);

        if (r < 0)
                return r;
        while ((r = comparison_next(comparison, &difference, err)) > 0)
                if (count++ < FILES_MAX &&
                    add_difference(base, first, second, &difference, ret, err) < 0) {
                        r = err->code;
                        break;
                }
        comparison_free(comparison);
        if (r == 0 && count > FILES_MAX)
                r = buf_appendf(ret, "  and %zu more\n", count - FILES_MAX);
        else if (r == 0 && count == 0)
                r = buf_append_str(ret, "  the same comes of it, written in another way\n");
        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}

/* ---- layers ---- */

static int open_above(const struct pair *pair, const struct stage_result *below, size_t count,
                      const struct layer *layer, struct tree **ret)
{
        _cleanup_free_ struct layer *items = calloc(count + 1, sizeof(*items));
        struct layers layers = { .items = items, .count = count };

        if (!items)
                return error_set_oom(pair->err);
        for (size_t i = 0; i < count; i++)
                items[i] = below->layers.items[i];
        if (layer)
                items[layers.count++] = *layer;
        return layers_open(pair->store, &layers, ret, pair->err);
}

/* Both layers are seen on what the first run had below its own: what differs there was told of
 * already. */
static int compare_layers(const struct pair *pair, const struct step_pair *step)
{
        const struct stage_result *below = &pair->first->results[step->stage->index];
        struct layers fetched = { .items = below->layers.items, .count = step->at[0] };
        struct tree *trees[3] = { NULL };
        int r = layers_fetch(pair->store, &fetched, false, NULL, pair->err);

        for (size_t i = 0; i < ARRAY_SIZE(trees) && r == 0; i++)
                r = open_above(pair, below, step->at[0], i > 0 ? step->of[i - 1] : NULL, &trees[i]);
        if (r == 0)
                r = reproduce_describe(trees[0], trees[1], trees[2], pair->report, pair->err);
        for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
                tree_free(trees[i]);
        return r;
}

static bool takes_from_others(const struct instruction *instruction)
{
        if (instruction->type == INSTRUCTION_COPY)
                return instruction->copy.from;
        for (size_t i = 0; instruction->type == INSTRUCTION_RUN && i < instruction->run.mount_count;
             i++)
                if (instruction->run.mounts[i].from)
                        return true;
        return false;
}

/* Whether something differs that a step may have seen: in its own stage, or in those that it takes
 * files from. */
static bool follows(const struct pair *pair, const struct step_pair *step)
{
        const struct plan_stage *stage = step->stage;
        size_t index = step->entry - step->begin;

        if (pair->differs[stage->index])
                return true;
        if (index < stage->step_count && !takes_from_others(stage->steps[index].instruction))
                return false;
        for (size_t i = 0; i < pair->plan->stage_count; i++)
                if (stage->needs[i] && pair->differs[i])
                        return true;
        return false;
}

static int add_head(const struct pair *pair, const struct step_pair *step)
{
        const struct stage_result *result = &pair->first->results[step->stage->index];
        const char *name = step->stage->stage->from->from.name;
        const char *text = result->config.history[step->entry].created_by;
        int r = pair->platform ? buf_appendf(pair->report, "%s, ", pair->platform) : 0;

        if (r == 0 && step->stage->index != pair->plan->target)
                r = name ? buf_appendf(pair->report, "stage %s, ", name)
                         : buf_appendf(pair->report, "stage %zu, ", step->stage->index);
        if (r == 0)
                r = buf_appendf(pair->report, "layer %zu, %s%s\n", step->at[!step->of[0]] + 1,
                                text ? text : "",
                                follows(pair, step)
                                        ? "\n  (this may follow from what differs before it)"
                                        : "");
        return r;
}

static int compare_step(const struct pair *pair, const struct step_pair *step)
{
        static const char *const alone[] = { "  the second build alone has it\n",
                                             "  the first build alone has it\n" };
        int r;

        if (!step->of[0] && !step->of[1])
                return 0;
        if (step->of[0] && step->of[1] &&
            digest_equal(&step->of[0]->diff_id, &step->of[1]->diff_id))
                return 0;
        r = add_head(pair, step);
        if (r == 0 && (!step->of[0] || !step->of[1]))
                r = buf_append_str(pair->report, alone[step->of[0] != NULL]);
        if (r < 0)
                return error_set_oom(pair->err);
        r = compare_layers(pair, step);
        pair->differs[step->stage->index] = true;
        return r;
}

static const struct layer *next_layer(const struct stage_result *result, size_t entry, size_t at)
{
        if (entry >= result->config.history_count || result->config.history[entry].empty_layer)
                return NULL;
        return at < result->layers.count ? &result->layers.items[at] : NULL;
}

/* Finds where the steps of a stage begin. */
static void begin_stage(const struct pair *pair, struct step_pair *step)
{
        const struct plan_stage *stage = step->stage;

        if (stage->base == PLAN_STAGE) {
                const struct stage_result *first = &pair->first->results[stage->base_index];

                pair->differs[stage->index] = pair->differs[stage->base_index];
                step->begin = first->config.history_count;
                step->at[0] = first->layers.count;
                step->at[1] = pair->second->results[stage->base_index].layers.count;
        } else if (stage->base == PLAN_IMAGE) {
                const struct image_config *config =
                        &pair->plan->images[stage->base_index].image.config;

                step->begin = config->history_count;
                step->at[0] = step->at[1] = config->diff_id_count;
        }
}

/* A stage's steps are known by the history, which has an entry for each of them in both runs. */
static int compare_stage(const struct pair *pair, const struct plan_stage *stage)
{
        const struct stage_result *results[2] = { &pair->first->results[stage->index],
                                                  &pair->second->results[stage->index] };
        struct step_pair step = { .stage = stage };
        int r = 0;

        begin_stage(pair, &step);
        for (step.entry = step.begin; step.entry < results[0]->config.history_count && r == 0;
             step.entry++) {
                for (size_t i = 0; i < ARRAY_SIZE(results); i++)
                        step.of[i] = next_layer(results[i], step.entry, step.at[i]);
                r = compare_step(pair, &step);
                for (size_t i = 0; i < ARRAY_SIZE(results); i++)
                        step.at[i] += step.of[i] != NULL;
        }
        return r;
}

/* ---- configs ---- */

/* When the image was made, as its config says. */
static struct timespec created_of(const struct plan *plan, const struct built *built)
{
        struct timespec created = built->results[plan->target].config.created;

        if (plan->options->clamps_times)
                clock_clamp(&created, &plan->options->latest);
        return created;
}

static int compare_times(const struct pair *pair)
{
        struct timespec first = created_of(pair->plan, pair->first);
        struct timespec second = created_of(pair->plan, pair->second);
        char one[CLOCK_TEXT_MAX], other[CLOCK_TEXT_MAX];

        if (clock_equal(&first, &second))
                return 0;
        clock_format(&first, one);
        clock_format(&second, other);
        return buf_appendf(pair->report, "%s%sthe config: another time (%s, %s)\n",
                           pair->platform ? pair->platform : "", pair->platform ? ", " : "", one,
                           other);
}

int reproduce_compare(struct store *store, const struct plan *plan, bool names_platform,
                      const struct built *first, const struct built *second, struct buf *ret,
                      struct error *err)
{
        _cleanup_free_ bool *differs = calloc(plan->stage_count, sizeof(*differs));
        _cleanup_free_ char *platform = names_platform ? platform_format(&plan->platform) : NULL;
        struct pair pair = { .store = store,
                             .plan = plan,
                             .platform = platform,
                             .first = first,
                             .second = second,
                             .differs = differs,
                             .report = ret,
                             .err = err };
        size_t begin = ret->len;
        int r = 0;

        if (digest_equal(&first->manifest.digest, &second->manifest.digest))
                return 0;
        if (!differs || (names_platform && !platform))
                return error_set_oom(err);
        for (size_t i = 0; i < plan->stage_count && r == 0; i++)
                if (plan->stages[i].needed)
                        r = compare_stage(&pair, &plan->stages[i]);
        if (r == 0 && compare_times(&pair) < 0)
                r = error_set_oom(err);
        if (r == 0 && ret->len == begin &&
            buf_append_str(ret, "the configs, or how layers are compressed\n") < 0)
                r = error_set_oom(err);
        return r < 0 ? r : 1;
}
