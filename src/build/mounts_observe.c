/*
 * What a RUN reads through its bind mounts: each has a tree of its own, and so a trace of its own.
 */
#include "run_mounts.h"

#include <errno.h>
#include <stdlib.h>

int run_mounts_trace(struct run_mounts *mounts, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < mounts->bind_count && r == 0; i++) {
                struct run_bind *bind = &mounts->binds[i];

                r = trace_new(&bind->trace, err);
                for (size_t j = 0; j < mounts->count && r == 0; j++)
                        if (mounts->items[j].tree == bind->tree)
                                mounts->items[j].trace = bind->trace;
        }
        return r;
}

/* What a step has changed of a mount is gone with it: there is no tree any more that is as it was.
 */
static bool are_known(const struct run_mounts *mounts)
{
        for (size_t i = 0; i < mounts->bind_count; i++)
                if (!mounts->binds[i].trace || trace_has_changes(mounts->binds[i].trace))
                        return false;
        return true;
}

int run_mounts_observed(const struct run_mounts *mounts, struct observed_mounts *ret,
                        struct error *err)
{
        struct observed_mounts observed = { .fixed = mounts->fixed };
        int r = 0;

        observed.items = calloc(mounts->bind_count + 1, sizeof(struct observations *));
        if (!observed.items)
                return error_set_oom(err);
        if (!are_known(mounts)) {
                *ret = observed;
                return 0;
        }
        while (observed.count < mounts->bind_count && r == 0) {
                const struct run_bind *bind = &mounts->binds[observed.count];
                struct error why = ERROR_INIT;

                r = trace_evaluate(bind->trace, bind->tree, NULL, &observed.items[observed.count],
                                   &why);
                observed.count += r == 0;
                if (r < 0 && r != -EOPNOTSUPP)
                        *err = why;
        }
        /* All of them, or none. */
        if (r < 0)
                observed_mounts_done(&observed);
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        *ret = observed;
        return 0;
}

int run_mounts_check(const struct run_mounts *mounts, const struct observed_mounts *observed,
                     size_t differences_max, struct buf *ret_differences, struct error *err)
{
        int r = 1;

        if (observed->count != mounts->bind_count ||
            !digest_equal(&observed->fixed, &mounts->fixed))
                return buf_append_str(ret_differences, "other files are mounted") < 0
                               ? error_set_oom(err)
                               : 0;
        for (size_t i = 0; i < mounts->bind_count && r > 0; i++) {
                struct buf difference = BUF_INIT;

                r = observations_check(observed->items[i], mounts->binds[i].tree, differences_max,
                                       &difference, err);
                if (r == 0 && buf_appendf(ret_differences, "mounted on %s: %s",
                                          mounts->binds[i].target, buf_str(&difference)) < 0)
                        r = error_set_oom(err);
                buf_done(&difference);
        }
        return r;
}
