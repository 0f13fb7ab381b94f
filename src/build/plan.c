#include "plan.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A title is cut at this many bytes: a RUN can be pages long. */
#define TITLE_BYTES_MAX 400

void plan_done(struct plan *plan)
{
        for (size_t i = 0; i < plan->stage_count; i++) {
                struct plan_stage *stage = &plan->stages[i];

                for (size_t j = 0; j < stage->step_count; j++)
                        free(stage->steps[j].title);
                for (size_t j = 0; j < stage->trigger_count; j++)
                        dockerfile_free(stage->triggers[j]);
                free(stage->from.title);
                platform_done(&stage->platform);
                free(stage->steps);
                free(stage->needs);
                free(stage->triggers);
        }
        free(plan->stages);
        for (size_t i = 0; i < plan->image_count; i++) {
                free(plan->images[i].name);
                free(plan->images[i].platform);
                stored_image_done(&plan->images[i].image);
        }
        free(plan->images);
        for (size_t i = 0; i < plan->context_count; i++)
                context_done(&plan->contexts[i].context);
        free(plan->contexts);
        context_done(&plan->context);
        strv_done(&plan->globals);
        strv_done(&plan->declared);
        dockerfile_free(plan->file);
        buf_done(&plan->text);
        free(plan->path);
        platform_done(&plan->platform);
        platform_done(&plan->host);
}

/* ---- errors ---- */

const char *plan_file_name(const struct plan *plan)
{
        const char *slash = strrchr(plan->path, '/');

        return slash ? slash + 1 : plan->path;
}

static int blame(const struct plan *plan, struct source_position where, unsigned last_line,
                 struct build_fault *ret_fault, struct error *err)
{
        struct buf excerpt = BUF_INIT;

        if (where.line == 0)
                return error_wrap(err, "%s", plan->path);
        if (source_excerpt(plan->text.data, plan->text.len, &where, last_line, &excerpt) == 0 &&
            excerpt.len > 0 && !ret_fault->excerpt)
                ret_fault->excerpt = buf_take_str(&excerpt);
        buf_done(&excerpt);
        return error_wrap(err, "%s:%u", plan_file_name(plan), where.line);
}

/* What of an instruction is at fault, as far as the error tells: a source that it names, the
 * command of a RUN, else the first argument. */
static struct source_position find_fault(const struct instruction *instruction,
                                         const struct error *err)
{
        struct source_position where = { .line = 0 };
        _cleanup_free_ char *word = NULL;
        const char *found = "";

        if (instruction->type == INSTRUCTION_RUN && instruction->run.command.argv.count > 0) {
                const char *command = instruction->run.command.argv.items[0];

                word = strndup(command, strcspn(command, " \t\n"));
                found = word ? word : "";
        }
        if (instruction->type == INSTRUCTION_COPY || instruction->type == INSTRUCTION_ADD)
                for (size_t i = 0; i < instruction->copy.sources.count && !*found; i++)
                        if (strstr(err->message, instruction->copy.sources.items[i]))
                                found = instruction->copy.sources.items[i];
        if (instruction->segment_count > 0)
                where = instruction_locate(instruction, found);
        if (where.line == 0)
                where = (struct source_position){ .line = instruction->first_line };
        return where;
}

int plan_blame(const struct plan *plan, const struct instruction *instruction,
               struct source_position where, struct build_fault *ret_fault, struct error *err)
{
        if (where.line == 0 || (where.line == instruction->first_line && where.column == 0)) {
                where = find_fault(instruction, err);
                /* What is named is the line in which the instruction begins. */
                if (where.line != instruction->first_line)
                        where = (struct source_position){ .line = instruction->first_line };
        }
        return blame(plan, where, instruction->last_line, ret_fault, err);
}

/* ---- reading ---- */

