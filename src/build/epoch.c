/*
 * SOURCE_DATE_EPOCH: which times an image may have.
 */
#include "build/build.h"
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 9999-12-31T23:59:59Z, the last second that RFC 3339 has. */
#define EPOCH_MAX 253402300799

#define EPOCH_ARG "SOURCE_DATE_EPOCH"

int build_parse_epoch(const char *what, const char *text, struct timespec *ret, struct error *err)
{
        char *end;
        long long seconds;

        errno = 0;
        seconds = strtoll(text, &end, 10);
        if (end == text || *end || errno != 0 || seconds < 0 || seconds > EPOCH_MAX) {
                error_set(err, -EINVAL, "%s is no time: %s", what, text);
                return error_hint(err, "It is a number of seconds since 1970, such as that of "
                                       "`git log -1 --pretty=%%ct`.");
        }
        *ret = (struct timespec){ .tv_sec = (time_t)seconds };
        return 0;
}

/* The ARG before the first FROM that has set it last. */
static const struct instruction *find_arg(const struct plan *plan)
{
        const struct instruction *found = NULL;

        for (size_t i = 0; i < plan->file->global_count; i++) {
                const struct instruction *instruction = &plan->file->instructions[i];

                for (size_t j = 0; j < instruction->pairs.count; j++)
                        if (strcmp(instruction->pairs.items[j].key, EPOCH_ARG) == 0)
                                found = instruction;
        }
        return found;
}

/* The time of the context, or none, is the argument's value from here on. */
static int take_from_context(struct plan *plan)
{
        const struct copy_source *source = &plan->context.source;
        char text[32];

        if (!source->is_dated) {
                strv_env_unset(&plan->globals, EPOCH_ARG);
                return 0;
        }
        plan->has_epoch = true;
        plan->epoch = (struct timespec){ .tv_sec = source->date.tv_sec };
        snprintf(text, sizeof(text), "%lld", (long long)source->date.tv_sec);
        return strv_env_set(&plan->globals, EPOCH_ARG, text);
}

int plan_find_epoch(struct plan *plan, struct build_fault *ret_fault, struct error *err)
{
        const struct source_position nowhere = { .line = 0 };
        const struct strv *args = plan->options->args;
        const char *text = strv_env_get(&plan->globals, EPOCH_ARG);
        int r;

        /* What is given, be it nothing, was dealt with by whoever has given it. */
        if (plan->options->clamps_times || (args && strv_env_get(args, EPOCH_ARG)) || !text ||
            !*text)
                return 0;
        if (strcmp(text, "context") == 0)
                return take_from_context(plan) < 0 ? error_set_oom(err) : 0;
        if (plan_find_context(plan, text) ||
            dockerfile_find_stage(plan->file, text, plan->stage_count))
                r = error_set(err, -EOPNOTSUPP,
                              EPOCH_ARG "=%s: the time of another source than the context is not "
                                        "supported",
                              text);
        else
                r = build_parse_epoch(EPOCH_ARG, text, &plan->epoch, err);
        if (r < 0)
                return plan_blame(plan, find_arg(plan), nowhere, ret_fault, err);
        plan->has_epoch = true;
        return 0;
}
