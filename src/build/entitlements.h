/*
 * What a Dockerfile may ask for only where the command line allows it. Private to src/build/.
 */
#pragma once

#include "plan.h"

/*
 * Looks at each step that will be carried out before any is. `allowed` is what --allow gives, or
 * NULL. -EPERM, with the instruction named in `err` and shown in `ret_fault`; -EINVAL for something
 * in `allowed` that does not exist.
 */
int entitlements_check(const struct plan *plan, const struct strv *allowed,
                       struct build_fault *ret_fault, struct error *err);
