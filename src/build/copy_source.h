/*
 * Where COPY and ADD take files from: a directory of the host, or the tree of a stage or an image.
 * Private to src/build/.
 *
 * Paths are relative to the source's root, clean, and "" is the root itself. Symlinks are resolved
 * inside the root: no path leads out of it, nor does one that somebody changes meanwhile.
 */
#pragma once

#include "archive/entry.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "dockerfile/ignore.h"
#include "fs/tree.h"

#include <stdbool.h>
#include <stdint.h>

/* What is there. */
struct copy_stat {
        uint32_t mode; /* S_IFMT and 07777 */
        uint32_t uid;
        uint32_t gid;
        uint32_t rdev_major;
        uint32_t rdev_minor;
        uint64_t size;
        uint64_t device; /* with `ino`: which file it is, for hard links */
        uint64_t ino;
        uint32_t nlink;
        struct timespec mtime;
};

struct copy_source {
        int root_fd;                 /* of a directory of the host, borrowed; -1 for a tree */
        struct tree *tree;           /* borrowed */
        const struct ignore *ignore; /* what is left out, NULL for nothing; borrowed */
        bool anonymous; /* of a tree: all belongs to 0:0 and has no xattrs, as on a host */
        bool is_dated;  /* it was made at `date`: of a directory of the host, all there is in it */
        struct timespec date;
};

/* Looks at a path without following its last component; those before it are no symlinks.
 * -ENOENT sets no error. */
int copy_source_stat(const struct copy_source *source, const char *path, struct copy_stat *ret,
                     struct error *err);

/* Follows all symlinks of a path, and yields where it leads. -ENOENT sets no error; -ELOOP. The
 * caller frees the result. */
int copy_source_resolve(const struct copy_source *source, const char *path, char **ret,
                        struct error *err);

/* What is in a directory, by its name. */
struct copy_entry {
        char *name; /* owned */
        struct copy_stat st;
};

struct copy_entries {
        struct copy_entry *items; /* owned */
        size_t count;
        size_t cap;
};

void copy_entries_done(struct copy_entries *entries);

/*
 * Looks at all that is in a directory, sorted by names, with a system call for each file of a host.
 * What is no directory and `leaves_out` says yes to is passed over: of most such files that is
 * known without looking. What goes away meanwhile was never there.
 */
int copy_source_scan(const struct copy_source *source, const char *path,
                     bool (*leaves_out)(void *context, const char *name), void *context,
                     struct copy_entries *ret, struct error *err);

/* Appends a symlink's target. */
int copy_source_readlink(const struct copy_source *source, const char *path, struct buf *ret,
                         struct error *err);

/* The file's xattrs, for a tree's files; a host's have none that mean anything in an image. The
 * names and values are appended to `ret_names` ("name") and `ret_values`. */
int copy_source_xattrs(const struct copy_source *source, const char *path, struct strv *ret_names,
                       struct buf **ret_values, struct error *err);

/* A file that is being read. */
struct copy_file {
        const struct copy_source *source;
        int fd;
        uint64_t ino;
        uint64_t offset;
        uint64_t data_end; /* where the data that it stands in ends, and is to be read up to */
        const char *path;  /* borrowed, for errors */
};

int copy_file_open(const struct copy_source *source, const char *path, struct copy_file *ret,
                   struct error *err);

/* Passes over the hole that the file stands at: its length, 0 for data and at the end. To be called
 * before every read by those who want holes apart; for others they are zeros. */
int copy_file_skip_hole(struct copy_file *file, uint64_t *ret_len, struct error *err);

/* Reads on, up to the next hole that is to be passed over. Returns the number of bytes, 0 at the
 * end. */
ssize_t copy_file_read(struct copy_file *file, void *data, size_t len, struct error *err);
void copy_file_close(struct copy_file *file);
