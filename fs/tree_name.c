/*
 * Names: what they mean, and every way to change that.
 */
#include "acl.h"
#include "tree_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_name(const char *name, size_t *ret_len)
{
        *ret_len = strlen(name);
        if (*ret_len > TREE_NAME_MAX)
                return -ENAMETOOLONG;
        return *ret_len == 0 ? -ENOENT : 0;
}

/* The same of a name that is made: in a layer some would be deletions. */
static int check_new_name(const struct tree *tree, const char *name, size_t *ret_len)
{
        if (tree->persistent && strncmp(name, ".wh.", strlen(".wh.")) == 0)
                return -EINVAL;
        return check_name(name, ret_len);
}

/* A directory of a layer without a node: nothing in it has one either. */
static int lookup_plain(struct tree *tree, uint64_t dir, const char *name, size_t len,
                        struct tree_attr *ret)
{
        const struct index_inode *inode;
        const struct index_entry *entry;
        struct lower_ref lower;
        struct node *node;
        int r;

        if (!lower_of_ino(tree, dir, &lower))
                return -ENOENT;
        if (!S_ISDIR(lower_inode(tree, lower)->mode))
                return -ENOTDIR;
        entry = index_find(tree->layers[lower.layer].index, lower.inode, name, len);
        if (!entry)
                return -ENOENT;
        inode = index_inode(tree->layers[lower.layer].index, entry->inode);
        lower.inode = entry->inode;
        if (S_ISDIR(inode->mode) ? lower_is_plain(inode)
                                 : inode->nlink == 1 || tree->layer_count == 1) {
                lower_attr(tree, lower, ret);
                return 0;
        }
        r = attach_ino(tree, lower_ino(tree, lower), &node);
        if (r == 0)
                node_attr(node, ret);
        return r;
}

int name_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len,
                struct tree_attr *ret)
{
        struct node *parent = node_table_get(&tree->nodes, dir), *node;
        struct lower_ref lower;
        int r;

        if (!parent)
                return lookup_plain(tree, dir, name, len, ret);
        if (!S_ISDIR(parent->meta.mode))
                return -ENOTDIR;
        r = attach_find(tree, parent, name, len, &node, &lower);
        if (r < 0)
                return r;
        if (node)
                node_attr(node, ret);
        else
                lower_attr(tree, lower, ret);
        return 0;
}

