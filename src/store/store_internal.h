/*
 * The store's own. Private to src/store/.
 */
#pragma once

#include "base/strv.h"
#include "store/store.h"

#include <sys/types.h>

struct store {
        char *root; /* owned, absolute */
        struct strv search;
        int root_fd;
        int oci_fd;
        int blobs_fd; /* oci/blobs/sha256 */
        int layers_fd;
        int cache_fd;
        int tmp_fd;
        int containers_fd; /* -1 until it is needed */
        /* This process's directory below tmp/, made when it is first needed. A forked child makes
         * its own. */
        pid_t process;
        int process_fd;
        char process_name[128];
        unsigned serial;    /* of files in it */
        int pins_fd;        /* the file that takes the pins ... */
        pid_t pins_process; /* ... of this process ... */
        bool gathers;       /* ... and of those that it forks */
};

/* The directory and the name of a stored file. `ret_name` has room for STORE_NAME_MAX. */
#define STORE_NAME_MAX (DIGEST_HEX_MAX + 8)
int store_place(const struct store *store, enum store_kind kind, const struct digest *digest,
                char ret_name[static STORE_NAME_MAX]);

/* ---- record.c ---- */

/* Appends a record's head. */
int store_read_head(int dir_fd, const char *name, struct buf *ret, struct error *err);

/* ---- process.c: directories of processes below tmp/ ---- */

/* What the names of blobs that are not whole begin with; with a dot before it, outside of any
 * process's directory, those that were put by. */
#define STORE_PARTIAL "partial-"

/* Opens this process's, and makes it if need be. Returns its descriptor, borrowed. */
int store_process_dir(struct store *store, struct error *err);
