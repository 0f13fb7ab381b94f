/*
 * Records of extended pax headers.
 *
 * POSIX.1-2017, pax, "pax Extended Header"; GNU tar's manual, "Sparse Formats"; star's and
 * libarchive's extended attributes.
 */
#pragma once

#include "archive/entry.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A record's value as text, terminated; NULL where there is none. */
struct tar_pax_sparse {
        const char *major;
        const char *minor;
        const char *name;
        const char *size;      /* of the file, in 0.0 and 0.1 */
        const char *real_size; /* in 1.0 */
        const char *block_count;
        const char *map;              /* 0.1 */
        struct entry_extent *extents; /* 0.0; owned */
        size_t extent_count;
        bool offset_is_open; /* an offset has come, and its length not yet */
};

/* The records that matter. Texts and xattrs point into the records' own bytes. */
struct tar_pax {
        const char *path;
        const char *link;
        const char *size;
        const char *uid;
        const char *gid;
        const char *mtime;
        struct tar_pax_sparse sparse;
        struct entry_xattr *xattrs; /* owned; sorted by name */
        size_t xattr_count;
};

#define TAR_PAX_INIT ((struct tar_pax){ .path = NULL })

void tar_pax_done(struct tar_pax *pax);

/*
 * Reads all records, of which the last of a name counts, and an empty one says nothing, as in Go;
 * only an xattr may be empty. `records` is changed (values are terminated in place) and must
 * outlive `ret`. Returns 0, -ENOMEM or -EBADMSG.
 */
int tar_pax_read(char *records, size_t len, struct tar_pax *ret, struct error *err);

/* A decimal integer with an optional sign. */
bool tar_pax_integer(const char *text, int64_t *ret);

/* Seconds, with digits of a second after a point: those past the ninth are dropped. */
bool tar_pax_time(const char *text, struct timespec *ret);
