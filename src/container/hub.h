/*
 * The thread of a keeper that everybody talks to: it takes what the command prints, writes the log,
 * passes it on to who is attached, and answers requests. Private to src/container/.
 *
 * It never waits for a client: who does not take the output makes the command wait, as on a
 * terminal that was stopped, and nobody else. The end of the command waits for nobody: what is left
 * of the output then is kept for who has not taken it.
 */
#pragma once

#include "build/execute.h"
#include "container/channel.h"
#include "container/log.h"

struct hub;

struct hub_options {
        int listen_fd;          /* -1: nobody can be reached; owned */
        int client_fd;          /* who is attached from the beginning, or -1; owned */
        int output_fds[2];      /* of the command's output and errors, or -1; owned */
        int local_fds[2];       /* where that goes too, or -1; borrowed */
        int input_fd;           /* what the command reads, or -1; owned */
        struct log_writer *log; /* or NULL; owned */

        /* Seals what has changed so far; on the hub's thread. */
        int (*checkpoint)(void *context, struct error *err);
        void *context;
};

int hub_start(const struct hub_options *options, struct hub **ret, struct error *err);

/* The command runs, or (NULL) is about to be taken down. */
void hub_set_live(struct hub *hub, struct execution_live *live);

/* What was heard of a command that a client has begun. */
void hub_child(struct hub *hub, const struct sandbox_child_event *event);

/* No process of the command is left: takes what it has printed to its end, and ends the log. */
void hub_drain(struct hub *hub);

/* Tells everybody how it has ended, ends the thread and frees. Waits until all who are attached
 * have taken what was printed, or are gone; where nobody is from the beginning, for their own
 * caller, and not long for the others. */
void hub_end(struct hub *hub, int status, const struct error *err);
