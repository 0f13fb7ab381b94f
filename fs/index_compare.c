/*
 * What two layers do not have alike. Directories that wait are on a list of their own, as names may
 * lie deeper than a stack is.
 */
#include "base/buf.h"
#include "base/cleanup.h"
#include "index_format.h"
#include "xattr.h"

#include <errno.h>
#include <stdlib.h>

struct pending {
        char *path; /* owned; "" or "/dir" */
        uint32_t was;
        uint32_t is;
};

struct comparison {
        const struct index *was;
        const struct index *is;
        struct pending *pending; /* owned */
        size_t count;
        index_differs differs;
        void *context;
};

static int add_pending(struct comparison *comparison, const char *path, uint32_t was, uint32_t is)
{
        struct pending *pending = reallocarray(comparison->pending, comparison->count + 1,
                                               sizeof(*comparison->pending));

        if (!pending)
                return -ENOMEM;
        comparison->pending = pending;
        pending[comparison->count] = (struct pending){ strdup(path), was, is };
        return pending[comparison->count++].path ? 0 : -ENOMEM;
}

static const uint8_t *digest_of_inode(const struct index *index, uint32_t inode)
{
        static const uint8_t unknown[INDEX_DIGEST_BYTES];
        const uint8_t *digest = index->digests[inode].bytes;

        return memcmp(digest, unknown, sizeof(unknown)) == 0 ? NULL : digest;
}

static const struct xattr_set *xattrs_of(const struct index *index, const struct index_inode *inode)
{
        return inode->xattrs ? (const void *)(index->xattrs + inode->xattrs) : NULL;
}

/* Fills how an inode differs. NULL: not by what is compared. */
static void compare_inodes(const struct comparison *comparison, uint32_t was_inode,
                           uint32_t is_inode, struct index_difference *ret)
{
        const struct index_inode *was = index_inode(comparison->was, was_inode);
        const struct index_inode *is = index_inode(comparison->is, is_inode);

        if ((was->mode & S_IFMT) != (is->mode & S_IFMT)) {
                ret->how = "is of another type";
        } else if (S_ISREG(was->mode)) {
                ret->was = digest_of_inode(comparison->was, was_inode);
                ret->is = digest_of_inode(comparison->is, is_inode);
                if (!ret->was || !ret->is)
                        ret->was = ret->is = NULL;
                if (was->size != is->size ||
                    (ret->was && memcmp(ret->was, ret->is, INDEX_DIGEST_BYTES) != 0))
                        ret->how = "has changed";
        } else if (S_ISLNK(was->mode)) {
                if (was->size != is->size ||
                    memcmp(comparison->was->strings + was->place,
                           comparison->is->strings + is->place, was->size) != 0)
                        ret->how = "leads elsewhere";
        } else if ((S_ISCHR(was->mode) || S_ISBLK(was->mode)) && was->place != is->place) {
                ret->how = "is another device";
        }
        if (ret->how)
                return;
        ret->was = ret->is = NULL;
        if ((was->flags | is->flags) & INDEX_IMPLIED)
                return;
        if (was->mode != is->mode)
                ret->how = "has another mode";
        else if (was->uid != is->uid || was->gid != is->gid)
                ret->how = "has another owner";
        else if (!xattr_set_equal(xattrs_of(comparison->was, was), xattrs_of(comparison->is, is)))
                ret->how = "has other extended attributes";
}

/* A name of both. What differs in a directory is found later. */
static int compare_entries(struct comparison *comparison, const char *path,
                           const struct index_entry *was, const struct index_entry *is)
{
        struct index_difference difference = { .path = path };

        if ((was->inode == 0) != (is->inode == 0))
                difference.how = was->inode == 0 ? "is new" : "is removed";
        else if (was->inode != 0)
                compare_inodes(comparison, was->inode, is->inode, &difference);
        if (difference.how)
                return comparison->differs(comparison->context, &difference);
        if (was->inode != 0 && S_ISDIR(index_inode(comparison->was, was->inode)->mode))
                return add_pending(comparison, path, was->inode, is->inode);
        return 0;
}

static int compare_next(struct comparison *comparison, const char *dir,
                        const struct index_entry *was, const struct index_entry *is, int order)
{
        const struct index_entry *any = order <= 0 ? was : is;
        const char *name = index_name(order <= 0 ? comparison->was : comparison->is, any);
        struct index_difference difference = {
                .how = order < 0 ? "is not there any more" : "is new",
        };
        struct buf path = BUF_INIT;
        int r = buf_appendf(&path, "%s/%.*s", dir, (int)any->name_len, name);

        difference.path = buf_str(&path);
        if (r == 0)
                r = order == 0 ? compare_entries(comparison, difference.path, was, is)
                               : comparison->differs(comparison->context, &difference);
        buf_done(&path);
        return r;
}

/* Both lists are sorted. */
static int compare_directories(struct comparison *comparison, const struct pending *dir)
{
        const struct index_inode *was = index_inode(comparison->was, dir->was);
        const struct index_inode *is = index_inode(comparison->is, dir->is);
        uint32_t i = 0, j = 0;
        int r = 0;

        while (r == 0 && (i < was->count || j < is->count)) {
                const struct index_entry *left = &comparison->was->entries[was->first + i];
                const struct index_entry *right = &comparison->is->entries[is->first + j];
                int order;

                if (i == was->count)
                        order = 1;
                else if (j == is->count)
                        order = -1;
                else
                        order = index_name_cmp(index_name(comparison->was, left), left->name_len,
                                               index_name(comparison->is, right), right->name_len);
                r = compare_next(comparison, dir->path, left, right, order);
                i += order <= 0;
                j += order >= 0;
        }
        return r;
}

int index_compare(const struct index *was, const struct index *is, index_differs differs,
                  void *context)
{
        struct comparison comparison = { was, is, NULL, 0, differs, context };
        int r = add_pending(&comparison, "", INDEX_ROOT, INDEX_ROOT);

        while (r == 0 && comparison.count > 0) {
                struct pending next = comparison.pending[--comparison.count];

                r = compare_directories(&comparison, &next);
                free(next.path);
        }
        while (comparison.count > 0)
                free(comparison.pending[--comparison.count].path);
        free(comparison.pending);
        return r;
}
