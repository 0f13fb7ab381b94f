/*
 * Running a container, for the commands that do. Private to src/cli/.
 */
#pragma once

#include "cli.h"
#include "container/container.h"
#include "terminal.h"

struct launch {
        bool attach; /* else only until it runs */
        bool input;  /* the caller's input is the command's */
        struct detach_keys keys;
};

/*
 * Runs it in this process, with the caller's streams, and passes signals on to it: for a container
 * that has no terminal. `ret_status` is untouched where not even an attempt was made.
 */
int launch_here(struct store *store, struct container *container, int *ret_status,
                struct error *err);

/*
 * Runs it in a process of its own, which outlives this one and leaves its terminal. Returns when
 * the container runs, or with `attach` when it is over: 0 with its status; -ECANCELED, with no
 * error, when the keys to detach were pressed; or an error. `ret_status` is as above.
 */
int launch_apart(struct store *store, struct container *container, const struct launch *launch,
                 int *ret_status, struct error *err);

/* Passes a signal on to a container. */
void launch_pass_signal(void *container, int number);

/* Whether files that are not in a tree have their owners in the container: with subordinate ids. */
int launch_has_owners(const struct container_spec *spec, bool *ret, struct error *err);

/* Whether all that the spec says as text can be understood here. */
int launch_check(const struct container_spec *spec, struct error *err);