int tree_lookup(struct tree *tree, uint64_t dir, const char *name, struct tree_attr *ret)
{
        size_t len;
        int r = check_name(name, &len);

        if (r < 0)
                return r;
        pthread_mutex_lock(&tree->lock);
        r = name_lookup(tree, dir, name, len, ret);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

/* The node of a directory in which names can be made and taken away. */
static int get_directory(struct tree *tree, uint64_t ino, struct node **ret)
{
        int r = attach_ino(tree, ino, ret);

        if (r < 0)
                return r;
        if (!S_ISDIR((*ret)->meta.mode))
                return -ENOTDIR;
        /* A removed directory that somebody still stands in. */
        return *ret != tree->root && !(*ret)->names ? -ENOENT : 0;
}

static int check_free(struct tree *tree, struct node *dir, const char *name, size_t len)
{
        struct lower_ref lower;
        struct node *node;
        int r = attach_find(tree, dir, name, len, &node, &lower);

        if (r == 0)
                return -EEXIST;
        return r == -ENOENT ? 0 : r;
}

/* A directory's times change with its names. It has been touched. */
static void stamp(struct node *dir, const struct timespec *now)
{
        dir->meta.mtime = dir->ctime = *now;
}

static int make_inode(struct tree *tree, const struct node *dir, const struct tree_new_inode *inode,
                      struct node **ret)
{
        struct meta meta = {
                .mode = inode->mode,
                .uid = inode->owner.uid,
                .gid = inode->owner.gid,
                .rdev_major = inode->rdev_major,
                .rdev_minor = inode->rdev_minor,
                .mtime = tree_now(),
        };
        char *target = NULL;
        int r;

        if (dir->meta.mode & S_ISGID) {
                meta.gid = dir->meta.gid;
                if (S_ISDIR(meta.mode))
                        meta.mode |= S_ISGID;
        }
        if (S_ISLNK(meta.mode)) {
                meta.mode = S_IFLNK | 0777;
                target = strdup(inode->target);
                if (!target)
                        return -ENOMEM;
        }
        r = acl_inherit(&dir->meta, inode->umask, &meta);
        if (r == 0)
                r = node_new(tree, &meta, ret);
        if (r < 0) {
                xattr_set_unref(meta.xattrs);
                free(target);
                return r;
        }
        if (S_ISLNK(meta.mode)) {
                (*ret)->target = target;
                (*ret)->size = strlen(target);
        } else if (S_ISDIR(meta.mode)) {
                (*ret)->size = 4096;
                (*ret)->blocks = 8;
        }
        return 0;
}

static int create_locked(struct tree *tree, uint64_t dir_ino, const char *name, size_t len,
                         const struct tree_new_inode *inode, struct tree_attr *ret)
{
        struct node *dir, *node;
        int r;

        r = get_directory(tree, dir_ino, &dir);
        if (r == 0)
                r = check_free(tree, dir, name, len);
        if (r == 0)
                r = node_touch(tree, dir);
        if (r == 0)
                r = make_inode(tree, dir, inode, &node);
        if (r < 0)
                return r;
        r = dentry_set(tree, dir, name, len, node);
        if (r < 0) {
                node_free(tree, node);
                return r;
        }
        node->nlink = S_ISDIR(inode->mode) ? 2 : 1;
        dir->nlink += S_ISDIR(inode->mode);
        stamp(dir, &node->meta.mtime);
        node_attr(node, ret);
        return 0;
}

int tree_create(struct tree *tree, uint64_t dir, const char *name,
                const struct tree_new_inode *inode, struct tree_attr *ret)
{
        size_t len;
        int r = check_new_name(tree, name, &len);

        if (r < 0)
                return r;
        pthread_mutex_lock(&tree->lock);
        r = create_locked(tree, dir, name, len, inode, ret);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

int tree_create_unnamed(struct tree *tree, uint64_t dir_ino, const struct tree_new_inode *inode,
                        struct tree_attr *ret)
{
        struct node *dir, *node;
        int r;

        pthread_mutex_lock(&tree->lock);
        r = get_directory(tree, dir_ino, &dir);
        if (r == 0)
                r = make_inode(tree, dir, inode, &node);
        if (r == 0)
                node_attr(node, ret);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

static int link_locked(struct tree *tree, uint64_t ino, uint64_t dir_ino, const char *name,
                       size_t len, struct tree_attr *ret)
{
        struct timespec now = tree_now();
        struct node *dir, *node;
        int r;

        r = attach_ino(tree, ino, &node);
        if (r == 0)
                r = get_directory(tree, dir_ino, &dir);
        if (r < 0)
                return r;
        if (S_ISDIR(node->meta.mode))
                return -EPERM;
        if (node->nlink >= TREE_LINK_MAX)
                return -EMLINK;
        r = check_free(tree, dir, name, len);
        if (r == 0)
                r = node_touch(tree, dir);
        if (r == 0)
                r = dentry_set(tree, dir, name, len, node);
        if (r < 0)
                return r;
        node->nlink++;
        node->ctime = now;
        node_relink(tree, node);
        stamp(dir, &now);
        node_attr(node, ret);
        return 0;
}

int tree_link(struct tree *tree, uint64_t ino, uint64_t dir, const char *name,
              struct tree_attr *ret)
{
        size_t len;
        int r = check_new_name(tree, name, &len);

        if (r < 0)
                return r;
        pthread_mutex_lock(&tree->lock);
        r = link_locked(tree, ino, dir, name, len, ret);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

/* What a node loses with one of its names; `dir` held that name. */
static void lose_name(struct tree *tree, struct node *dir, struct node *node,
                      const struct timespec *now)
{
        node->ctime = *now;
        if (S_ISDIR(node->meta.mode)) {
                dir->nlink--;
                node->nlink = 0;
        } else {
                node->nlink--;
        }
        node_drop_if_unused(tree, node);
}

static int remove_locked(struct tree *tree, uint64_t dir_ino, const char *name, size_t len,
                         bool directory)
{
        struct timespec now = tree_now();
        struct node *dir, *node;
        int r;

        r = get_directory(tree, dir_ino, &dir);
        if (r == 0)
                r = attach_child(tree, dir, name, len, &node);
        if (r < 0)
                return r;
        if (directory && !S_ISDIR(node->meta.mode))
                return -ENOTDIR;
        if (!directory && S_ISDIR(node->meta.mode))
                return -EISDIR;
        if (directory && node->dir.live > 0)
                return -ENOTEMPTY;
        r = node_touch(tree, dir);
        if (r == 0)
                r = dentry_set(tree, dir, name, len, NULL);
        if (r < 0)
                return r;
        lose_name(tree, dir, node, &now);
        stamp(dir, &now);
        return 0;
}

static int remove_name(struct tree *tree, uint64_t dir, const char *name, bool directory)
{
        size_t len;
        int r = check_name(name, &len);

        if (r < 0)
                return r;
        pthread_mutex_lock(&tree->lock);
        r = remove_locked(tree, dir, name, len, directory);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

int tree_unlink(struct tree *tree, uint64_t dir, const char *name)
{
        return remove_name(tree, dir, name, false);
}

int tree_rmdir(struct tree *tree, uint64_t dir, const char *name)
{
        return remove_name(tree, dir, name, true);
}

/* Both ends of a rename. */
struct rename_end {
        struct node *dir;
        const char *name;
        size_t len;
        struct node *node; /* NULL: free */
};

static bool is_within(const struct node *dir, const struct node *ancestor)
{
        for (; dir != ancestor; dir = dir->names->dir)
                if (!dir->names)
                        return false;
        return true;
}

static int check_rename(const struct rename_end *from, const struct rename_end *to, unsigned flags)
{
        if (flags & RENAME_NOREPLACE && to->node)
                return -EEXIST;
        if (flags & RENAME_EXCHANGE && !to->node)
                return -ENOENT;
        if (from->node == to->node)
                return 0;
        if (S_ISDIR(from->node->meta.mode) && is_within(to->dir, from->node))
                return -EINVAL;
        if (!to->node)
                return 0;
        if (S_ISDIR(to->node->meta.mode) && is_within(from->dir, to->node))
                return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
        if (flags & RENAME_EXCHANGE)
                return 0;
        if (!S_ISDIR(to->node->meta.mode))
                return S_ISDIR(from->node->meta.mode) ? -ENOTDIR : 0;
        if (!S_ISDIR(from->node->meta.mode))
                return -EISDIR;
        return to->node->dir.live > 0 ? -ENOTEMPTY : 0;
}

static int do_rename(struct tree *tree, struct rename_end *from, struct rename_end *to,
                     bool exchange)
{
        struct timespec now = tree_now();
        bool from_dir = S_ISDIR(from->node->meta.mode);
        int r;

        r = node_touch(tree, from->dir);
        if (r == 0)
                r = node_touch(tree, to->dir);
        if (r == 0)
                r = dentry_set(tree, to->dir, to->name, to->len, from->node);
        if (r < 0)
                return r;
        /* The old name has its dentry: nothing can fail from here on. */
        dentry_set(tree, from->dir, from->name, from->len, exchange ? to->node : NULL);
        from->dir->nlink -= from_dir;
        to->dir->nlink += from_dir;
        from->node->ctime = now;
        if (from->node->nlink > 1 && !from_dir)
                node_relink(tree, from->node);
        stamp(from->dir, &now);
        stamp(to->dir, &now);
        if (exchange) {
                bool to_dir = S_ISDIR(to->node->meta.mode);

                to->dir->nlink -= to_dir;
                from->dir->nlink += to_dir;
                to->node->ctime = now;
                if (to->node->nlink > 1 && !to_dir)
                        node_relink(tree, to->node);
        } else if (to->node) {
                lose_name(tree, to->dir, to->node, &now);
        }
        return 0;
}

static int rename_locked(struct tree *tree, struct rename_end *from, uint64_t dir,
                         struct rename_end *to, uint64_t to_dir, unsigned flags)
{
        int r;

        r = get_directory(tree, dir, &from->dir);
        if (r == 0)
                r = get_directory(tree, to_dir, &to->dir);
        if (r == 0)
                r = attach_child(tree, from->dir, from->name, from->len, &from->node);
        if (r < 0)
                return r;
        r = attach_child(tree, to->dir, to->name, to->len, &to->node);
        if (r < 0 && r != -ENOENT)
                return r;
        r = check_rename(from, to, flags);
        /* Two names of one file: rename(2) does nothing. */
        if (r < 0 || from->node == to->node)
                return r;
        return do_rename(tree, from, to, flags & RENAME_EXCHANGE);
}

int tree_rename(struct tree *tree, uint64_t dir, const char *name, uint64_t to_dir,
                const char *to_name, unsigned flags)
{
        struct rename_end from = { .name = name }, to = { .name = to_name };
        int r;

        if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
            flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
                return -EINVAL;
        r = check_name(name, &from.len);
        if (r == 0)
                r = check_new_name(tree, to_name, &to.len);
        if (r < 0)
                return r;
        pthread_mutex_lock(&tree->lock);
        r = rename_locked(tree, &from, dir, &to, to_dir, flags);
        pthread_mutex_unlock(&tree->lock);
        return r;
}
