/*
 * What the stages of the helper share: private to the helper.
 *
 * main.c says what each stage is and in which process it runs. A stage returns 0 or a negative
 * errno with `err` set, as everywhere.
 */
#pragma once

#include "wire.h"

#include <stdbool.h>
#include <sys/types.h>

struct helper {
        const struct wire_spec *spec;
        int caller_pidfd; /* readable once the caller is dead; -1 where the kernel has none */
        int settings_fd;  /* the host's /proc/sys, or -1 */
        int network_fd;   /* a socket to the process that the network leads to; -1 for none */
        bool outer_proc;  /* /proc is that of a container around */
        int terminals_fd; /* the sandbox's own /dev/pts, or -1 */
        int terminal_fd;  /* the command's terminal, or -1 */
        uint64_t child;   /* the number of what is executed beside the command; else 0 */

        /* How each source of a bind mount has to be mounted. */
        enum helper_source {
                HELPER_SOURCE_OPENED, /* it is a directory or a file */
                HELPER_SOURCE_CLONED, /* it is a mount that is nowhere yet (tree_clone()) ... */
                HELPER_SOURCE_CLONED_RECURSIVELY, /* ... with others below */
        } sources[SANDBOX_MOUNTS_MAX];
};

/* Where the root stands until it becomes "/". Every system has this directory. What shall be bound
 * may lie below it, or around it, and so is taken before (builder.c). */
#define HELPER_STAGE "/tmp"

static inline bool helper_has_ranges(const struct helper *helper)
{
        return helper->spec->newuidmap != 0;
}

static inline bool helper_has_network_process(const struct helper *helper)
{
        return helper->spec->network != SANDBOX_NETWORK_HOST &&
               helper->spec->network != SANDBOX_NETWORK_NONE;
}

/* Outside of the sandbox; inside of it, interface_make() makes what leads there. */
int network_run(struct helper *helper, struct error *err);
int interface_make(const struct helper *helper, struct error *err);

int mapper_run(struct helper *helper, struct error *err);
int builder_run(struct helper *helper, struct error *err);
int init_run(struct helper *helper, struct error *err);

/*
 * Makes a terminal of the specification's size in the sandbox: `terminal_fd` is the command's end,
 * and the caller gets the other.
 */
int terminal_make(struct helper *helper, struct error *err);

/* Lets it be what the process has as 0, 1 and 2, and controlled by. */
int terminal_take(const struct helper *helper, struct error *err);

/* Commands that are executed beside the first one, by PID 1. */
#define CHILDREN_MAX 128

struct children {
        struct child {
                pid_t pid; /* 0: free */
                uint64_t number;
                struct error *failure; /* memory that is shared with it; owned */
        } items[CHILDREN_MAX];
        int stdio[3]; /* of the next one; -1 where nothing has come */
};

void children_init(struct children *children);

/* Takes a message of the caller with its descriptor. */
void children_obey(struct children *children, const struct helper *helper,
                   const struct wire_message *message, int fd);

/* A process has ended, with this exit status: tells the caller if it is one of them. */
void children_reap(struct children *children, pid_t pid, int status);

/* The last stage. Returns when it failed; `ret_status` is then 0, or 126 and 127 where it is the
 * command that could not be executed (sandbox_wait()). */
int step_run(struct helper *helper, int *ret_status, struct error *err);

/* Runs a stage to its end in this process; an error goes to the caller over the socket. */
_Noreturn void helper_run(struct helper *helper, int (*stage)(struct helper *, struct error *));

/* As fork(), with more flags of clone(2). The child has a copy of this process. */
pid_t helper_clone(unsigned long flags);

/* Closes every descriptor from `first` on. */
void helper_close_from(unsigned int first);
