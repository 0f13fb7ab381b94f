/*
 * RUN --mount=type=ssh: a socket for the step, behind which is an agent of the caller. Private to
 * src/build/.
 *
 * An agent answers its own user alone, and the step may be another; so the step gets a socket of
 * ours, and what comes in there is passed on. It lies in the process's directory of the store,
 * where nobody else gets to.
 */
#pragma once

#include "base/error.h"
#include "store/store.h"

struct agent_relay;

/* Begins to relay, from a thread of its own, to the agent that listens on `socket`. `mode` is that
 * of the socket. */
int agent_relay_start(struct store *store, const char *socket, uint32_t mode,
                      struct agent_relay **ret, struct error *err);

/* A descriptor of the socket's file, to be mounted; borrowed. */
int agent_relay_fd(const struct agent_relay *relay);

/* Ends all connections. */
void agent_relay_free(struct agent_relay *relay);
