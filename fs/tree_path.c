/*
 * Paths inside the tree, for those who use it without a mount.
 */
#include "base/cleanup.h"
#include "base/path.h"
#include "tree_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SYMLINKS_MAX 40 /* as the kernel */

/* The way to a place: the directories that were entered, the root not among them. */
struct way {
        struct tree *tree;
        struct tree_attr at;
        uint64_t *dirs;
        size_t depth;
        size_t cap;
        unsigned symlinks;
        const struct tree_new_inode *missing; /* what to make of what is not there, or NULL */
};

static uint64_t way_here(const struct way *way)
{
        return way->depth ? way->dirs[way->depth - 1] : TREE_ROOT;
}

static int way_push(struct way *way, uint64_t ino)
{
        if (way->depth == way->cap) {
                size_t cap = way->cap ? way->cap * 2 : 32;
                uint64_t *dirs = reallocarray(way->dirs, cap, sizeof(*dirs));

                if (!dirs)
                        return -ENOMEM;
                way->dirs = dirs;
                way->cap = cap;
        }
        way->dirs[way->depth++] = ino;
        return 0;
}

/* Puts a symlink's target before what is left of the path: nothing, or a slash and more. */
static int expand(struct way *way, const char *rest, char **path)
{
        struct buf target = BUF_INIT;
        int r;

        if (++way->symlinks > SYMLINKS_MAX)
                return -ELOOP;
        r = tree_readlink(way->tree, way->at.ino, &target);
        if (r == 0 && target.len == 0)
                r = -ENOENT;
        if (r == 0)
                r = buf_append_str(&target, rest);
        if (r < 0) {
                buf_done(&target);
                return r;
        }
        if (target.data[0] == '/')
                way->depth = 0;
        free(*path);
        *path = buf_take_str(&target);
        return 0;
}

/* Looks at one name. Sets `way->at`; a directory is entered. */
static int step(struct way *way, const char *name, size_t len)
{
        char text[TREE_NAME_MAX + 1];
        int r;

        if (len > TREE_NAME_MAX)
                return -ENAMETOOLONG;
        if (path_name_is_dot(name, len)) {
                way->depth -= len == 2 && way->depth > 0;
                return tree_getattr(way->tree, way_here(way), &way->at);
        }
        memcpy(text, name, len);
        text[len] = '\0';
        r = tree_lookup(way->tree, way_here(way), text, &way->at);
        if (r == -ENOENT && way->missing)
                r = tree_create(way->tree, way_here(way), text, way->missing, &way->at);
        if (r == 0 && S_ISDIR(way->at.mode))
                r = way_push(way, way->at.ino);
        return r;
}

static int walk(struct way *way, char **path, bool follow)
{
        const char *at = *path, *name;
        size_t len;
        int r;

        r = tree_getattr(way->tree, TREE_ROOT, &way->at);
        while (r == 0 && (len = path_next(&at, &name)) > 0) {
                bool last = at[strspn(at, "/")] == '\0';

                if (!S_ISDIR(way->at.mode))
                        return -ENOTDIR;
                r = step(way, name, len);
                /* A slash behind a symlink means what it leads to. */
                if (r == 0 && S_ISLNK(way->at.mode) && (follow || !last || *at == '/')) {
                        r = expand(way, at, path);
                        at = *path;
                        if (r == 0)
                                r = tree_getattr(way->tree, way_here(way), &way->at);
                } else if (r == 0 && last && *at == '/' && !S_ISDIR(way->at.mode)) {
                        r = -ENOTDIR;
                }
        }
        return r;
}

static int resolve(struct way *way, const char *path, bool follow, struct tree_attr *ret)
{
        _cleanup_free_ char *copy = strdup(path);
        int r = copy ? walk(way, &copy, follow) : -ENOMEM;

        free(way->dirs);
        if (r == 0)
                *ret = way->at;
        return r;
}

int tree_resolve(struct tree *tree, const char *path, bool follow, struct tree_attr *ret)
{
        struct way way = { .tree = tree };

        return resolve(&way, path, follow, ret);
}

int tree_make_path(struct tree *tree, const char *path, uint32_t mode,
                   const struct tree_owner *owner, struct tree_attr *ret)
{
        struct tree_new_inode missing = { .mode = S_IFDIR | (mode & 07777), .owner = *owner };
        struct way way = { .tree = tree, .missing = &missing };
        int r = resolve(&way, path, true, ret);

        return r == 0 && !S_ISDIR(ret->mode) ? -ENOTDIR : r;
}
