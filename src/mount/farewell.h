/*
 * How an unmounter learns that a mount has been sealed: private to src/mount/.
 *
 * umount(2) returns before the server of a FUSE mount has noticed. So the server listens on a
 * socket that is named after the mount's device number (in Linux's abstract namespace, of the
 * network namespace): umount.fuse.varve-fs, which umount(8) calls, connects before it unmounts, and
 * is told the outcome. Where the two do not find each other, it does not wait.
 *
 * Anybody can listen under such a name. So the name ends in a number that is drawn at random, which
 * nobody can take beforehand; the unmounter looks for it among all sockets, and believes only root,
 * itself, and who has mounted. The last it believes for a limited time where that is another user.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define FAREWELL_WAITING_MAX 16

struct farewell {
        int fd;                            /* owned; -1 where nobody can be listened for */
        int waiting[FAREWELL_WAITING_MAX]; /* owned */
        size_t waiting_count;
};

/* The server: begins to listen for the mount on `target`; appends to the warning if it cannot. */
void farewell_listen(struct farewell *farewell, const char *target, struct buf *ret_warning);

/* The server: the mount is gone, and its number may become another's. */
void farewell_unmounted(struct farewell *farewell);

/* The server: tells all that wait the outcome; `err` is unset where all is well. */
void farewell_tell(struct farewell *farewell, const struct error *err);

struct farewell_answer {
        int fd; /* owned; -1 where nobody listens */
        uid_t user;
        bool of_stranger; /* another user's, who is not root */
};

/* The unmounter: connects to the server of the mount on `target`. */
void farewell_ask(const char *target, struct farewell_answer *ret);

/* The unmounter: waits for the outcome, and closes. Returns 0 or the server's error; -ETIMEDOUT:
 * another user's server does not answer. */
int farewell_wait(struct farewell_answer *answer, struct error *err);

/* The unmounter: closes without waiting. */
void farewell_forget(struct farewell_answer *answer);
