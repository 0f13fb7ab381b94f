/*
 * What could be better about a Dockerfile and the options of a build. Private to src/build/.
 */
#pragma once

#include "plan.h"

/*
 * Tells it as events of type BUILD_WARNING: the rules of dockerfile/lint.h for the stages that are
 * built, or for `all`, and build arguments that nobody asks for. Returns 0, -ENOMEM, or -EINVAL
 * where the file wants to fail for a rule ("check=error=true").
 */
int advice_tell(struct plan *plan, const struct build_options *options, bool all,
                struct error *err);
