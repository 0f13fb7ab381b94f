/*
 * A whole tree, name by name: a directory before what is in it, names in the order of their bytes.
 * Private to src/build/.
 */
#pragma once

#include "archive/entry.h"
#include "base/buf.h"
#include "base/error.h"
#include "fs/tree.h"

#include <stdbool.h>

struct tree_walk;

/* The tree is borrowed, and must not change meanwhile. */
int tree_walk_new(struct tree *tree, struct tree_walk **ret, struct error *err);
void tree_walk_free(struct tree_walk *walk);

/* Gives the next name, first of all "" for the root. The path is borrowed until the next call.
 * Returns 1, 0 at the end, or a negative errno. */
int tree_walk_next(struct tree_walk *walk, const char **ret_path, struct tree_attr *ret,
                   struct error *err);

/* Compares two paths by the order in which they are given: a "/" comes before all other bytes. */
int tree_walk_compare(const char *a, const char *b);

/* An inode's extended attributes, sorted by name. */
struct tree_xattrs {
        struct entry_xattr *items; /* owned; they point into `names` and `values` */
        size_t count;
        char *names;       /* owned */
        struct buf values; /* owned */
};

void tree_xattrs_done(struct tree_xattrs *xattrs);
int tree_xattrs_read(struct tree *tree, uint64_t ino, struct tree_xattrs *ret, struct error *err);