static int parse_dockerfile(struct plan *plan, struct build_fault *ret_fault, struct error *err)
{
        struct source_position where = { .line = 0 };
        const struct builder_args *args = &plan->builder_args;
        int r = dockerfile_parse(buf_str(&plan->text), plan->text.len,
                                 args->has_lint ? &args->lint : NULL, &plan->file, &where, err);

        /* An argument that names another syntax was looked at before. */
        if (r == 0 && plan->file->syntax && !builder_args_name_syntax(plan->options->args))
                r = builder_check_syntax(plan->file->syntax, err);
        return r < 0 ? blame(plan, where, where.line, ret_fault, err) : 0;
}

/* ---- global arguments ---- */

/* What TARGETSTAGE is: the name of the stage that is asked for, else of the last. */
static const char *target_name(const struct plan *plan)
{
        const char *name = plan->options->target;

        if (!name)
                name = plan->file->stages[plan->file->stage_count - 1].from->from.name;
        return name ? name : "default";
}

/* Known without being declared, and what --build-arg says goes before it. */
static int set_predefined(const struct strv *args, const char *side, const char *name,
                          const char *value, struct strv *globals)
{
        _cleanup_free_ char *whole = NULL;
        const char *given;

        if (asprintf(&whole, "%s%s", side, name) < 0) {
                whole = NULL;
                return -ENOMEM;
        }
        given = args ? strv_env_get(args, whole) : NULL;
        return strv_env_set(globals, whole, given ? given : value ? value : "");
}

/* BUILDPLATFORM or TARGETPLATFORM, and its parts. */
static int set_platform_args(const struct strv *args, const char *side,
                             const struct platform *platform, struct strv *globals)
{
        _cleanup_free_ char *text = platform_format(platform);
        const struct {
                const char *name, *value;
        } parts[] = {
                { "PLATFORM", text },
                { "OS", platform->os },
                { "OSVERSION", platform->os_version },
                { "ARCH", platform->architecture },
                { "VARIANT", platform->variant },
        };
        int r = text ? 0 : -ENOMEM;

        for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++)
                r = set_predefined(args, side, parts[i].name, parts[i].value, globals);
        return r;
}

static int set_global(const struct plan *plan, const struct strv *args, const struct key_value *arg,
                      struct strv *globals, struct error *err)
{
        struct expander expander = { .escape = plan->file->escape,
                                     .lookup = expand_lookup_strv,
                                     .variables = globals };
        const char *given = args ? strv_env_get(args, arg->key) : NULL;
        struct buf value = BUF_INIT;
        int r = 0;

        if (!given && arg->value)
                r = expand_word(&expander, arg->value, &value, err);
        if (r == 0 && (given || arg->value) &&
            strv_env_set(globals, arg->key, given ? given : buf_str(&value)) < 0)
                r = error_set_oom(err);
        buf_done(&value);
        return r;
}

int plan_globals(const struct plan *plan, const struct strv *args, struct strv *ret,
                 struct build_fault *ret_fault, struct error *err)
{
        struct source_position nowhere = { .line = 0 };

        if (set_predefined(args, "TARGET", "STAGE", target_name(plan), ret) < 0 ||
            set_platform_args(args, "BUILD", &plan->host, ret) < 0 ||
            set_platform_args(args, "TARGET", &plan->platform, ret) < 0)
                return error_set_oom(err);
        for (size_t i = 0; i < plan->file->global_count; i++) {
                const struct instruction *instruction = &plan->file->instructions[i];

                for (size_t j = 0; j < instruction->pairs.count; j++) {
                        int r = set_global(plan, args, &instruction->pairs.items[j], ret, err);

                        if (r < 0)
                                return plan_blame(plan, instruction, nowhere, ret_fault, err);
                }
        }
        return 0;
}

static int set_declared(struct plan *plan)
{
        int r = 0;

        for (size_t i = 0; i < plan->file->global_count; i++) {
                const struct instruction *instruction = &plan->file->instructions[i];

                for (size_t j = 0; j < instruction->pairs.count && r == 0; j++)
                        r = strv_add(&plan->declared, instruction->pairs.items[j].key);
        }
        return r;
}

/* ---- stages ---- */

static const struct instruction *stage_from(const struct plan_stage *stage)
{
        return stage->stage->from;
}

