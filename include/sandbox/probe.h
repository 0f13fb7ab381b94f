/*
 * What this host offers to a sandbox, for `varve doctor`: floor 2.
 *
 * Nothing is guessed from versions where it can be tried: a command is really run in a sandbox over
 * the host's own root, once with each way of mapping ids.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

enum sandbox_state {
        SANDBOX_STATE_GOOD,
        SANDBOX_STATE_LIMITED, /* something works less well: `without` says what */
        SANDBOX_STATE_MISSING, /* `without` says what still works */
};

enum sandbox_fact_name {
        SANDBOX_FACT_NAMESPACES,   /* a command runs in namespaces of its own */
        SANDBOX_FACT_FUSE,         /* a FUSE can be mounted in them */
        SANDBOX_FACT_RANGES,       /* subordinate ids, and the programs that map them */
        SANDBOX_FACT_NOTIFICATION, /* system calls can be handed to varve */
        SANDBOX_FACT_TUN,          /* a tap can be made */
        SANDBOX_FACT_NETWORK,      /* a command has a network of its own */
        SANDBOX_FACT_LANDLOCK,     /* a process can confine its own files */
        SANDBOX_FACT_COUNT,
};

struct sandbox_fact {
        const char *title; /* "user namespaces" */
        enum sandbox_state state;
        char detail[ERROR_MESSAGE_MAX]; /* what was found */
        const char *without;            /* NULL when good */
        char mend[ERROR_HINT_MAX];      /* what to do, with the command; empty when good */
};

struct sandbox_facts {
        struct sandbox_fact items[SANDBOX_FACT_COUNT]; /* by enum sandbox_fact_name */
};

/* Tries everything. Takes some 30 ms. What cannot be found out is told as missing. */
void sandbox_probe(struct sandbox_facts *ret);
