/*
 * The rules that ask for values. Private to src/build/.
 */
#pragma once

#include "plan.h"

/* What a stage's variables are by its end. */
struct advice_state {
        struct strv env;
        struct strv args;
        struct strv declared; /* names of its ARGs */
        struct lint_stage_state lint;
};

void advice_state_done(struct advice_state *state);

/* UndefinedVar, WorkdirRelativePath, ExposeProtoCasing, ExposeInvalidFormat, CopyIgnoredFile and
 * InvalidBaseImagePlatform, of one stage; `states` has one for each stage of the plan, the
 * earlier ones filled. Returns 0 or -ENOMEM. */
int advice_values(struct plan *plan, const struct build_options *options,
                  const struct plan_stage *stage, struct advice_state *states);

/* WorkdirRelativePath of a stage that is not needed; as advice_values() else. */
int advice_workdirs(struct plan *plan, const struct plan_stage *stage, struct advice_state *states);
