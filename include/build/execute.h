/*
 * One command in a union tree: floor 3. RUN steps and containers are this.
 *
 * The tree is mounted for the command alone, served while it runs, and unmounted when its last
 * process is gone. What the command has changed is then in the tree.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "fs/tree.h"
#include "sandbox/sandbox.h"

#include <stdbool.h>

#define EXECUTE_SCRIPT_PATH "/.varve-script"

struct execution {
        struct tree *tree;
        const struct sandbox_host *host;
        const struct strv *argv;
        const struct strv *env; /* PATH and HOME are added where they are missing */
        const char *workdir;    /* "" or NULL is "/" */
        const char *user;       /* as an image config has it; "" or NULL is root */
        const char *hostname;
        const struct strv *add_hosts; /* lines for /etc/hosts, or NULL */
        enum sandbox_network network;
        int stdio[3];       /* what the command has as 0, 1, 2 */
        const char *script; /* an executable file that stands at EXECUTE_SCRIPT_PATH, or NULL */

        /* Told once the command is about to run, so that signals can be passed on to it, and again
         * with NULL before the sandbox goes away; or NULL. */
        void (*started)(void *context, struct sandbox *sandbox);
        void *context;
};

/*
 * Runs it. `ret_status` is as sandbox_wait() has it, also where the command cannot be executed.
 * Returns 0; the errors of user_find() for the user, those of the sandbox for what the host does
 * not allow and for the command.
 */
int execute(const struct execution *execution, int *ret_status, struct error *err);
