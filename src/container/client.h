/*
 * Who is connected to a keeper: private to src/container/.
 *
 * Nothing here waits: what a client has no room for is kept until it has.
 */
#pragma once

#include "base/buf.h"
#include "container/channel.h"

#include <stdbool.h>

struct client {
        int fd; /* -1: free; does not block; owned */
        bool attached;
        bool waits;         /* for the end of the command */
        uint32_t child;     /* what it has begun, or 0 */
        struct buf pending; /* messages that it has not taken yet, each behind its head */
};

/* Closes and frees it. */
void client_drop(struct client *client);

/* Sends a message, behind those that wait for room. Drops who is gone, and who has got
 * CHANNEL_END. */
void client_give(struct client *client, enum channel_type type, const void *data, size_t len);

/* Tells it how its command has ended; `err` is why it could not be run, or NULL. */
void client_tell_end(struct client *client, int status, const struct error *err);

/* Sends what waits, as far as there is room. */
void client_flush(struct client *client);

/* Says what became of a request. */
void client_answer(struct client *client, int r, const struct error *err);
