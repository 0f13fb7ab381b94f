/*
 * Resolving a path inside the union trees, as the kernel does it in the step: private to the
 * sandbox.
 *
 * Nothing here looks at a filesystem of the host: names are asked of the trees. A walk goes from
 * one tree into another that is mounted on it, and back by "..". All else that is mounted is
 * foreign, and the walk ends there.
 */
#pragma once

#include "credentials.h"

#include "sandbox/emulate.h"

#include <limits.h>

#define WALK_SYMLINKS_MAX 40 /* as the kernel */

/* What is mounted in the step, the root first. */
struct walk_mount {
        struct emulate_tree tree; /* has no `lookup` where it is foreign; its `root` is the inode
                                     that is mounted */
        dev_t device;             /* as st_dev shows it; of a tree alone */
        bool read_only;
        const struct walk_mount *parent; /* what it is mounted into; NULL: nowhere, or the root */
        uint64_t point;                  /* the parent's inode that it is mounted on */
};

struct walk_inode {
        const struct walk_mount *mount;
        uint64_t ino;
};

struct walk_origin {
        struct walk_inode root;          /* of the process: absolute paths begin, ".." ends there */
        struct walk_inode start;         /* where relative paths begin */
        const struct walk_mount *mounts; /* borrowed */
        size_t mount_count;
        const struct credentials *searcher; /* who must be allowed to pass; NULL: root */
};

struct walk_place {
        bool foreign; /* in none of the trees; only `text` is set: the rest of the path, from the
                         root where `from_root`, with symbolic links in it that nobody has looked
                         at */
        bool exists;  /* else only `mount`, `dir` and `name` are set: the last name could be made
                         there */
        const struct walk_mount *mount; /* whose tree has `node`, else `dir`; borrowed */
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
