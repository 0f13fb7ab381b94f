/*
 * Ending containers, and waiting for their end: floor 4.
 */
#pragma once

#include "base/error.h"
#include "container/container.h"

/* Sends a signal to its command. -ESRCH: it does not run. */
int container_signal(struct container *container, int number, struct error *err);

/*
 * Waits until it is over, at most `timeout_ms` (-1: for ever). Returns 0 with its status, and its
 * state read anew if it is still there; -ETIMEDOUT, with no error.
 */
int container_wait(struct store *store, struct container *container, int timeout_ms,
                   int *ret_status, struct error *err);

/* Ends it: by its stop signal (`number` 0) or this one, and after `timeout_s` (-1: never) by
 * SIGKILL. That it does not run is no error. */
int container_stop(struct store *store, struct container *container, int number, int64_t timeout_s,
                   struct error *err);

/* Kills it at once; and its keeper, where that does not listen. */
int container_kill(struct store *store, struct container *container, struct error *err);
