/*
 * The standard streams of a container's command. Private to src/cli/.
 *
 * Terminals, pipes, sockets and character devices are passed on as they are. A file is not: who
 * has a descriptor of it can open it anew through /proc/self/fd, for writing where it was open for
 * reading, and change its owner and mode. The command has a pipe instead, and a thread of this
 * process copies between the two.
 *
 * Invariant: what the command has written is in the file when streams_close() returns, and what it
 * has not read of its input is left for whoever reads that file next, as if it had had the file
 * itself.
 */
#pragma once

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct stream_relay {
        bool running;
        int from; /* what the thread copies from, and to */
        int to;
        int own;       /* that of the two which is an end of the pipe: the thread closes it */
        size_t copied; /* bytes that the thread has read */
        int failure;   /* of writing: a negative errno, or 0 */
        atomic_bool stopped;
        pthread_t thread;
};

struct streams {
        int stdio[3]; /* for the command */
        struct stream_relay relays[3];
};

#define STREAMS_INIT ((struct streams){ .stdio = { 0, 1, 2 } })

/*
 * Makes of this process' 0, 1 and 2 what the command gets: the first where it gets `input`, the
 * others where it gets `outputs`. Standard output and error that are one file are one pipe, so that
 * they keep their order. `streams` must stay where it is, and be closed, also after an error.
 * Returns 0 or a negative errno.
 */
int streams_open(struct streams *streams, bool input, bool outputs, struct error *err);

/*
 * To be called when no process of the command is left. Returns 0, or a negative errno when what
 * it has written could not be written on.
 */
int streams_close(struct streams *streams, struct error *err);
