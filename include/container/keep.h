/*
 * Running a container: floor 4.
 *
 * The process that calls this is the container's keeper for as long as it runs.
 */
#pragma once

#include "build/execute.h"
#include "container/container.h"

struct keep_options {
        const struct sandbox_host *host;
        bool copied; /* as execute_choose_files() has it */
        const struct network_options *network;
        const struct execution_bounds *bounds;
        int stdio[3];     /* what the command gets; -1: what the spec says (nothing to read, or an
                           * input that clients write), and outputs that are logged */
        int local_fds[2]; /* where logged output goes besides, or -1 */
        int client_fd;    /* who is attached from the beginning, or -1; owned */
        uint16_t rows;    /* of the terminal */
        uint16_t columns;

        /* Told once it runs, and with NULL before it is taken down; and what a person should know.
         */
        void (*started)(void *context, struct execution_live *live);
        void (*notice)(void *context, const char *text);
        void *context;
};

/*
 * Runs it to its end, as execute(), seals what it has changed, or removes it where that was asked
 * for, and writes its state. `lock` is the container's, which is released before clients are told
 * of the end. `ret_status` is untouched where not even an attempt was made.
 */
int container_keep(struct store *store, struct container *container, struct store_lock *lock,
                   const struct keep_options *options, int *ret_status, struct error *err);
