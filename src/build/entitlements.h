/*
 * What a Dockerfile may ask for only where the command line allows it. Private to src/build/.
 */
#pragma once

#include "plan.h"

/*
 * Looks at each step that will be carried out before any is. -EPERM, with the instruction named in
 * `err` and shown in `ret_fault`; -EINVAL for something in `options->allowed` that does not exist.
 */
int entitlements_check(const struct plan *plan, const struct build_options *options,
                       struct build_fault *ret_fault, struct error *err);
