/*
 * Shorthand for tests that need a union tree: one without layers, and files in it.
 */
#pragma once

#include "base/cleanup.h"
#include "fs/tree.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#define SMALL_TREE_MEMORY ((uint64_t)1 << 20)

static inline struct tree *small_tree(const struct tree_layer *layers, size_t count)
{
        struct tree_options options = { .spool_dir_fd =
                                                open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                        .spool_memory_max = SMALL_TREE_MEMORY };
        struct error err = ERROR_INIT;
        struct tree *tree = NULL;

        cr_assert_eq(tree_new(&options, layers, count, &tree, &err), 0, "%s", err.message);
        return tree;
}

/* The directory that holds a path, made if need be. */
static inline uint64_t small_tree_parent(struct tree *tree, const char *path)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = strndup(path, (size_t)(slash - path));
        struct tree_owner owner = { .uid = 0 };
        struct tree_attr attr;

        cr_assert_eq(tree_make_path(tree, *parent ? parent : "/", 0755, &owner, &attr), 0);
        return attr.ino;
}

/* Makes what `inode` says at an absolute path. Returns its number. */
static inline uint64_t small_tree_make(struct tree *tree, const char *path,
                                       const struct tree_new_inode *inode)
{
        struct tree_attr attr;

        cr_assert_eq(tree_create(tree, small_tree_parent(tree, path), strrchr(path, '/') + 1, inode,
                                 &attr),
                     0, "%s", path);
        return attr.ino;
}

static inline uint64_t small_tree_file(struct tree *tree, const char *path, const char *text)
{
        struct tree_new_inode inode = { .mode = S_IFREG | 0644 };
        uint64_t ino = small_tree_make(tree, path, &inode);

        cr_assert_eq(tree_write(tree, ino, 0, text, strlen(text), false), 0);
        return ino;
}

static inline void small_tree_symlink(struct tree *tree, const char *path, const char *target)
{
        struct tree_new_inode inode = { .mode = S_IFLNK | 0777, .target = target };

        small_tree_make(tree, path, &inode);
}
