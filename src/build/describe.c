/*
 * What can be said of a Dockerfile without building it: --check and --call.
 */
#include "advice.h"
#include "base/cleanup.h"
#include "build/build.h"
#include "dockerfile/expand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- check ---- */

static int describe_check(struct plan *plan, const struct build_options *options, struct buf *ret,
                          size_t *ret_warnings, struct error *err)
{
        const struct lint *lint = &plan->file->lint;
        int r = advice_tell(plan, options, err);

        /* Here the number of warnings says enough. */
        if (r == -EINVAL && lint->count > 0) {
                *err = ERROR_INIT;
                r = 0;
        }
        *ret_warnings = lint->count;
        if (r == 0 &&
            (lint->count == 0
                     ? buf_append_str(ret, "Check complete, no warnings found.\n")
                     : buf_appendf(ret, "Check complete, %zu %s been found!\n", lint->count,
                                   lint->count == 1 ? "warning has" : "warnings have")) < 0)
                r = error_set_oom(err);
        return r;
}

/* ---- targets ---- */

static int describe_targets(const struct plan *plan, struct buf *ret)
{
        int r = buf_appendf(ret, "%-24s %s\n", "TARGET", "DESCRIPTION");

        for (size_t i = 0; i < plan->stage_count && r == 0; i++) {
                const struct instruction *from = plan->stages[i].stage->from;
                const char *name = from->from.name;
                const char *text = name ? instruction_description(from, name) : NULL;
                char label[256];

                snprintf(label, sizeof(label), "%s%s", name ? name : "",
                         i != plan->stage_count - 1 ? ""
                         : name                     ? " (default)"
                                                    : "(default)");
                if (*label)
                        r = buf_appendf(ret, text ? "%-24s %s\n" : "%s%s\n", label,
                                        text ? text : "");
        }
        return r;
}

/* ---- outline ---- */

struct outline {
        const struct plan *plan;
        const struct build_options *options;
        struct strv args, secrets, agents; /* names */
        struct buf arg_lines, secret_lines, agent_lines;
};

static void outline_done(struct outline *outline)
{
        strv_done(&outline->args);
        strv_done(&outline->secrets);
        strv_done(&outline->agents);
        buf_done(&outline->arg_lines);
        buf_done(&outline->secret_lines);
        buf_done(&outline->agent_lines);
}

static int outline_args(struct outline *outline, const struct instruction *instruction)
{
        const struct strv *given = outline->options->args;
        int r = 0;

        for (size_t i = 0; i < instruction->pairs.count && r == 0; i++) {
                const struct key_value *pair = &instruction->pairs.items[i];
                const char *text = instruction_description(instruction, pair->key), *value;

                if (strv_contains(&outline->args, pair->key))
                        continue;
                value = given ? strv_env_get(given, pair->key) : NULL;
                if (!value)
                        value = strv_env_get(&outline->plan->globals, pair->key);
                if (!value)
                        value = pair->value ? pair->value : "";
                r = strv_add(&outline->args, pair->key);
                if (r == 0)
                        r = buf_appendf(&outline->arg_lines,
                                        text ? "%-16s %-24s %s\n" : "%-16s %s%s\n", pair->key,
                                        value, text ? text : "");
        }
        return r;
}

static int outline_name(struct strv *names, struct buf *lines, const char *name, bool required)
{
        if (strv_contains(names, name))
                return 0;
        if (strv_add(names, name) < 0)
                return -ENOMEM;
        return buf_appendf(lines, required ? "%-24s %s\n" : "%s%s\n", name, required ? "true" : "");
}

static int outline_mounts(struct outline *outline, const struct instruction *instruction)
{
        const struct instruction_run *run = &instruction->run;
        int r = 0;

        for (size_t i = 0; i < run->mount_count && r == 0; i++) {
                const struct run_mount *mount = &run->mounts[i];
                const char *slash = mount->target ? strrchr(mount->target, '/') : NULL;

                if (mount->type == MOUNT_SECRET)
                        r = outline_name(&outline->secrets, &outline->secret_lines,
                                         mount->source ? mount->source
                                         : mount->id   ? mount->id
                                         : slash       ? slash + 1
                                                       : mount->target,
                                         mount->required);
                else if (mount->type == MOUNT_SSH)
                        r = outline_name(&outline->agents, &outline->agent_lines,
                                         mount->id ? mount->id : "default", mount->required);
        }
        return r;
}

static int outline_gather(struct outline *outline)
{
        const struct plan *plan = outline->plan;
        int r = 0;

        for (size_t i = 0; i < plan->file->global_count && r == 0; i++)
                r = outline_args(outline, &plan->file->instructions[i]);
        for (size_t i = 0; i < plan->stage_count && r == 0; i++) {
                const struct plan_stage *stage = &plan->stages[i];

                for (size_t j = 0; stage->needed && j < stage->step_count && r == 0; j++) {
                        const struct instruction *instruction = stage->steps[j].instruction;

                        if (instruction->type == INSTRUCTION_ARG)
                                r = outline_args(outline, instruction);
                        else if (instruction->type == INSTRUCTION_RUN)
                                r = outline_mounts(outline, instruction);
                }
        }
        return r;
}

static int outline_write(const struct outline *outline, struct buf *ret)
{
        const struct instruction *from = outline->plan->stages[outline->plan->target].stage->from;
        const char *name = from->from.name ? from->from.name : "default";
        const char *text = instruction_description(from, name);
        int r = buf_appendf(ret, "TARGET:      %s\n", name);

        if (r == 0 && text)
                r = buf_appendf(ret, "DESCRIPTION: %s\n", text);
        if (r == 0 && outline->args.count > 0)
                r = buf_appendf(ret, "\n%-16s %-24s %s\n%s", "BUILD ARG", "VALUE", "DESCRIPTION",
                                buf_str(&outline->arg_lines));
        if (r == 0 && outline->secrets.count > 0)
                r = buf_appendf(ret, "\n%-24s %s\n%s", "SECRET", "REQUIRED",
                                buf_str(&outline->secret_lines));
        if (r == 0 && outline->agents.count > 0)
                r = buf_appendf(ret, "\n%-24s %s\n%s", "SSH", "REQUIRED",
                                buf_str(&outline->agent_lines));
        return r;
}

static int describe_outline(const struct plan *plan, const struct build_options *options,
                            struct buf *ret)
{
        struct outline outline = { .plan = plan, .options = options };
        int r = outline_gather(&outline);

        if (r == 0)
                r = outline_write(&outline, ret);
        outline_done(&outline);
        return r;
}

int build_describe(struct store *store, const struct build_options *options,
                   enum build_description what, struct buf *ret, size_t *ret_warnings,
                   struct build_fault *ret_fault, struct error *err)
{
        struct plan plan;
        int r;

        *ret_fault = (struct build_fault){ .excerpt = NULL };
        *ret_warnings = 0;
        r = plan_make(store, options, &plan, ret_fault, err);
        if (r < 0)
                return r;
        switch (what) {
        case BUILD_DESCRIBE_CHECK:
                r = describe_check(&plan, options, ret, ret_warnings, err);
                break;
        case BUILD_DESCRIBE_OUTLINE:
                r = describe_outline(&plan, options, ret);
                break;
        case BUILD_DESCRIBE_TARGETS:
                r = describe_targets(&plan, ret);
                break;
        }
        plan_done(&plan);
        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}
