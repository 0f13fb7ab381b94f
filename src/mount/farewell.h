/*
 * How an unmounter learns that a mount has been sealed: private to src/mount/.
 *
 * umount(2) returns before the server of a FUSE mount has noticed. So the server listens on a
 * socket that is named after the mount's device number (in Linux's abstract namespace, of the
 * network namespace): umount.fuse.varve-fs, which umount(8) calls, connects before it unmounts, and
 * is told the outcome. Where the two do not find each other, it does not wait.
 */
#pragma once

#include "base/error.h"

#include <sys/types.h>

#define FAREWELL_WAITING_MAX 16

struct farewell {
        int fd;                            /* owned; -1 where nobody can be listened for */
        int waiting[FAREWELL_WAITING_MAX]; /* owned */
        size_t waiting_count;
};

/* The server: begins to listen for the mount on `target`. */
void farewell_listen(struct farewell *farewell, const char *target);

/* The server: the mount is gone, and its number may become another's. */
void farewell_unmounted(struct farewell *farewell);

/* The server: tells all that wait the outcome; `err` is unset where all is well. */
void farewell_tell(struct farewell *farewell, const struct error *err);

/* The unmounter: a descriptor, or -1 where nobody listens. */
int farewell_ask(const char *target);

/* The unmounter: waits for the outcome, and closes. Returns 0 or the server's error. */
int farewell_wait(int fd, struct error *err);
