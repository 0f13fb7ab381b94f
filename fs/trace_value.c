/*
 * What a tree answers to what was observed of another.
 */
#include "trace_internal.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void answers_done(struct answers *answers)
{
        free(answers->inodes);
        number_map_done(&answers->links);
}

static int reserve(struct answers *answers, uint32_t at)
{
        uint32_t cap = answers->cap ? answers->cap : 256;
        uint64_t *inodes;

        if (at < answers->cap)
                return 0;
        while (cap <= at)
                cap *= 2;
        inodes = reallocarray(answers->inodes, cap, sizeof(*inodes));
        if (!inodes)
                return -ENOMEM;
        answers->inodes = inodes;
        answers->cap = cap;
        return 0;
}

static int look(struct answers *answers, const struct seen *items, uint32_t at, const char *name,
                struct tree_attr *ret)
{
        uint64_t dir;

        if (at == 0)
                return tree_getattr(answers->tree, TREE_ROOT, ret);
        dir = answers->inodes[items[at].parent];
        return dir == 0 ? -ENOENT : tree_lookup(answers->tree, dir, name, ret);
}

int answer_name(struct answers *answers, const struct seen *items, uint32_t at, const char *name,
                struct seen_value *ret)
{
        struct tree_attr attr;
        int r = reserve(answers, at);

        if (r < 0)
                return r;
        answers->inodes[at] = 0;
        *ret = (struct seen_value){ .mode = 0 };
        r = look(answers, items, at, name, &attr);
        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR ? 0 : r;
        answers->inodes[at] = attr.ino;
        *ret = (struct seen_value){ .mode = attr.mode,
                                    .uid = attr.uid,
                                    .gid = attr.gid,
                                    .device_major = attr.rdev_major,
                                    .device_minor = attr.rdev_minor };
        if (S_ISDIR(attr.mode))
                return 0;
        ret->size = attr.size;
        ret->nlink = attr.nlink;
        if (attr.nlink < 2)
                return 0;
        ret->same = number_map_get(&answers->links, attr.ino);
        if (ret->same != UINT32_MAX)
                return 0;
        ret->same = at;
        return number_map_put(&answers->links, attr.ino, at);
}

int answer_nothing(struct answers *answers, uint32_t at)
{
        int r = reserve(answers, at);

        if (r == 0)
                answers->inodes[at] = 0;
        return r;
}

/* ---- digests ---- */

unsigned digests_of(const struct seen *seen)
{
        return (unsigned)S_ISLNK(seen->value.mode) +
               (unsigned)__builtin_popcount(seen->uses & TRACE_DIGESTED);
}

static int target_digest(struct tree *tree, uint64_t ino, struct digest *ret, struct error *err)
{
        struct buf target = BUF_INIT;
        int r = tree_readlink(tree, ino, &target);

        r = r < 0 ? error_set_errno(err, r, "cannot read a symlink")
                  : digest_of(target.data, target.len, ret, err);
        buf_done(&target);
        return r;
}

struct hashed_listing {
        struct digest_hasher *hasher;
        struct error *err;
        int code;
};

static int hash_name_listed(void *userdata, const struct tree_dirent *entry)
{
        struct hashed_listing *listing = userdata;
        const uint64_t numbers[] = { entry->type, entry->name_len };

        if (path_name_is_dot(entry->name, entry->name_len))
                return 0;
        listing->code =
                digest_hasher_update(listing->hasher, numbers, sizeof(numbers), listing->err);
        if (listing->code == 0)
                listing->code = digest_hasher_update(listing->hasher, entry->name, entry->name_len,
                                                     listing->err);
        return listing->code;
}

/* Layers' names are listed sorted. */
static int listing_digest(struct tree *tree, uint64_t ino, struct digest *ret, struct error *err)
{
        struct hashed_listing listing = { .err = err };
        int r = digest_hasher_new(&listing.hasher, err);

        if (r < 0)
                return r;
        r = tree_readdir(tree, ino, 0, false, hash_name_listed, &listing);
        if (r < 0)
                error_set_errno(err, r, "cannot list a directory");
        if (r == 0)
                r = listing.code;
        if (r == 0)
                r = digest_hasher_finish(listing.hasher, ret, err);
        digest_hasher_free(listing.hasher);
        return r;
}

