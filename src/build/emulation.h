/*
 * Root emulation over union trees that are served: what sandbox/emulate.h asks of a tree, answered
 * by fs/tree.h, with the kernel told of what has changed behind its back.
 */
#pragma once

#include "fs/server.h"
#include "sandbox/emulate.h"

/* All is borrowed. */
struct emulation_tree {
        struct tree *tree;     /* NULL: a mount has none */
        struct trace *trace;   /* or NULL */
        struct server *server; /* once there is one */
};

struct emulation {
        struct emulation_tree root;
        struct emulation_tree mounts[SANDBOX_MOUNTS_MAX]; /* of the specification's mounts */
        struct emulator *emulator;
};

/* Makes the emulator for a sandbox of `spec`, whose trees `emulation` has; it keeps its address. */
int emulation_init(struct emulation *emulation, const struct sandbox_host *host,
                   const struct sandbox_spec *spec, struct error *err);
void emulation_done(struct emulation *emulation);

/* For struct server_options; `context` is the emulation. */
void emulation_owner_of(void *context, pid_t pid, struct tree_owner *ret);
