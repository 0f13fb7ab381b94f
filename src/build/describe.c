/*
 * What can be said of a Dockerfile without building it: --check and --call.
 */
#include "describe.h"

#include "advice.h"
#include "base/cleanup.h"
#include "dockerfile/expand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- check ---- */

static int describe_check(struct plan *plan, const struct build_options *options, bool json,
                          struct buf *ret, size_t *ret_warnings, struct error *err)
{
        const struct lint *lint = &plan->file->lint;
        int r = advice_tell(plan, options, !options->target, err);

        /* Here the number of warnings says enough. */
        if (r == -EINVAL && lint->count > 0) {
                *err = ERROR_INIT;
                r = 0;
        }
        *ret_warnings = lint->count;
        if (r == 0 && json)
                return describe_check_json(plan, ret, err);
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

void outline_done(struct outline *outline)
{
        free(outline->args.items);
        free(outline->secrets.items);
        free(outline->agents.items);
        free(outline->caches.items);
}

/* Adds what is not there yet by its name. */
static int add(struct outline_list *list, const struct outline_item *item)
{
        struct outline_item *items;

        for (size_t i = 0; i < list->count; i++)
                if (strcmp(list->items[i].name, item->name) == 0)
                        return 0;
        items = reallocarray(list->items, list->count + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        list->items = items;
        items[list->count++] = *item;
        return 0;
}

static int outline_args(struct outline *outline, const struct build_options *options,
                        const struct instruction *instruction)
{
        int r = 0;

        for (size_t i = 0; i < instruction->pairs.count && r == 0; i++) {
                const struct key_value *pair = &instruction->pairs.items[i];
                struct outline_item item = {
                        .name = pair->key,
                        .value = options->args ? strv_env_get(options->args, pair->key) : NULL,
                        .text = instruction_description(instruction, pair->key),
                        .line = instruction->first_line,
                };

                if (!item.value)
                        item.value = strv_env_get(&outline->plan->globals, pair->key);
                if (!item.value)
                        item.value = pair->value ? pair->value : "";
                r = add(&outline->args, &item);
        }
        return r;
}

static int outline_mounts(struct outline *outline, const struct instruction *instruction)
{
        const struct instruction_run *run = &instruction->run;
        int r = 0;

        for (size_t i = 0; i < run->mount_count && r == 0; i++) {
                const struct run_mount *mount = &run->mounts[i];
                const char *slash = mount->target ? strrchr(mount->target, '/') : NULL;
                struct outline_item item = { .name = mount->id,
                                             .required = mount->required,
                                             .line = instruction->first_line };

                if (mount->type == MOUNT_SECRET) {
                        item.name = mount->source ? mount->source
                                    : mount->id   ? mount->id
                                    : slash       ? slash + 1
                                                  : mount->target;
                        r = add(&outline->secrets, &item);
                } else if (mount->type == MOUNT_SSH) {
                        item.name = mount->id ? mount->id : "default";
                        r = add(&outline->agents, &item);
                } else if (mount->type == MOUNT_CACHE) {
                        item.name = mount->id ? mount->id : mount->target ? mount->target : ".";
                        r = add(&outline->caches, &item);
                }
        }
        return r;
}

static int outline_gather(struct outline *outline, const struct build_options *options)
{
        const struct plan *plan = outline->plan;
        int r = 0;

        for (size_t i = 0; i < plan->file->global_count && r == 0; i++)
                r = outline_args(outline, options, &plan->file->instructions[i]);
        for (size_t i = 0; i < plan->stage_count && r == 0; i++) {
                const struct plan_stage *stage = &plan->stages[i];

                for (size_t j = 0; stage->needed && j < stage->step_count && r == 0; j++) {
                        const struct instruction *instruction = stage->steps[j].instruction;

                        if (instruction->type == INSTRUCTION_ARG)
                                r = outline_args(outline, options, instruction);
                        else if (instruction->type == INSTRUCTION_RUN)
                                r = outline_mounts(outline, instruction);
                }
        }
        return r;
}

static int write_args(const struct outline_list *list, struct buf *ret)
{
        int r = list->count == 0 ? 0
                                 : buf_appendf(ret, "\n%-16s %-24s %s\n", "BUILD ARG", "VALUE",
                                               "DESCRIPTION");

        for (size_t i = 0; i < list->count && r == 0; i++) {
                const struct outline_item *item = &list->items[i];

                r = buf_appendf(ret, item->text ? "%-16s %-24s %s\n" : "%-16s %s%s\n", item->name,
                                item->value, item->text ? item->text : "");
        }
        return r;
}

static int write_names(const struct outline_list *list, const char *title, struct buf *ret)
{
        int r = list->count == 0 ? 0 : buf_appendf(ret, "\n%-24s %s\n", title, "REQUIRED");

        for (size_t i = 0; i < list->count && r == 0; i++)
                r = buf_appendf(ret, list->items[i].required ? "%-24s %s\n" : "%s%s\n",
                                list->items[i].name, list->items[i].required ? "true" : "");
        return r;
}

static int outline_write(const struct outline *outline, struct buf *ret)
{
        int r = buf_appendf(ret, "TARGET:      %s\n", outline->name);

        if (r == 0 && outline->text)
                r = buf_appendf(ret, "DESCRIPTION: %s\n", outline->text);
        if (r == 0)
                r = write_args(&outline->args, ret);
        if (r == 0)
                r = write_names(&outline->secrets, "SECRET", ret);
        return r == 0 ? write_names(&outline->agents, "SSH", ret) : r;
}

static int describe_outline(const struct plan *plan, const struct build_options *options, bool json,
                            struct buf *ret, struct error *err)
{
        const struct instruction *from = plan->stages[plan->target].stage->from;
        const char *name = from->from.name ? from->from.name : "default";
        _cleanup_(outline_done) struct outline outline = {
                .plan = plan, .name = name, .text = instruction_description(from, name)
        };
        int r = outline_gather(&outline, options);

        if (r == 0)
                r = json ? describe_outline_json(&outline, ret, err) : outline_write(&outline, ret);
        return r;
}

int build_describe(struct store *store, const struct build_options *options,
                   enum build_description what, bool json, struct buf *ret, size_t *ret_warnings,
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
                r = describe_check(&plan, options, json, ret, ret_warnings, err);
                break;
        case BUILD_DESCRIBE_OUTLINE:
                r = describe_outline(&plan, options, json, ret, err);
                break;
        case BUILD_DESCRIBE_TARGETS:
                r = json ? describe_targets_json(&plan, ret, err) : describe_targets(&plan, ret);
                break;
        }
        plan_done(&plan);
        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}
