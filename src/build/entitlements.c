#include "entitlements.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

#define INSECURE "security.insecure"

/* What an instruction asks for; NULL: nothing. */
static const char *wanted_by(const struct instruction *instruction, const char **ret_flag)
{
        if (instruction->type != INSTRUCTION_RUN)
                return NULL;
        if (instruction->run.security == RUN_SECURITY_INSECURE) {
                *ret_flag = "--security=insecure";
                return INSECURE;
        }
        return NULL;
}

static int check_step(const struct plan *plan, const struct instruction *instruction,
                      const struct strv *allowed, struct build_fault *ret_fault, struct error *err)
{
        struct source_position nowhere = { .line = 0 };
        const char *flag, *wanted = wanted_by(instruction, &flag);

        if (!wanted || (allowed && strv_contains(allowed, wanted)))
                return 0;
        error_set(err, -EPERM, "RUN %s was not allowed", flag);
        error_hint(err, "If you trust this Dockerfile that far: varve build --allow %s", wanted);
        return plan_blame(plan, instruction, nowhere, ret_fault, err);
}

int entitlements_check(const struct plan *plan, const struct strv *allowed,
                       struct build_fault *ret_fault, struct error *err)
{
        static const char *const known[] = { INSECURE };
        int r = 0;

        for (size_t i = 0; allowed && i < allowed->count; i++) {
                bool found = false;

                for (size_t j = 0; j < ARRAY_SIZE(known); j++)
                        found |= strcmp(allowed->items[i], known[j]) == 0;
                if (!found) {
                        error_set(err, -EINVAL, "--allow %s: there is no such entitlement",
                                  allowed->items[i]);
                        return error_hint(err, "There is " INSECURE ".");
                }
        }
        for (size_t i = 0; i <= plan->target; i++) {
                const struct plan_stage *stage = &plan->stages[i];

                for (size_t j = 0; stage->needed && j < stage->step_count && r == 0; j++)
                        r = check_step(plan, stage->steps[j].instruction, allowed, ret_fault, err);
        }
        return r;
}