/* Settles what a stage is built for: what FROM says, else the target's platform. */
static int set_platform(const struct plan *plan, const char *text, struct plan_stage *stage,
                        struct error *err)
{
        if (text)
                return platform_parse(text, &stage->platform, err);
        return platform_copy(&plan->platform, &stage->platform) < 0 ? error_set_oom(err) : 0;
}

/* Begins a stage with the context of that name. Returns 1, or 0 where there is none. */
static int begin_with_context(struct store *store, struct plan *plan, struct plan_stage *stage,
                              const char *name, struct build_fault *ret_fault, struct error *err)
{
        struct plan_context *context;
        int r = plan_resolve_context(store, plan, name, &context, err);

        if (r < 0)
                return plan_blame(plan, stage_from(stage),
                                  instruction_locate(stage_from(stage), name), ret_fault, err);
        if (!context)
                return 0;
        stage->base = context->kind == PLAN_SOURCE_IMAGE ? PLAN_IMAGE : PLAN_SCRATCH;
        stage->base_index = context->image;
        stage->base_context = context->kind == PLAN_SOURCE_IMAGE ? NULL : context->name;
        return 1;
}

/* What the FROM of a stage means. */
static int resolve_base(struct store *store, struct plan *plan, struct plan_stage *stage,
                        struct build_fault *ret_fault, struct error *err)
{
        struct expander expander = { .escape = plan->file->escape,
                                     .lookup = expand_lookup_strv,
                                     .variables = &plan->globals };
        struct source_position where = { .line = 0 };
        struct instruction *from;
        const struct stage *base;
        int r;

        r = instruction_expand(stage_from(stage), &expander, &plan->file->arena, &from, &where,
                               err);
        if (r == 0) {
                if (from->from.platform)
                        where = instruction_locate(stage_from(stage),
                                                   stage_from(stage)->from.platform);
                r = set_platform(plan, from->from.platform, stage, err);
        }
        if (r < 0)
                return plan_blame(plan, stage_from(stage), where, ret_fault, err);
        r = begin_with_context(store, plan, stage, from->from.base, ret_fault, err);
        if (r != 0)
                return r < 0 ? r : 0;
        base = dockerfile_find_stage(plan->file, from->from.base, stage->index);
        if (base) {
                stage->base = PLAN_STAGE;
                stage->base_index = dockerfile_stage_index(plan->file, base);
                stage->needs[stage->base_index] = true;
                return 0;
        }
        if (strcmp(from->from.base, "scratch") == 0) {
                stage->base = PLAN_SCRATCH;
                return 0;
        }
        stage->base = PLAN_IMAGE;
        r = plan_add_image(store, plan, from->from.base, &stage->platform, &stage->base_index, err);
        if (r < 0)
                return plan_blame(plan, stage_from(stage),
                                  instruction_locate(stage_from(stage), from->from.base), ret_fault,
                                  err);
        return 0;
}

/* Whether an instruction does more than change the config. */
static bool is_shown(const struct instruction *instruction)
{
        return instruction->type == INSTRUCTION_RUN || instruction->type == INSTRUCTION_COPY ||
               instruction->type == INSTRUCTION_ADD || instruction->type == INSTRUCTION_WORKDIR;
}

static int add_step(struct plan_stage *stage, const struct instruction *instruction)
{
        struct plan_step *steps = reallocarray(stage->steps, stage->step_count + 1, sizeof(*steps));

        if (!steps)
                return -ENOMEM;
        stage->steps = steps;
        steps[stage->step_count++] = (struct plan_step){ .instruction = instruction };
        return 0;
}

static int add_trigger(struct plan_stage *stage, struct dockerfile *trigger)
{
        struct dockerfile **triggers = reallocarray(stage->triggers, stage->trigger_count + 1,
                                                    sizeof(struct dockerfile *));

        if (!triggers) {
                dockerfile_free(trigger);
                return -ENOMEM;
        }
        stage->triggers = triggers;
        triggers[stage->trigger_count++] = trigger;
        return add_step(stage, &trigger->instructions[0]);
}

