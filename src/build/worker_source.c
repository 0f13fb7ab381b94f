#include "worker_source.h"

#include <errno.h>

int worker_find_source(const struct worker *worker, const char *from, bool numbers,
                       const struct copy_source **ret_files, struct layers *ret_layers,
                       struct error *err)
{
        const struct plan *plan = worker->plan;
        struct plan_source source;

        *ret_files = NULL;
        *ret_layers = (struct layers){ .items = NULL };
        if (!from) {
                *ret_files = &plan->context.source;
                return 0;
        }
        /* The plan has found it before anything was begun. */
        if (!plan_find_source(plan, worker->stage, from, numbers, &source))
                return error_set(err, -ENOENT, "there is no stage and no image %s", from);
        switch (source.kind) {
        case PLAN_SOURCE_CONTEXT:
                *ret_files = &plan->contexts[source.index].context.source;
                return 0;
        case PLAN_SOURCE_IMAGE:
                return plan_image_layers(plan, source.index, ret_layers, err);
        case PLAN_SOURCE_STAGE:
                break;
        }
        if (layers_copy(&worker->results[source.index].layers, ret_layers) < 0)
                return error_set_oom(err);
        return 0;
}
