/*
 * What a plan's stages begin with, copy from and mount: images, stages and contexts with names.
 */
#include "plan.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "copy.h"
#include "dockerfile/mode.h"
#include "dockerfile/value.h"
#include "remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- images ---- */

/* What a registry has to say while the plan is made. */
static void pass_notice(void *context, const struct transfer_event *event)
{
        const struct build_options *options = context;
        struct build_event warning = { .type = BUILD_WARNING, .text = event->text };

        if (event->state == TRANSFER_NOTICE && options->event)
                options->event(options->event_context, &warning);
}

/* The image of that name for a platform, or the number of images. */
static size_t find_image(const struct plan *plan, const char *name, const struct platform *platform)
{
        _cleanup_free_ char *wanted = platform_format(platform);
        size_t i = 0;

        while (i < plan->image_count && (strcmp(plan->images[i].name, name) != 0 || !wanted ||
                                         strcmp(plan->images[i].platform, wanted) != 0))
                i++;
        return i;
}

int plan_add_stored(struct plan *plan, const char *name, const struct platform *platform,
                    struct stored_image *image, size_t *ret, struct error *err)
{
        struct plan_image *images =
                reallocarray(plan->images, plan->image_count + 1, sizeof(*images));
        char *copy = strdup(name), *wanted = platform_format(platform);

        if (images)
                plan->images = images;
        if (!images || !copy || !wanted) {
                free(copy);
                free(wanted);
                stored_image_done(image);
                return error_set_oom(err);
        }
        *ret = plan->image_count++;
        images[*ret] = (struct plan_image){ .name = copy, .platform = wanted, .image = *image };
        return 0;
}

/* What stands under a name in the store may be for another platform than was asked for. */
static int check_image(const struct plan *plan, const char *name, const struct platform *platform,
                       struct stored_image *image, struct error *err)
{
        _cleanup_free_ char *wanted = platform_format(platform);
        _cleanup_free_ char *found = platform_format(&image->config.platform);

        if (platform_rank(&plan->host, platform) == 0 ||
            platform_rank(platform, &image->config.platform) >= 0)
                return 0;
        stored_image_done(image);
        if (!wanted || !found)
                return error_set_oom(err);
        error_set(err, -ENOENT, "%s in the store is for %s, not for %s", name, found, wanted);
        return error_hint(err, "Take it in anew: varve pull --platform %s %s", wanted, name);
}

int plan_add_image(struct store *store, struct plan *plan, const char *name,
                   const struct platform *platform, size_t *ret, struct error *err)
{
        struct pull_options pull = { .policy = plan->options->pull,
                                     .without_layers = true,
                                     .platform = platform,
                                     .keep_index = true,
                                     .any_platform = platform_rank(&plan->host, platform) == 0,
                                     .watcher = { pass_notice, (void *)(uintptr_t)plan->options } };
        struct stored_image image = STORED_IMAGE_INIT;
        int r;

        *ret = find_image(plan, name, platform);
        if (*ret < plan->image_count)
                return 0;
        r = image_pull(store, name, &pull, &image, err);
        if (r == -ENOENT)
                return error_hint(err,
                                  pull.policy == PULL_NEVER
                                          ? "Bring it in with `varve pull`, `load` or `import`."
                                          : "Bring it in with `varve load` or `import`.");
        if (r == 0)
                r = check_image(plan, name, platform, &image, err);
        return r < 0 ? r : plan_add_stored(plan, name, platform, &image, ret, err);
}

bool plan_find_source(const struct plan *plan, const struct plan_stage *stage, const char *name,
                      bool numbers, struct plan_source *ret)
{
        const struct plan_context *context = plan_find_context(plan, name);
        const struct stage *found =
                numbers ? dockerfile_find_stage_or_number(plan->file, name, stage->index)
                        : dockerfile_find_stage(plan->file, name, stage->index);

        if (context && context->resolved)
                *ret = (struct plan_source){ context->kind,
                                             context->kind == PLAN_SOURCE_IMAGE
                                                     ? context->image
                                                     : (size_t)(context - plan->contexts) };
        else if (context)
                return false;
        else if (found)
                *ret = (struct plan_source){ PLAN_SOURCE_STAGE,
                                             dockerfile_stage_index(plan->file, found) };
        else
                *ret = (struct plan_source){ PLAN_SOURCE_IMAGE,
                                             find_image(plan, name, &plan->platform) };
        return ret->kind != PLAN_SOURCE_IMAGE || ret->index < plan->image_count;
}

int plan_image_layers(const struct plan *plan, size_t image, struct layers *ret, struct error *err)
{
        const struct stored_image *stored = &plan->images[image].image;

        return layers_of_image(&stored->parsed, &stored->config, ret, err);
}

/* ---- of a stage ---- */

int plan_resolve_context(struct store *store, struct plan *plan, const char *name,
                         struct plan_context **ret, struct error *err)
{
        struct plan_context *context = plan_find_context(plan, name);
        int r = 0;

        *ret = context;
        if (context && !context->resolved) {
                r = plan_get_context(store, plan, context, err);
                if (r < 0)
                        error_wrap(err, "--build-context %s", context->name);
        }
        return r;
}

/* Finds out what a name that an instruction of a stage takes files from means. */
static int resolve_source(struct store *store, struct plan *plan, struct plan_stage *stage,
                          const struct instruction *instruction, const char *name, bool numbers,
                          struct build_fault *ret_fault, struct error *err)
{
        struct plan_context *context;
        const char *own = stage->stage->from->from.name;
        struct plan_source source;
        uint64_t number;
        size_t index;
        int r = plan_resolve_context(store, plan, name, &context, err);