static int hash_xattr(struct tree *tree, uint64_t ino, const char *name,
                      struct digest_hasher *hasher, struct error *err)
{
        ssize_t size = tree_getxattr(tree, ino, name, NULL, 0);
        _cleanup_free_ char *value = size < 0 ? NULL : malloc((size_t)size + 1);
        uint64_t length = (uint64_t)size;
        int r;

        if (size < 0)
                return error_set_errno(err, (int)size, "cannot read an extended attribute");
        if (!value)
                return error_set_oom(err);
        size = tree_getxattr(tree, ino, name, value, (size_t)size);
        if (size < 0)
                return error_set_errno(err, (int)size, "cannot read an extended attribute");
        r = digest_hasher_update(hasher, name, strlen(name) + 1, err);
        if (r == 0)
                r = digest_hasher_update(hasher, &length, sizeof(length), err);
        return r < 0 ? r : digest_hasher_update(hasher, value, (size_t)size, err);
}

/* Of none the digest is zeros, as nearly all files have none. */
static int xattrs_digest(struct tree *tree, uint64_t ino, struct digest *ret, struct error *err)
{
        ssize_t size = tree_listxattr(tree, ino, NULL, 0);
        _cleanup_free_ char *names = NULL;
        struct digest_hasher *hasher;
        int r;

        *ret = (struct digest){ .bytes = { 0 } };
        if (size == 0)
                return 0;
        if (size > 0)
                names = malloc((size_t)size);
        if (size > 0 && !names)
                return error_set_oom(err);
        if (size > 0)
                size = tree_listxattr(tree, ino, names, (size_t)size);
        if (size < 0)
                return error_set_errno(err, (int)size, "cannot list extended attributes");
        r = digest_hasher_new(&hasher, err);
        if (r < 0)
                return r;
        for (ssize_t at = 0; at < size && r == 0; at += (ssize_t)strlen(names + at) + 1)
                r = hash_xattr(tree, ino, names + at, hasher, err);
        if (r == 0)
                r = digest_hasher_finish(hasher, ret, err);
        digest_hasher_free(hasher);
        return r;
}

/* A time as it is, in the room of a digest. */
static int time_digest(struct tree *tree, uint64_t ino, struct digest *ret, struct error *err)
{
        struct tree_attr attr;
        int r = tree_getattr(tree, ino, &attr);

        if (r < 0)
                return error_set_errno(err, r, "cannot look at a file");
        *ret = (struct digest){ .bytes = { 0 } };
        memcpy(ret->bytes, &attr.mtime.tv_sec, sizeof(attr.mtime.tv_sec));
        memcpy(ret->bytes + sizeof(attr.mtime.tv_sec), &attr.mtime.tv_nsec,
               sizeof(attr.mtime.tv_nsec));
        return 0;
}

int answer_digests(const struct answers *answers, const struct seen *items, uint32_t at,
                   struct digest *ret, struct error *err)
{
        uint64_t ino = answers->inodes[at];
        int r = 0;

        if (S_ISLNK(items[at].value.mode))
                r = target_digest(answers->tree, ino, ret++, err);
        if (r == 0 && items[at].uses & TRACE_LISTED)
                r = listing_digest(answers->tree, ino, ret++, err);
        if (r == 0 && items[at].uses & TRACE_READ)
                r = tree_content_digest(answers->tree, ino, ret++, err);
        if (r == 0 && items[at].uses & TRACE_XATTRS)
                r = xattrs_digest(answers->tree, ino, ret++, err);
        if (r == 0 && items[at].uses & TRACE_TIMED)
                r = time_digest(answers->tree, ino, ret++, err);
        return r;
}
