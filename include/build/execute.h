/*
 * One command in a union tree: floor 3. RUN steps and containers are this.
 *
 * The tree is mounted for the command alone, served while it runs, and unmounted when its last
 * process is gone. What the command has changed is then in the tree. Where there is no /dev/fuse,
 * it is laid out in a directory and taken back afterwards.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "build/network.h"
#include "fs/trace.h"
#include "fs/tree.h"
#include "sandbox/sandbox.h"

#include <stdbool.h>

#define EXECUTE_SCRIPT_PATH "/.varve-script"
#define EXECUTE_NOTICE_MAX  256

/* How a command comes by its files. */
enum execution_files {
        EXECUTION_FILES_AUTO, /* FUSE where /dev/fuse can be opened */
        EXECUTION_FILES_FUSE,
        EXECUTION_FILES_COPY, /* in a directory beside the spool, for a command with one uid */
};

/* What a command may use and do, where that is not what every command may. */
struct execution_bounds {
        struct sandbox_limit limits[SANDBOX_LIMITS_MAX];
        size_t limit_count;
        uint64_t shm_size_bytes; /* 0 is Docker's 64 MiB */
        bool limits_usage;       /* `cgroup` is to be used */
        struct sandbox_cgroup cgroup;
        int timeout_ms; /* 0: none */
        bool no_new_privileges;
        bool unfiltered; /* all system calls, but no more capabilities */
};

/* Something mounted into the tree while the command runs. */
struct execution_mount {
        struct sandbox_mount mount; /* its target may lead over symlinks of the tree; what is not
                                       there is seen by the command and is in no layer */
        struct tree *tree;          /* FUSE: what is served; nobody else uses it meanwhile */
        struct trace *trace;        /* FUSE: notes what the command observes of it, or NULL */
};

/* A command that runs. */
struct execution_live;

struct execution {
        struct tree *tree;
        bool copied;    /* as execute_choose_files() says; the host's users are then SINGLE */
        bool keeps_all; /* what a command has changed that fails or is killed counts, too */
        bool discarded; /* nobody will ask the tree what the command has changed */
        const struct sandbox_host *host;
        const struct strv *argv;
        const struct strv *env; /* PATH and HOME are added where they are missing */
        const char *workdir;    /* "" or NULL is "/" */
        const char *user;       /* as an image config has it; "" or NULL is root */
        const char *hostname;
        const struct network_options *network;
        const struct execution_bounds *bounds; /* or NULL */
        bool insecure; /* all calls, all capabilities of the user namespace, nothing masked */
        int stdio[3];  /* what the command has as 0, 1, 2 */
        bool terminal; /* it gets a terminal instead: execution_take_terminal() */
        uint16_t rows; /* of the terminal; 0 is unknown */
        uint16_t columns;
        bool executes;             /* execution_begin() may be called */
        bool read_only;            /* the root, but for what is mounted */
        uint64_t add_capabilities; /* bits, beside the usual ones, and less of them */
        uint64_t drop_capabilities;
        const struct sandbox_port *ports; /* of the host that lead into the private network */
        size_t port_count;
        const struct execution_mount *mounts; /* done in this order */
        size_t mount_count;
        struct trace *trace; /* notes what the command observes, or NULL */
        const char *script;  /* an executable file that stands at EXECUTE_SCRIPT_PATH, or NULL */

        /* Told once the command is about to run, and again with NULL before it is taken down, both
         * on the caller's thread: in between others may signal it and begin more; or NULL. */
        void (*started)(void *context, struct execution_live *live);

        /* Told of what execution_begin() has begun, on the caller's thread: of its terminal and its
         * end; or NULL. */
        void (*child)(void *context, const struct sandbox_child_event *event);

        /* Called now and then while the command runs; an error, which execute() returns, ends it;
         * or NULL. */
        int (*meanwhile)(void *context, struct error *err);

        /* Told what a person should know of: a line of text; or NULL. */
        void (*notice)(void *context, const char *text);
        void *context;
};

/* As sandbox_signal() and sandbox_kill(). From any thread. */
void execution_signal(struct execution_live *live, int signal_number);
void execution_kill(struct execution_live *live);

/* As sandbox_take_terminal_fd(). */
int execution_take_terminal(struct execution_live *live);

/* One more command beside the one that runs. */
struct execution_child {
        const struct strv *argv;
        const struct strv *env; /* beside the execution's */
        const char *workdir;    /* NULL or "": the execution's */
        const char *user;       /* NULL or "": the execution's */
        int stdio[3];
        bool terminal;
        uint16_t rows;
        uint16_t columns;
};

/* Begins it; `number`, not 0, is for the events. From any thread. Errors of user_find() and
 * sandbox_execute(). */
int execution_begin(struct execution_live *live, const struct execution_child *child,
                    uint32_t number, struct error *err);

/*
 * Settles whether files are to be copied. Where they are, `users` becomes SINGLE, and `ret_notice`
 * a line that a person should know of; else it is empty. -EOPNOTSUPP: they would have to be, and
 * RANGES was asked for.
 */
int execute_choose_files(enum execution_files files, enum sandbox_users *users, bool *ret_copied,
                         char ret_notice[static EXECUTE_NOTICE_MAX], struct error *err);

/*
 * Runs it. `ret_status` is as sandbox_wait() has it, also where the command cannot be executed.
 * Returns 0; the errors of user_find() for the user, those of the sandbox for what the host does
 * not allow and for the command; -ETIMEDOUT when the command was ended because it took too long,
 * and -ENOMEM when it was because its cgroup's memory ran out, with `ret_status` 137.
 */
int execute(const struct execution *execution, int *ret_status, struct error *err);
