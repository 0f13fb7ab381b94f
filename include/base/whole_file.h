/*
 * A file that is there as a whole or not at all, however large: floor 0.
 *
 * It is written beside its place under another name, and renamed. A device, a pipe or a socket that
 * stands there is written as it is.
 */
#pragma once

#include "base/error.h"

struct whole_file {
        char *target;    /* owned: where the path leads to */
        char *temporary; /* owned: what it is called meanwhile; NULL: it is written as it is */
        int fd;          /* once it is open */
};

#define WHOLE_FILE_INIT ((struct whole_file){ .fd = -1 })

/* Chooses the names, and writes nothing: so that another process can remove what this one leaves.
 * -EISDIR, -ENOENT: nothing can be written there. */
int whole_file_plan(const char *path, struct whole_file *ret, struct error *err);

/* Opens it for writing. Errors name the path. */
int whole_file_open(struct whole_file *file, struct error *err);

/* Syncs it and puts it in its place. */
int whole_file_finish(struct whole_file *file, struct error *err);

/*
 * The same of a directory, whose place is free or an empty directory: it is made under the name
 * `temporary`, filled by the caller, synced, and renamed. What was not finished the caller removes.
 * `whole_directory_open()` returns a descriptor.
 */
int whole_directory_open(const char *target, const char *temporary, struct error *err);
int whole_directory_finish(const char *target, const char *temporary, int fd, struct error *err);

/* Removes what was not finished, and releases the names. */
void whole_file_done(struct whole_file *file);
