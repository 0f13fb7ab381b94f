/*
 * A second wall around code that handles an image's bytes: Landlock: floor 2.
 *
 * The filesystem server, the unpacker and the registry client open few files, and know which. With
 * this a flaw in them opens no others: neither by a path that an image has slipped in nor by code
 * that it has.
 *
 * What is confined is the calling *thread*, with the threads and processes that it makes later. Not
 * so the other threads of the process, and that is as it must be: a confined thread may not
 * mount, and neither may a sandbox that it starts. So the thread that serves a FUSE confines
 * itself, and the one that starts sandboxes stays as it is. Descriptors that are open stay
 * usable. It cannot be undone.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct confine_path {
        int fd;        /* of a file or directory, and then of all below it; O_PATH is enough */
        bool writable; /* else it can be read and listed */
        bool executable;
};

/*
 * Lets this thread open, list, execute, make and remove nothing but what lies below `paths`; nor
 * connect or bind TCP ports unless `network`, nor send signals outside or use abstract sockets of
 * the host where the kernel knows how to forbid that. Sets no_new_privs of the thread.
 *
 * Returns 1; 0 where the kernel has no Landlock (before 5.13, or switched off), and nothing is
 * confined; or a negative errno.
 */
int confine_thread(const struct confine_path *paths, size_t count, bool network, struct error *err);
