/*
 * Taking steps out of caches that others have shared. What of them is not as it says is passed
 * over, with a warning.
 */
#include "cache_import.h"
#include "worker.h"

#include <errno.h>
#include <string.h>

/* Returns 0, or the error where it is none of the cache's. */
static int pass_over(struct worker *worker, const struct imported_step *step, struct error *failed,
                     struct error *err)
{
        if (failed->code == -ENOMEM) {
                *err = *failed;
                return err->code;
        }
        if (worker->told.len == 0 && worker_tell(worker, "its step in the cache %s is passed over",
                                                 cache_import_name(worker->import, step)) < 0)
                return error_set_oom(err);
        error_wrap(failed, "a step of the cache %s is passed over",
                   cache_import_name(worker->import, step));
        message_send(worker->events_fd, MESSAGE_WARNING, 0, failed->message,
                     strlen(failed->message));
        return 0;
}

int worker_read_shared(struct worker *worker, const struct imported_step *step, struct record *ret,
                       struct error *err)
{
        struct error failed = ERROR_INIT;
        int r = cache_import_read(worker->import, step, ret, &failed);

        return r < 0 ? pass_over(worker, step, &failed, err) : 1;
}

int worker_fetch_shared(struct worker *worker, const struct imported_step *step,
                        struct record *record, struct error *err)
{
        struct transfer_watcher watcher = { worker_show_transfer, worker };
        struct error failed = ERROR_INIT;
        int r = cache_import_fetch(worker->import, step, worker->store, record, &watcher, &failed);

        return r < 0 ? pass_over(worker, step, &failed, err) : 1;
}
