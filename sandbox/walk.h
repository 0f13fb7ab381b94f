/*
 * Resolving a path inside the union tree, as the kernel does it in the step: private to the
 * sandbox.
 *
 * Nothing here looks at a filesystem of the host: names are asked of the tree. What is mounted over
 * the tree is foreign, and the walk ends there.
 */
#pragma once

#include "credentials.h"

#include "sandbox/emulate.h"

#include <limits.h>

#define WALK_SYMLINKS_MAX 40 /* as the kernel */

struct walk_origin {
        const struct emulate_tree *tree;
        uint64_t root;          /* of the process: where absolute paths begin, and ".." ends */
        uint64_t start;         /* where relative paths begin */
        const uint64_t *mounts; /* inodes that something is mounted on; borrowed */
        size_t mount_count;
        const struct credentials *searcher; /* who must be allowed to pass; NULL: root */
};

struct walk_place {
        bool foreign; /* not in the tree; only `text` is set: the rest of the path, from the root
                         where `from_root`, with symbolic links in it that nobody has looked at */
        bool exists;  /* else only `dir` and `name` are set: the last name could be made there */
        uint64_t dir;
        char name[NAME_MAX + 1]; /* "" where the path ends in ".", ".." or "/" */
        struct emulate_node node;

        /* The same place without symbolic links, relative to the root or to where the walk began:
         * how another process can look at it. */
        bool from_root;
        char text[PATH_MAX]; /* "" for the place itself */
};

/*
 * Resolves `path`; its last name, if that is a symbolic link, where `follow`. Returns 0, or the
 * negative errno that the kernel would have: -ENOENT (also for an empty path), -ENOTDIR, -ELOOP,
 * -EACCES, -ENAMETOOLONG.
 */
int walk(const struct walk_origin *origin, const char *path, bool follow, struct walk_place *ret);

/* Whether `credentials` give the access `mask` (R_OK, W_OK, X_OK) to an inode. The ids for files
 * are looked at. */
bool walk_allows(const struct credentials *credentials, const struct emulate_node *node, int mask);