static int add_trigger_text(struct plan_stage *stage, const char *text, struct error *err)
{
        struct dockerfile *trigger;
        int r = dockerfile_parse_trigger(text, &trigger, err);

        if (r < 0)
                return error_wrap(err, "the trigger \"%.200s\" of the base image", text);
        return add_trigger(stage, trigger) < 0 ? error_set_oom(err) : 0;
}

/* What a stage's base brings along comes before its own instructions: ONBUILD triggers, or, of a
 * context of files, these. */
static int add_triggers(struct plan *plan, struct plan_stage *stage, struct error *err)
{
        int r = 0;

        if (stage->base_context) {
                _cleanup_free_ char *copy = NULL;

                if (asprintf(&copy, "COPY --from=%s / /", stage->base_context) < 0) {
                        copy = NULL;
                        return error_set_oom(err);
                }
                r = add_trigger_text(stage, copy, err);
        } else if (stage->base == PLAN_IMAGE) {
                const struct strv *list = &plan->images[stage->base_index].image.config.on_build;

                for (size_t i = 0; i < list->count && r == 0; i++)
                        r = add_trigger_text(stage, list->items[i], err);
        } else if (stage->base == PLAN_STAGE) {
                const struct stage *base = plan->stages[stage->base_index].stage;

                for (size_t i = 0; i < base->instruction_count && r == 0; i++) {
                        const struct instruction *instruction = &base->instructions[i];

                        if (instruction->type == INSTRUCTION_ONBUILD)
                                r = add_trigger_text(stage, instruction->onbuild.expression, err);
                }
        }
        return r;
}

static int plan_stage(struct store *store, struct plan *plan, struct plan_stage *stage,
                      struct build_fault *ret_fault, struct error *err)
{
        const char *name = stage_from(stage)->from.name;
        struct source_position nowhere = { .line = 0 };
        bool replaced;
        int r = 0;

        stage->needed = true;
        /* A context of a stage's name stands for the stage, whatever that would do. */
        if (name)
                r = begin_with_context(store, plan, stage, name, ret_fault, err);
        replaced = r > 0;
        if (r == 0)
                r = resolve_base(store, plan, stage, ret_fault, err);
        if (r < 0)
                return r;
        /* Of an image that stands for a stage, nothing is carried out. */
        r = replaced && stage->base == PLAN_IMAGE ? 0 : add_triggers(plan, stage, err);
        for (size_t i = 0; !replaced && i < stage->stage->instruction_count && r == 0; i++)
                if (add_step(stage, &stage->stage->instructions[i]) < 0)
                        r = error_set_oom(err);
        if (r < 0)
                return plan_blame(plan, stage_from(stage), nowhere, ret_fault, err);
        r = plan_check_steps(plan, stage, ret_fault, err);
        return r < 0 ? r : plan_resolve_sources(store, plan, stage, ret_fault, err);
}

static int find_target(struct plan *plan, const char *target, struct error *err)
{
        const struct stage *found;

        if (!target) {
                plan->target = plan->stage_count - 1;
                return 0;
        }
        found = dockerfile_find_stage_or_number(plan->file, target, plan->stage_count);
        if (found) {
                plan->target = dockerfile_stage_index(plan->file, found);
                return 0;
        }
        error_set(err, -EINVAL, "there is no stage \"%s\" in %s", target, plan->path);
        for (size_t i = plan->stage_count; i-- > 0;) {
                const char *name = plan->stages[i].stage->from->from.name;

                if (name)
                        return error_hint(err, "A stage that it has is \"%s\".", name);
        }
        return error_hint(err, "Its stages have no names; give a number, counted from 0.");
}

/* Plans the target and, going back, what it needs: whatever a stage needs stands before it. */
static int plan_stages(struct store *store, struct plan *plan, struct build_fault *ret_fault,
                       struct error *err)
{
        plan->stages[plan->target].needed = true;
        for (size_t i = plan->target + 1; i-- > 0;) {
                struct plan_stage *stage = &plan->stages[i];
                int r;

                if (!stage->needed)
                        continue;
                r = plan_stage(store, plan, stage, ret_fault, err);
                if (r < 0)
                        return r;
                for (size_t j = 0; j < i; j++)
                        plan->stages[j].needed |= stage->needs[j];
        }
        return 0;
}

