/*
 * What two trees do not have alike: floor 3.
 *
 * Both are walked side by side, a directory before what is in it, names in the order of their
 * bytes. Contents are compared by the digests that the layers' indexes have, so that nothing is
 * read of files that lie in layers.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "fs/tree.h"

#include <stdbool.h>
#include <stdint.h>

enum compare_state {
        COMPARE_ADDED,
        COMPARE_CHANGED,
        COMPARE_REMOVED,
};

/* In what a name's inodes differ. */
enum compare_aspect {
        COMPARE_TYPE = 1 << 0, /* and then in nothing else */
        COMPARE_MODE = 1 << 1,
        COMPARE_OWNER = 1 << 2,
        COMPARE_TIME = 1 << 3,
        COMPARE_CONTENT = 1 << 4, /* bytes, a symlink's target, a device's number */
        COMPARE_XATTRS = 1 << 5,
        COMPARE_LINKS = 1 << 6, /* other names are the same file */
};

struct difference {
        enum compare_state state;
        unsigned aspects; /* of CHANGED: enum compare_aspect */
        const char *path; /* "dir/file", "" for the root; borrowed until the next call */
        bool inside;      /* the directory that it is in was itself added, removed or replaced */
        struct tree_attr was; /* unset where ADDED */
        struct tree_attr is;  /* unset where REMOVED */
};

struct comparison;

/* The trees are borrowed, and must not change meanwhile. `was` NULL: all is added. */
int comparison_new(struct tree *was, struct tree *is, struct comparison **ret, struct error *err);
void comparison_free(struct comparison *comparison);

/* Gives the next difference. Returns 1, 0 at the end, or a negative errno. */
int comparison_next(struct comparison *comparison, struct difference *ret, struct error *err);

/* Says how a name has changed, for people, as "another mode (0644, 0755), another content (first at
 * byte 12)". Returns 0, -ENOMEM, or the error of a read. */
int difference_describe(struct tree *was, struct tree *is, const struct difference *difference,
                        struct buf *ret, struct error *err);
