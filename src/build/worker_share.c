/*
 * Taking steps out of caches that others have shared. What of them is not as it says is passed
 * over, with a warning.
 */
#include "cache_import.h"
#include "worker.h"

#include <errno.h>
#include <string.h>

static void warn(const struct worker *worker, const struct error *failed)
{
        message_send(worker->events_fd, MESSAGE_WARNING, 0, failed->message,
                     strlen(failed->message));
}

/* Tells why a step was not taken, unless there is a reason already. */
static int tell(struct worker *worker, const struct imported_step *step, const char *what,
                struct error *err)
{
        if (worker->told.len > 0)
                return 0;
        return worker_tell(worker, "its step in the cache %s %s",
                           cache_import_name(worker->import, step), what) < 0
                       ? error_set_oom(err)
                       : 0;
}

/* Returns 0, or the error where it is none of the cache's. */
static int pass_over(struct worker *worker, const struct imported_step *step, struct error *failed,
                     struct error *err)
{
        if (failed->code == -ENOMEM) {
                *err = *failed;
                return err->code;
        }
        error_wrap(failed, "a step of the cache %s is passed over",
                   cache_import_name(worker->import, step));
        warn(worker, failed);
        return tell(worker, step, "is passed over", err);
}

/* Whether it is the cache's way of being reached that has failed, and not one of its blobs. */
static bool is_lost(int code)
{
        return code != -EBADMSG && code != -ENOENT && code != -ENOMEM;
}

static int lose(struct worker *worker, const struct imported_step *step, struct error *failed,
                struct error *err)
{
        error_wrap(failed, "nothing more is taken from the cache %s",
                   cache_import_name(worker->import, step));
        if (cache_import_lose(worker->import, step))
                warn(worker, failed);
        return tell(worker, step, "could not be fetched", err);
}

int worker_read_shared(struct worker *worker, const struct imported_step *step, struct record *ret,
                       struct error *err)
{
        struct error failed = ERROR_INIT;
        int r;

        if (cache_import_is_lost(worker->import, step))
                return tell(worker, step, "could not be fetched", err);
        r = cache_import_read(worker->import, step, ret, &failed);
        return r < 0 ? pass_over(worker, step, &failed, err) : 1;
}

int worker_fetch_shared(struct worker *worker, const struct imported_step *step,
                        struct record *record, struct error *err)
{
        struct transfer_watcher watcher = { worker_show_transfer, worker };
        struct error failed = ERROR_INIT;
        int r = cache_import_fetch(worker->import, step, worker->store, record, &watcher, &failed);

        if (r == 0)
                return 1;
        return is_lost(r) ? lose(worker, step, &failed, err)
                          : pass_over(worker, step, &failed, err);
}
