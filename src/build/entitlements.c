#include "entitlements.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

#define INSECURE     "security.insecure"
#define NETWORK_HOST "network.host"

static bool wants_insecure(const struct instruction_run *run)
{
        return run->security == RUN_SECURITY_INSECURE;
}

static bool wants_host_network(const struct instruction_run *run)
{
        return run->network == RUN_NETWORK_HOST;
}

static const struct {
        const char *name;
        const char *flag;
        bool (*is_wanted)(const struct instruction_run *run);
} entitlements[] = {
        { NETWORK_HOST, "--network=host", wants_host_network },
        { INSECURE, "--security=insecure", wants_insecure },
};

/* What every step has by the command line is not refused to one. */
static bool is_allowed(const struct build_options *options, const char *name)
{
        if (strcmp(name, NETWORK_HOST) == 0 && options->network.mode == SANDBOX_NETWORK_HOST)
                return true;
        return options->allowed && strv_contains(options->allowed, name);
}

static int check_step(const struct plan *plan, const struct instruction *instruction,
                      const struct build_options *options, struct build_fault *ret_fault,
                      struct error *err)
{
        struct source_position nowhere = { .line = 0 };

        if (instruction->type != INSTRUCTION_RUN)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(entitlements); i++) {
                const char *name = entitlements[i].name;

                if (!entitlements[i].is_wanted(&instruction->run) || is_allowed(options, name))
                        continue;
                error_set(err, -EPERM, "RUN %s was not allowed", entitlements[i].flag);
                error_hint(err, "If you trust this Dockerfile that far: varve build --allow %s",
                           name);
                return plan_blame(plan, instruction, nowhere, ret_fault, err);
        }
        return 0;
}

int entitlements_check(const struct plan *plan, const struct build_options *options,
                       struct build_fault *ret_fault, struct error *err)
{
        const struct strv *allowed = options->allowed;
        int r = 0;

        for (size_t i = 0; allowed && i < allowed->count; i++) {
                bool found = false;

                for (size_t j = 0; j < ARRAY_SIZE(entitlements); j++)
                        found |= strcmp(allowed->items[i], entitlements[j].name) == 0;
                if (!found) {
                        error_set(err, -EINVAL, "--allow %s: there is no such entitlement",
                                  allowed->items[i]);
                        return error_hint(err, "There are " NETWORK_HOST " and " INSECURE ".");
                }
        }
        for (size_t i = 0; i <= plan->target; i++) {
                const struct plan_stage *stage = &plan->stages[i];

                for (size_t j = 0; stage->needed && j < stage->step_count && r == 0; j++)
                        r = check_step(plan, stage->steps[j].instruction, options, ret_fault, err);
        }
        return r;
}
