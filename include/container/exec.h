/*
 * One more command in a container that runs: floor 4.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "container/container.h"

#include <stdbool.h>
#include <stdint.h>

struct exec_request {
        struct strv argv; /* all of it is owned */
        struct strv env;  /* beside the container's */
        char *workdir;    /* NULL: the container's */
        char *user;       /* NULL: the container's */
        bool terminal;
        int64_t rows;
        int64_t columns;
};

#define EXEC_REQUEST_INIT ((struct exec_request){ .workdir = NULL })

void exec_request_done(struct exec_request *request);

/*
 * Asks the container's keeper for it. `stdio` is what the command gets, unless it has a terminal.
 * `ret_fd` is the channel on which CHANNEL_STARTED (with a terminal alone: its other end) and
 * CHANNEL_END are told. -EBUSY: the container does not run.
 */
int exec_begin(struct container *container, const struct exec_request *request,
               const int stdio[static 3], int *ret_fd, struct error *err);
