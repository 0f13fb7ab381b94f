/*
 * Where a step takes files from. Private to src/build/.
 */
#pragma once

#include "copy_source.h"
#include "worker.h"

/*
 * What `from` stands for (NULL: the build's context), as plan_find_source(): files of a context in
 * `ret_files`, borrowed; or, where that becomes NULL, the layers of a stage or an image, which the
 * caller owns.
 */
int worker_find_source(const struct worker *worker, const char *from, bool numbers,
                       const struct copy_source **ret_files, struct layers *ret_layers,
                       struct error *err);