/* ---- titles ---- */

static char *make_title(const struct plan_stage *stage, const struct instruction *instruction,
                        size_t at, size_t count, bool several)
{
        const char *name = stage_from(stage)->from.name;
        const char *text = instruction->text;
        size_t len = strcspn(text, "\n");
        char number[32], *title;

        snprintf(number, sizeof(number), "stage-%zu", stage->index);
        if (len > TITLE_BYTES_MAX)
                len = TITLE_BYTES_MAX;
        if (asprintf(&title, "[%s%s%zu/%zu] %.*s%s", several || name ? (name ? name : number) : "",
                     several || name ? " " : "", at, count, (int)len, text,
                     text[len] ? "..." : "") < 0)
                return NULL;
        return title;
}

static int number_steps(struct plan *plan)
{
        unsigned number = 0;
        size_t needed = 0;

        for (size_t i = 0; i < plan->stage_count; i++)
                needed += plan->stages[i].needed;
        for (size_t i = 0; i < plan->stage_count; i++) {
                struct plan_stage *stage = &plan->stages[i];
                size_t count = 1, at = 1;

                if (!stage->needed)
                        continue;
                for (size_t j = 0; j < stage->step_count; j++)
                        count += is_shown(stage->steps[j].instruction);
                stage->from.instruction = stage_from(stage);
                stage->from.number = ++number;
                stage->from.title = make_title(stage, stage_from(stage), at++, count, needed > 1);
                if (!stage->from.title)
                        return -ENOMEM;
                for (size_t j = 0; j < stage->step_count; j++) {
                        struct plan_step *step = &stage->steps[j];

                        if (!is_shown(step->instruction))
                                continue;
                        step->number = ++number;
                        step->title = make_title(stage, step->instruction, at++, count, needed > 1);
                        if (!step->title)
                                return -ENOMEM;
                }
        }
        return 0;
}

static int make_stages(struct plan *plan)
{
        plan->stages = calloc(plan->file->stage_count, sizeof(*plan->stages));
        if (!plan->stages)
                return -ENOMEM;
        plan->stage_count = plan->file->stage_count;
        for (size_t i = 0; i < plan->stage_count; i++) {
                plan->stages[i].stage = &plan->file->stages[i];
                plan->stages[i].index = i;
                plan->stages[i].needs = calloc(plan->stage_count, sizeof(bool));
                if (!plan->stages[i].needs)
                        return -ENOMEM;
        }
        return 0;
}

int plan_make(struct store *store, const struct build_options *options, struct plan *ret,
              struct build_fault *ret_fault, struct error *err)
{
        struct plan *plan = ret;
        int r;

        *plan = (struct plan){ .options = options, .context = CONTEXT_INIT };
        r = platform_host(&plan->host) < 0 ||
                            platform_copy(options->platform_count > 0 ? options->platforms
                                                                      : &plan->host,
                                          &plan->platform) < 0
                    ? error_set_oom(err)
                    : 0;
        if (r == 0)
                r = builder_args_read(options->args, &plan->builder_args, err);
        if (r == 0)
                r = plan_open_context(store, options, plan, err);
        if (r == 0)
                r = parse_dockerfile(plan, ret_fault, err);
        if (r == 0 && make_stages(plan) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = plan_globals(plan, options->args, &plan->globals, ret_fault, err);
        if (r == 0 && set_declared(plan) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = plan_find_epoch(plan, ret_fault, err);
        if (r == 0)
                r = find_target(plan, options->target, err);
        if (r == 0)
                r = plan_stages(store, plan, ret_fault, err);
        if (r == 0 && number_steps(plan) < 0)
                r = error_set_oom(err);
        if (r < 0)
                plan_done(plan);
        return r;
}
