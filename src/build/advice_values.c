/*
 * The rules that ask for values: what variables are by the time of an instruction, which platform a
 * base is for, what the context leaves out. Nothing of it needs a build: a stage's variables are
 * its base's, its ARGs and its ENVs.
 */
#include "advice_values.h"

#include "base/cleanup.h"
#include "dockerfile/expand.h"
#include "worker.h"

#include <errno.h>
#include <string.h>

void advice_state_done(struct advice_state *state)
{
        strv_done(&state->env);
        strv_done(&state->args);
        strv_done(&state->declared);
}

/* The later of ENV and ARG counts. */
static bool look_up(const void *variables, const char *name, const char **ret_value)
{
        const struct advice_state *state = variables;
        const char *value = strv_env_get(&state->args, name);

        if (!value)
                value = strv_env_get(&state->env, name);
        if (!value && worker_is_proxy_arg(name))
                value = "";
        if (value)
                *ret_value = value;
        return value != NULL;
}

/* Each value of an ARG sees those before it. */
static int take_args(struct plan *plan, const struct build_options *options,
                     const struct instruction *instruction, struct advice_state *state,
                     struct strv *unset)
{
        const struct expander expander = {
                .escape = plan->file->escape, .lookup = look_up, .variables = state, .unset = unset
        };
        int r = 0;

        for (size_t i = 0; i < instruction->pairs.count && r == 0; i++) {
                const struct key_value *pair = &instruction->pairs.items[i];
                const char *given = options->args ? strv_env_get(options->args, pair->key) : NULL;
                _cleanup_(buf_done) struct buf value = BUF_INIT;
                struct error ignored = ERROR_INIT;

                if (!given && !pair->value)
                        given = strv_env_get(&plan->globals, pair->key);
                if (!given && pair->value &&
                    expand_word(&expander, pair->value, &value, &ignored) == -ENOMEM)
                        return -ENOMEM;
                if (given || pair->value)
                        r = strv_env_set(&state->args, pair->key, given ? given : buf_str(&value));
                if (r == 0)
                        r = strv_add(&state->declared, pair->key);
        }
        return r;
}

static int lint_values(struct plan *plan, const struct instruction *expanded,
                       const struct instruction *instruction, struct advice_state *state)
{
        struct lint *lint = &plan->file->lint;
        const struct ignore *ignore = plan->context.source.ignore;
        bool from_context =
                (instruction->type == INSTRUCTION_COPY || instruction->type == INSTRUCTION_ADD) &&
                !instruction->copy.from;
        int r = 0;

        for (size_t i = 0;
             instruction->type == INSTRUCTION_EXPOSE && r == 0 && i < expanded->words.count; i++)
                r = lint_port(lint, instruction, expanded->words.items[i]);
        for (size_t i = 0; from_context && ignore && r == 0 && i < expanded->copy.sources.count;
             i++)
                r = lint_copy_source(lint, instruction, expanded->copy.sources.items[i], ignore);
        for (size_t i = 0;
             instruction->type == INSTRUCTION_ENV && r == 0 && i < expanded->pairs.count; i++) {
                strv_env_unset(&state->args, expanded->pairs.items[i].key);
                r = strv_env_set(&state->env, expanded->pairs.items[i].key,
                                 expanded->pairs.items[i].value);
        }
        if (instruction->type == INSTRUCTION_WORKDIR && r == 0)
                r = lint_workdir(lint, expanded, &state->lint);
        return r;
}

static int lint_instruction(struct plan *plan, const struct build_options *options,
                            const struct instruction *instruction, struct advice_state *state)
{
        _cleanup_(strv_done) struct strv unset = STRV_INIT, known = STRV_INIT;
        const struct expander expander = {
                .escape = plan->file->escape, .lookup = look_up, .variables = state, .unset = &unset
        };
        struct error ignored = ERROR_INIT;
        struct arena arena = ARENA_INIT;
        struct source_position where;
        struct instruction *expanded;
        int r;

        if (instruction->type == INSTRUCTION_ARG) {
                r = take_args(plan, options, instruction, state, &unset);
        } else {
                r = instruction_expand(instruction, &expander, &arena, &expanded, &where, &ignored);
                /* What cannot be expanded the build tells. */
                if (r < 0 && r != -ENOMEM)
                        r = 0;
                else if (r == 0)
                        r = lint_values(plan, expanded, instruction, state);
        }
        if (r == 0)
                r = strv_extend(&known, &state->env);
        if (r == 0)
                r = strv_extend(&known, &state->args);
        if (r == 0)
                r = lint_undefined_variables(&plan->file->lint, instruction, &unset,
                                             &state->declared, &known);
        arena_done(&arena);
        return r;
}

static int begin(struct plan *plan, const struct plan_stage *stage,
                 const struct advice_state *states, struct advice_state *state)
{
        _cleanup_free_ char *actual = NULL, *expected = NULL;
        const struct plan_image *image;
        const struct advice_state *base;

        switch (stage->base) {
        case PLAN_SCRATCH:
                return 0;
        case PLAN_STAGE:
                base = &states[stage->base_index];
                state->lint = base->lint;
                if (strv_extend(&state->env, &base->env) < 0 ||
                    strv_extend(&state->args, &base->args) < 0 ||
                    strv_extend(&state->declared, &base->declared) < 0)
                        return -ENOMEM;
                for (size_t i = 0; i < state->env.count; i++)
                        strv_env_unset(&state->args, state->env.items[i]);
                return 0;
        case PLAN_IMAGE:
                break;
        }
        image = &plan->images[stage->base_index];
        if (strv_extend(&state->env, &image->image.config.env) < 0)
                return -ENOMEM;
        actual = platform_format(&image->image.config.platform);
        expected = platform_format(&stage->platform);
        if (!actual || !expected)
                return -ENOMEM;
        return platform_rank(&stage->platform, &image->image.config.platform) == 0
                       ? 0
                       : lint_base_platform(&plan->file->lint, stage->stage->from, image->name,
                                            expected, actual);
}

int advice_values(struct plan *plan, const struct build_options *options,
                  const struct plan_stage *stage, struct advice_state *states)
{
        struct advice_state *state = &states[stage->index];
        int r = begin(plan, stage, states, state);

        /* Programs are found without a PATH of the image's. */
        if (r == 0 && !strv_env_get(&state->env, "PATH"))
                r = strv_env_set(&state->env, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        for (size_t i = 0; i < stage->step_count && r == 0; i++)
                r = lint_instruction(plan, options, stage->steps[i].instruction, state);
        return r;
}

int advice_workdirs(struct plan *plan, const struct plan_stage *stage, struct advice_state *states)
{
        struct lint_stage_state *state = &states[stage->index].lint;
        const struct stage *base =
                dockerfile_find_stage(plan->file, stage->stage->from->from.base, stage->index);
        int r = 0;

        if (base)
                *state = states[dockerfile_stage_index(plan->file, base)].lint;
        for (size_t i = 0; i < stage->stage->instruction_count && r == 0; i++) {
                const struct instruction *instruction = &stage->stage->instructions[i];

                if (instruction->type != INSTRUCTION_WORKDIR)
                        continue;
                if (plan_is_plain(instruction->value))
                        r = lint_workdir(&plan->file->lint, instruction, state);
                state->workdir = true;
        }
        return r;
}
