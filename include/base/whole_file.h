/*
 * Files and directories that are there as a whole or not at all, however large: floor 0.
 *
 * They are written under another name of the same filesystem, and renamed. Names are chosen, and
 * what can be seen to fail is refused, before anything is written: so that nobody works in vain,
 * and another process can remove what this one leaves.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A file. A device, a pipe or a socket that stands there is written as it is; so is a regular file
 * that cannot be replaced, as its directory is closed or it is a mount point; and "/dev/stdout",
 * "/dev/stderr", "/dev/fd/N" and "/proc/self/fd/N" are the descriptor.
 */
struct whole_file {
        char *target;    /* owned: where the path leads to */
        char *temporary; /* owned: what it is called meanwhile; NULL: it is written as it is */
        bool is_regular; /* one that is written as it is, and emptied first */
        int given;       /* the descriptor that it is; or -1 */
        int fd;          /* once it is open */
};

#define WHOLE_FILE_INIT ((struct whole_file){ .given = -1, .fd = -1 })

/* Chooses the names, and writes nothing. Links are followed. -EISDIR; -ENOENT: its directory is not
 * there, or a link leads nowhere; -EACCES and others: nothing can be written there. */
int whole_file_plan(const char *path, struct whole_file *ret, struct error *err);

/* Whether two that are planned are one file. */
bool whole_file_is(const struct whole_file *file, const struct whole_file *other);

/* Opens it for writing. Errors name the path. */
int whole_file_open(struct whole_file *file, struct error *err);

/* Syncs it and puts it in its place. */
int whole_file_finish(struct whole_file *file, struct error *err);

/* All of that with these bytes. */
int whole_file_write(struct whole_file *file, const void *data, size_t len, struct error *err);

/* Removes what was not finished, and releases the names. */
void whole_file_done(struct whole_file *file);

/*
 * A directory. One that is not there is filled under another name; one that is there keeps its
 * place and attributes, and is filled from a directory in it.
 */
struct whole_directory {
        char *target;    /* owned: where the path leads to, without links */
        char *temporary; /* owned: beside the target or above it; or in it, where it is there */
        bool is_there;
        int fd; /* of the temporary directory, once it is open */
};

#define WHOLE_DIRECTORY_INIT ((struct whole_directory){ .fd = -1 })

/* Chooses the names, and writes nothing. `empty`: one that holds something is refused, with
 * -ENOTEMPTY. -ENOTDIR, -EACCES and others: nothing can be written there. */
int whole_directory_plan(const char *path, bool empty, struct whole_directory *ret,
                         struct error *err);

/* Makes the temporary directory. Errors name the target. */
int whole_directory_open(struct whole_directory *directory, struct error *err);

/* Syncs it and puts it in its place, for which missing parents are made. Of one that is there, what
 * the temporary directory holds is moved into it, and `last` at last. */
int whole_directory_finish(struct whole_directory *directory, const char *last, struct error *err);

/* Removes what was not finished, and releases the names. */
void whole_directory_done(struct whole_directory *directory);
