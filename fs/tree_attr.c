/*
 * Attributes: of inodes, and extended ones.
 */
#include "acl.h"
#include "tree_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

static int getattr_locked(struct tree *tree, uint64_t ino, struct tree_attr *ret)
{
        struct node *node = node_table_get(&tree->nodes, ino);
        struct lower_ref lower;

        if (node) {
                node_attr(node, ret);
                return 0;
        }
        if (!lower_of_ino(tree, ino, &lower))
                return -ENOENT;
        lower_attr(tree, lower, ret);
        return 0;
}

int tree_getattr(struct tree *tree, uint64_t ino, struct tree_attr *ret)
{
        int r;

        pthread_mutex_lock(&tree->lock);
        r = getattr_locked(tree, ino, ret);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

/* What gives more rights than its reader has: taken away when owner or content change. */
int node_kill_priv(struct node *node)
{
        const struct xattr_set *rest;
        struct entry_xattr capability;
        int r;

        if (S_ISDIR(node->meta.mode))
                return 0;
        node->meta.mode &= ~(uint32_t)S_ISUID;
        if (node->meta.mode & S_IXGRP)
                node->meta.mode &= ~(uint32_t)S_ISGID;
        if (!xattr_set_find(node->meta.xattrs, "security.capability", &capability))
                return 0;
        r = xattr_set_with(node->meta.xattrs, "security.capability", NULL, 0, &rest);
        if (r < 0)
                return r;
        xattr_set_unref(node->meta.xattrs);
        node->meta.xattrs = rest;
        return 0;
}

static int set_fields(struct node *node, const struct tree_attr *attr, unsigned set)
{
        struct timespec now = tree_now();
        int r = 0;

        if (set & (TREE_SET_UID | TREE_SET_GID | TREE_SET_KILL_PRIV))
                r = node_kill_priv(node);
        if (r < 0)
                return r;
        if (set & TREE_SET_UID)
                node->meta.uid = attr->uid;
        if (set & TREE_SET_GID)
                node->meta.gid = attr->gid;
        if (set & TREE_SET_MODE)
                node->meta.mode = (node->meta.mode & S_IFMT) | (attr->mode & 07777);
        if (set & TREE_SET_MODE)
                r = acl_follow_mode(&node->meta);
        if (r < 0)
                return r;
        if (set & TREE_SET_ATIME)
                node->atime = attr->atime;
        if (set & TREE_SET_SIZE)
                node->meta.mtime = now;
        if (set & TREE_SET_MTIME)
                node->meta.mtime = attr->mtime;
        node->ctime = set & TREE_SET_CTIME ? attr->ctime : now;
        return 0;
}

static int setattr_locked(struct tree *tree, uint64_t ino, const struct tree_attr *attr,
                          unsigned set, struct tree_attr *ret)
{
        struct node *node;
        int r;

        r = attach_ino(tree, ino, &node);
        if (r == 0)
                r = node_touch(tree, node);
        if (r == 0)
                r = set_fields(node, attr, set);
        if (r == 0)
                node_attr(node, ret);
        return r;
}

int tree_setattr(struct tree *tree, uint64_t ino, const struct tree_attr *attr, unsigned set,
                 struct tree_attr *ret)
{
        struct node *node;
        int r;

        if (set & TREE_SET_SIZE) {
                r = content_begin(tree, ino, &node);
                if (r < 0)
                        return r;
                r = content_truncate(&node->file, &tree->store, attr->size);
                content_end(tree, node, r);
                if (r < 0)
                        return r;
        }
        pthread_mutex_lock(&tree->lock);
        r = setattr_locked(tree, ino, attr, set, ret);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

int tree_readlink(struct tree *tree, uint64_t ino, struct buf *ret)
{
        struct lower_ref lower;
        struct node *node;
        int r = -EINVAL;

        pthread_mutex_lock(&tree->lock);
        node = node_table_get(&tree->nodes, ino);
        if (node) {
                if (S_ISLNK(node->meta.mode))
                        r = buf_append_str(ret, node->target);
        } else if (lower_of_ino(tree, ino, &lower)) {
                const struct index_inode *inode = lower_inode(tree, lower);

                if (S_ISLNK(inode->mode))
                        r = buf_append(ret, tree->layers[lower.layer].index->strings + inode->place,
                                       inode->size);
        }
        pthread_mutex_unlock(&tree->lock);
        return r;
}

/* ---- extended attributes ---- */

static const struct xattr_set *xattrs_of(struct tree *tree, uint64_t ino, int *ret_error)
{
        struct node *node = node_table_get(&tree->nodes, ino);
        struct lower_ref lower;
        struct meta meta;

        *ret_error = 0;
        if (node)
                return node->meta.xattrs;
        if (!lower_of_ino(tree, ino, &lower)) {
                *ret_error = -ENOENT;
                return NULL;
        }
        lower_meta(tree, lower, &meta);
        return meta.xattrs;
}

ssize_t tree_getxattr(struct tree *tree, uint64_t ino, const char *name, void *value, size_t size)
{
        struct entry_xattr found;
        ssize_t r = xattr_check_name(name);
        int code;

        if (r < 0)
                return r;
        pthread_mutex_lock(&tree->lock);
        if (!xattr_set_find(xattrs_of(tree, ino, &code), name, &found))
                r = code < 0 ? code : -ENODATA;
        else if (size > 0 && size < found.value_len)
                r = -ERANGE;
        else
                r = (ssize_t)found.value_len;
        if (r > 0 && size > 0)
                memcpy(value, found.value, (size_t)r);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

ssize_t tree_listxattr(struct tree *tree, uint64_t ino, char *list, size_t size)
{
        const struct xattr_set *set;
        struct entry_xattr xattr;
        size_t at = 0, used = 0;
        int code;

        pthread_mutex_lock(&tree->lock);
        set = xattrs_of(tree, ino, &code);
        while (code == 0 && xattr_set_next(set, &at, &xattr)) {
                size_t len = strlen(xattr.name) + 1;

                if (xattr_check_name(xattr.name) < 0)
                        continue;
                if (size > 0 && used + len > size)
                        code = -ERANGE;
                else if (size > 0)
                        memcpy(list + used, xattr.name, len);
                used += len;
        }
        pthread_mutex_unlock(&tree->lock);
        return code < 0 ? code : (ssize_t)used;
}

/* What setting an access list, or taking it away, changes besides. `value` becomes NULL where the
 * mode says it all. */
static int change_list(struct node *node, const char *name, const void **value, size_t len,
                       int flags)
{
        bool needed;
        int r;

        if (!*value)
                return 0;
        if (strcmp(name, ACL_DEFAULT) == 0)
                return S_ISDIR(node->meta.mode) ? 0 : -EACCES;
        r = acl_to_mode(*value, len, &node->meta.mode, &needed);
        if (r < 0)
                return r;
        if (flags & TREE_XATTR_KILL_SGID)
                node->meta.mode &= ~(uint32_t)S_ISGID;
        if (!needed)
                *value = NULL;
        return 0;
}

static int change_xattr(struct tree *tree, uint64_t ino, const char *name, const void *value,
                        size_t len, int flags)
{
        const struct xattr_set *set;
        struct entry_xattr old;
        struct node *node;
        bool exists;
        int r;

        r = attach_ino(tree, ino, &node);
        if (r < 0)
                return r;
        exists = xattr_set_find(node->meta.xattrs, name, &old);
        if (exists && flags & XATTR_CREATE)
                return -EEXIST;
        if (!exists && (flags & XATTR_REPLACE || (!value && !acl_is_name(name))))
                return -ENODATA;
        r = node_touch(tree, node);
        if (r == 0 && acl_is_name(name))
                r = change_list(node, name, &value, len, flags);
        if (r == 0)
                r = xattr_set_with(node->meta.xattrs, name, value, len, &set);
        if (r < 0)
                return r;
        if (set && set->size > INDEX_XATTRS_MAX) {
                xattr_set_unref(set);
                return -ENOSPC;
        }
        xattr_set_unref(node->meta.xattrs);
        node->meta.xattrs = set;
        node->ctime = tree_now();
        return 0;
}

int tree_setxattr(struct tree *tree, uint64_t ino, const char *name, const void *value, size_t len,
                  int flags)
{
        int r = xattr_check_name(name);

        if (r < 0)
                return r;
        if (strlen(name) > XATTR_NAME_BYTES_MAX)
                return -ERANGE;
        if (len > XATTR_VALUE_BYTES_MAX)
                return -E2BIG;
        pthread_mutex_lock(&tree->lock);
        r = change_xattr(tree, ino, name, value ? value : "", len, flags);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

int tree_removexattr(struct tree *tree, uint64_t ino, const char *name)
{
        int r = xattr_check_name(name);

        if (r < 0)
                return r;
        pthread_mutex_lock(&tree->lock);
        r = change_xattr(tree, ino, name, NULL, 0, 0);
        pthread_mutex_unlock(&tree->lock);
        return r;
}
