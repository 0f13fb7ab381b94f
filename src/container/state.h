/*
 * The document state.json. Private to src/container/.
 */
#pragma once

#include "container/container.h"

int state_write(const struct container_state *state, struct buf *ret, struct error *err);

/* -EBADMSG: it is none. */
int state_read(const void *data, size_t len, struct container_state *ret, struct error *err);
void state_done(struct container_state *state);
