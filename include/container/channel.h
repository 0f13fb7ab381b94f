/*
 * What is said between a container's keeper and others: floor 4.
 *
 * A socket of whole messages (SOCK_SEQPACKET) in the container's directory, which is open to its
 * user alone. A message is one byte, its type, and what belongs to it; descriptors may come with
 * it. A client sends one request; after CHANNEL_ATTACH and CHANNEL_EXEC both sides go on.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHANNEL_MESSAGE_MAX ((size_t)128 << 10)
#define CHANNEL_FDS_MAX     3

/* Bytes of a stream in one message. */
#define CHANNEL_CHUNK ((size_t)32 << 10)

enum channel_type {
        /* requests */
        CHANNEL_ATTACH = 'A', /* the output from now on, and CHANNEL_STDIN goes to the command */
        CHANNEL_WAIT = 'W',   /* CHANNEL_END when it is over */
        CHANNEL_SIGNAL = 'K', /* a number, in decimal; answered */
        CHANNEL_CHECKPOINT = 'C', /* seal what has changed so far; answered */
        CHANNEL_EXEC = 'X',       /* JSON; with three descriptors, unless it wants a terminal */
        /* of who is attached */
        CHANNEL_STDIN = 'i',
        CHANNEL_STDIN_END = 'c',
        CHANNEL_SIZE = 'w', /* of the terminal: "ROWS COLUMNS" */
        /* of the keeper */
        CHANNEL_STDOUT = 'o',
        CHANNEL_STDERR = 'e',
        CHANNEL_STARTED = 's', /* the command runs; of an exec with a terminal, its other end */
        CHANNEL_DONE = 'r',    /* the answer to a request */
        CHANNEL_FAILED = 'f',  /* likewise: a struct error */
        CHANNEL_END = 'x',     /* a struct channel_end: it is over */
};

struct channel_end {
        int32_t status;
        struct error err; /* why it could not be run; unset where it was */
};

struct channel_message {
        enum channel_type type;
        char *data; /* inside the buffer that was given; terminated */
        size_t len;
        int fds[CHANNEL_FDS_MAX]; /* the receiver's to close; -1 where there is none */
};

/* Connects to the keeper of a container, whose directory is open. Returns the descriptor; -ENOENT
 * or -ECONNREFUSED: there is none. */
int channel_connect(int dir_fd);

/* Listens in that directory, instead of whoever did before. Returns the descriptor or a negative
 * errno. */
int channel_listen(int dir_fd);

/* Sends a message with `fd_count` descriptors. Returns 0 or a negative errno: -EPIPE where nobody
 * is there, -EAGAIN on a socket that does not block. */
int channel_send(int fd, enum channel_type type, const void *data, size_t len, const int *fds,
                 size_t fd_count);

/* Receives a message into `buffer`, of CHANNEL_MESSAGE_MAX bytes. Returns 0; -EPIPE at the end;
 * -EAGAIN; -EBADMSG. */
int channel_receive(int fd, char *buffer, struct channel_message *ret);

void channel_close_fds(struct channel_message *message);

/* A request that is answered by CHANNEL_DONE or CHANNEL_FAILED. Returns 0, the error that was told,
 * or -ENOENT, -ECONNREFUSED, -EPIPE, with an error, where there is no keeper or it went away. */
int channel_ask(int dir_fd, enum channel_type type, const char *text, struct error *err);
