/*
 * Root emulation over a union tree that is served: what sandbox/emulate.h asks of a tree, answered
 * by fs/tree.h, with the kernel told of what has changed behind its back.
 */
#pragma once

#include "fs/server.h"
#include "sandbox/emulate.h"

struct emulation {
        struct tree *tree;
        struct trace *trace;   /* or NULL */
        struct server *server; /* once there is one */
        struct emulator *emulator;
};

/* Makes the emulator for a sandbox of `spec` whose root `tree` is; `emulation` keeps its address.
 */
int emulation_init(struct emulation *emulation, struct tree *tree, const struct sandbox_host *host,
                   const struct sandbox_spec *spec, struct error *err);
void emulation_done(struct emulation *emulation);

/* For struct server_options; `context` is the emulation. */
void emulation_owner_of(void *context, pid_t pid, struct tree_owner *ret);
