/*
 * Repositories, by the program git: it is run with an environment of its own, no configuration of
 * the user or the system, no hooks and no prompts, and where the kernel has Landlock it can write
 * nothing but the repository's directory. Private to src/build/.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "context.h"
#include "dockerfile/source.h"
#include "store/store.h"

#include <stdint.h>

/* -ENOENT: there is no program git, said with what to do. */
int git_find(struct error *err);

/*
 * Gets what a reference names into a directory in the store's tmp/, which is removed with the
 * context, and its commit, in hexadecimal, into `ret_commit`, which the caller frees. `agent` is
 * the socket of what ssh asks for keys, or NULL: it has none. -ENOENT: the repository has no such
 * thing; -EBADMSG: the commit is not the one of the checksum; -EIO: git has failed, said in its own
 * words; -ETIME, -EFBIG: it took too long, or too much room.
 */
int git_open(struct store *store, const struct git_source *git, const char *agent,
             struct context *ret, char **ret_commit, struct error *err);

/* ---- git_run.c ---- */

/* Where git works: its own files in repo/, what it checks out in tree/. */
struct git_place {
        int dir_fd;          /* that has both; owned by whoever made it */
        int tree_fd;         /* tree/; likewise */
        const char *git_dir; /* seen from tree/ */
        const char *remote;
        const char *agent;    /* or NULL */
        bool submodules;      /* it is for them, which may lie anywhere */
        uint64_t bytes_max;   /* of all that lies below `dir_fd` */
        unsigned seconds_max; /* for one run */
};

/*
 * Runs git with these arguments, in tree/. What it prints, up to a megabyte, is appended to `ret`.
 * -EIO with what it says on standard error, the remote's password left out; -ETIME and -EFBIG: it
 * was ended, as it has passed what the place allows.
 */
int git_run(const struct git_place *place, const struct strv *arguments, struct buf *ret,
            struct error *err);