        if (r == 0 && plan_find_source(plan, stage, name, numbers, &source)) {
                if (source.kind == PLAN_SOURCE_STAGE)
                        stage->needs[source.index] = true;
                return 0;
        }
        if (r == 0 && strcmp(name, "scratch") == 0)
                r = error_set(err, -EINVAL, "--from=scratch has no files");
        /* What is no stage before this one, and can be no image's name or only by mistake. */
        if (r == 0 && numbers && value_parse_number(name, 10, SIZE_MAX, &number) == 0)
                r = error_set(err, -EINVAL, "--from=%s: there is no stage of this number before it",
                              name);
        if (r == 0 && own && strcasecmp(own, name) == 0)
                r = error_set(err, -EINVAL, "--from=%s is this stage itself", name);
        if (r == 0 && plan_add_image(store, plan, name, &plan->platform, &index, err) < 0)
                r = error_wrap(err, "--from=%s is no earlier stage and no image", name);
        return r < 0 ? plan_blame(plan, instruction, instruction_locate(instruction, name),
                                  ret_fault, err)
                     : 0;
}

int plan_resolve_sources(struct store *store, struct plan *plan, struct plan_stage *stage,
                         struct build_fault *ret_fault, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < stage->step_count && r == 0; i++) {
                const struct instruction *instruction = stage->steps[i].instruction;
                const struct instruction_run *run = &instruction->run;

                if (instruction->type == INSTRUCTION_COPY && instruction->copy.from)
                        r = resolve_source(store, plan, stage, instruction, instruction->copy.from,
                                           true, ret_fault, err);
                for (size_t j = 0; instruction->type == INSTRUCTION_RUN && j < run->mount_count;
                     j++)
                        if (r == 0 && run->mounts[j].from && *run->mounts[j].from)
                                r = resolve_source(store, plan, stage, instruction,
                                                   run->mounts[j].from, false, ret_fault, err);
        }
        return r;
}

bool plan_is_plain(const char *text)
{
        return text && !strpbrk(text, "$\\`'\"");
}

static bool are_plain(const struct words *words)
{
        for (size_t i = 0; i < words->count; i++)
                if (!plan_is_plain(words->items[i]))
                        return false;
        return true;
}

static int check_ports(const struct words *words, const char **ret_word, struct error *err)
{
        struct port_range range;
        int r = 0;

        for (size_t i = 0; i < words->count && r == 0; i++) {
                *ret_word = words->items[i];
                if (plan_is_plain(*ret_word))
                        r = value_parse_port(*ret_word, &range, err);
        }
        return r;
}

/* The root, however it is written; what hangs on WORKDIR is told when that is known. */
static int check_mounts(const struct instruction_run *run, struct error *err)
{
        for (size_t i = 0; i < run->mount_count; i++) {
                const char *target = run->mounts[i].target;
                _cleanup_free_ char *clean = NULL;

                if (!plan_is_plain(target) || *target != '/')
                        continue;
                clean = path_clean(target);
                if (!clean)
                        return error_set_oom(err);
                if (strcmp(clean, "/") == 0)
                        return error_set(err, -EINVAL,
                                         "nothing can be mounted on the root directory");
        }
        return 0;
}

/* What is wrong whatever the variables are is told before anything is done. `ret_word` is where. */
static int check_step(const struct instruction *instruction, const char **ret_word,
                      struct error *err)
{
        struct mode_change mode;
        int signal;

        if (instruction->type == INSTRUCTION_ADD || instruction->type == INSTRUCTION_COPY) {
                if (remote_check(instruction, false, err) < 0)
                        return err->code;
                *ret_word = instruction->copy.destination;
                if (plan_is_plain(*ret_word) && are_plain(&instruction->copy.sources) &&
                    copy_check_parts(&instruction->copy, err) < 0)
                        return err->code;
                *ret_word = instruction->copy.chmod;
                return plan_is_plain(*ret_word) && **ret_word ? mode_parse(*ret_word, &mode, err)
                                                              : 0;
        }
        if (instruction->type == INSTRUCTION_EXPOSE)
                return check_ports(&instruction->words, ret_word, err);
        if (instruction->type == INSTRUCTION_STOPSIGNAL) {
                *ret_word = instruction->value;
                if (!plan_is_plain(*ret_word) || value_parse_signal(*ret_word, &signal) == 0)
                        return 0;
                return error_set(err, -EINVAL, "\"%.200s\" is no signal", *ret_word);
        }
        if (instruction->type == INSTRUCTION_RUN && check_mounts(&instruction->run, err) < 0)
                return err->code;
        if (instruction->type != INSTRUCTION_RUN || instruction->run.device_count == 0)
                return 0;
        error_set(err, -EOPNOTSUPP, "RUN --device is not supported");
        return error_hint(err, "Build this image without it.");
}

int plan_check_steps(const struct plan *plan, const struct plan_stage *stage,
                     struct build_fault *ret_fault, struct error *err)
{
        for (size_t i = 0; i < stage->step_count; i++) {
                const struct instruction *instruction = stage->steps[i].instruction;
                struct source_position where = { .line = 0 };
                const char *word = NULL;

                if (check_step(instruction, &word, err) == 0)
                        continue;
                if (word)
                        where = instruction_locate(instruction, word);
                return plan_blame(plan, instruction, where, ret_fault, err);
        }
        return 0;
}
