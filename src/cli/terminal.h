/*
 * Being attached to a command in a container: its streams or its terminal are the caller's.
 * Private to src/cli/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DETACH_KEYS_MAX 16

struct detach_keys {
        char bytes[DETACH_KEYS_MAX];
        size_t count;
};

/* Reads "ctrl-p,ctrl-q", which NULL is, or "a,ctrl-x"; "" is none. -EINVAL. */
int detach_keys_parse(const char *text, struct detach_keys *ret, struct error *err);

/* The size of the caller's terminal; 0 where there is none. */
void terminal_size(uint16_t *ret_rows, uint16_t *ret_columns);

struct attachment {
        int channel_fd;     /* of the container's keeper (container/channel.h) */
        int terminal_fd;    /* of a command with a terminal of its own here: instead of what the
                             * channel brings and takes; or -1 */
        bool terminal;      /* the command has one */
        bool input;         /* the caller's input is the command's */
        bool until_started; /* only until the command runs */
        struct detach_keys keys;

        /* A signal has come that is the command's; or NULL. */
        void (*signal)(void *context, int number);
        void *context;
};

/*
 * Passes on what comes and goes until the command is over: `ret_status` is then its status, and an
 * error why it could not be run. The caller's terminal is raw meanwhile if the command has one and
 * gets the input, and is what it was when this returns. -ECANCELED, with no error: the keys to
 * detach were pressed, or `until_started` is over. -EPIPE: the keeper was killed.
 */
int attachment_run(struct attachment *attachment, int *ret_status, struct error *err);
