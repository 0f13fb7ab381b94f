#include "advice.h"

#include "advice_values.h"
#include "base/cleanup.h"
#include "oci/reference.h"
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void tell(const struct build_options *options, const char *text)
{
        const struct build_event event = { .type = BUILD_WARNING, .text = text };

        if (options->event)
                options->event(options->event_context, &event);
}

/* ---- the rules ---- */

/* A stage has what the stage has that it is FROM, which stands before it. Of a stage that nothing
 * needs it is not known what it is FROM, so no value of it is either: of these what is written in
 * full is looked at. */
static int lint_stages(struct plan *plan, const struct build_options *options, bool all)
{
        _cleanup_free_ struct advice_state *states = calloc(plan->stage_count, sizeof(*states));
        _cleanup_free_ struct lint_stage_state *shells = calloc(plan->stage_count, sizeof(*shells));
        const struct expander globals = { .escape = plan->file->escape,
                                          .lookup = expand_lookup_strv,
                                          .variables = &plan->globals };
        struct lint *lint = &plan->file->lint;
        int r = states && shells ? 0 : -ENOMEM;

        for (size_t i = 0; i < plan->stage_count && r == 0; i++) {
                const struct plan_stage *stage = &plan->stages[i];

                if (!stage->needed && !all)
                        continue;
                if (stage->needed && stage->base == PLAN_STAGE)
                        shells[i] = shells[stage->base_index];
                r = lint_from(lint, stage->stage->from, &globals, &plan->declared);
                if (r == 0)
                        r = lint_stage(lint, stage->stage, &shells[i]);
                if (r == 0)
                        r = stage->needed ? advice_values(plan, options, stage, states)
                                          : advice_workdirs(plan, stage, states);
        }
        for (size_t i = 0; states && i < plan->stage_count; i++)
                advice_state_done(&states[i]);
        return r;
}

/* Whether a FROM may name an image, as its variables are. What cannot be expanded is passed over.
 */
static bool names_image(const struct plan *plan, const char *base, const struct strv *variables)
{
        const struct expander expander = { .escape = plan->file->escape,
                                           .lookup = expand_lookup_strv,
                                           .variables = variables };
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        struct buf name = BUF_INIT;
        bool valid = true;

        if (expand_word(&expander, base, &name, &ignored) == 0)
                valid = reference_parse(buf_str(&name), &reference, &ignored) == 0 ||
                        ignored.code == -ENOMEM;
        reference_done(&reference);
        buf_done(&name);
        return valid;
}

/* Of all stages, and with no --build-arg. */
static int lint_defaults(struct plan *plan)
{
        _cleanup_(build_fault_done) struct build_fault fault = { .excerpt = NULL };
        struct strv defaults = STRV_INIT;
        struct error ignored = ERROR_INIT;
        int r = plan_globals(plan, NULL, &defaults, &fault, &ignored);
        bool known = r == 0;

        r = r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < plan->stage_count && known && r == 0; i++) {
                const struct instruction *from = plan->stages[i].stage->from;

                if (!names_image(plan, from->from.base, &defaults))
                        r = lint_from_without_arguments(&plan->file->lint, from);
        }
        strv_done(&defaults);
        return r;
}

static int compare_lines(const void *a, const void *b)
{
        const struct lint_warning *const *x = a, *const *y = b;

        return ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

static int tell_lint(const struct plan *plan, const struct build_options *options)
{
        const struct lint *lint = &plan->file->lint;
        _cleanup_free_ const struct lint_warning **sorted =
                calloc(lint->count + 1, sizeof(struct lint_warning *));

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < lint->count; i++)
                sorted[i] = &lint->warnings[i];
        qsort(sorted, lint->count, sizeof(struct lint_warning *), compare_lines);
        for (size_t i = 0; i < lint->count; i++) {
                _cleanup_free_ char *text = NULL;

                if (asprintf(&text, "%s:%u: %s: %s", plan_file_name(plan), sorted[i]->line,
                             lint_rule_name(sorted[i]->rule), sorted[i]->message) < 0)
                        return -ENOMEM;
                tell(options, text);
        }
        return 0;
}

/* ---- arguments that nobody asks for ---- */

static bool declares(const struct instruction *instruction, const char *name)
{
        if (instruction->type != INSTRUCTION_ARG)
                return false;
        for (size_t i = 0; i < instruction->pairs.count; i++)
                if (strcmp(instruction->pairs.items[i].key, name) == 0)
                        return true;
        return false;
}

static bool is_used(const struct plan *plan, const char *name)
{
        for (size_t i = 0; i < plan->file->instruction_count; i++)
                if (declares(&plan->file->instructions[i], name))
                        return true;
        for (size_t i = 0; i < plan->stage_count; i++)
                for (size_t j = 0; j < plan->stages[i].trigger_count; j++)
                        if (declares(&plan->stages[i].triggers[j]->instructions[0], name))
                                return true;
        return worker_is_proxy_arg(name) || builder_args_know(name);
}

static int tell_unused_args(const struct plan *plan, const struct build_options *options)
{
        for (size_t i = 0; options->args && i < options->args->count; i++) {
                const char *arg = options->args->items[i];
                _cleanup_free_ char *name = strndup(arg, strcspn(arg, "="));
                _cleanup_free_ char *text = NULL;

                if (!name)
                        return -ENOMEM;
                /* It says which times the image may have, whoever asks for it. */
                if (strcmp(name, "SOURCE_DATE_EPOCH") == 0 || is_used(plan, name))
                        continue;
                if (asprintf(&text, "--build-arg %s: no ARG of the Dockerfile asks for it", name) <
                    0)
                        return -ENOMEM;
                tell(options, text);
        }
        return 0;
}

/* Stages are named to be carried out anew: a name that is written wrong would do nothing. */
static int tell_unknown_stages(const struct plan *plan, const struct build_options *options)
{
        const struct strv *names = options->no_cache_stages;

        for (size_t i = 0; names && i < names->count; i++) {
                _cleanup_free_ char *text = NULL;

                if (dockerfile_find_stage_or_number(plan->file, names->items[i], plan->stage_count))
                        continue;
                if (asprintf(&text, "--no-cache-filter %s: the Dockerfile has no such stage",
                             names->items[i]) < 0)
                        return -ENOMEM;
                tell(options, text);
        }
        return 0;
}

int advice_tell(struct plan *plan, const struct build_options *options, bool all, struct error *err)
{
        const struct lint *lint = &plan->file->lint;
        int r = lint_stages(plan, options, all);

        if (r == 0)
                r = lint_defaults(plan);
        if (r == 0)
                r = tell_lint(plan, options);
        if (r == 0)
                r = tell_unused_args(plan, options);
        if (r == 0)
                r = tell_unknown_stages(plan, options);
        if (r < 0)
                return error_set_oom(err);
        if (lint->options.error && lint->count > 0)
                return error_set(
                        err, -EINVAL,
                        "%s breaks rules, and its line \"# check=error=true\" forbids that",
                        plan_file_name(plan));
        return 0;
}
