#include "build/compare.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "tree_walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* A file of several names, and a digest of which they are. */
struct linked {
        uint64_t ino;
        uint64_t names;
        UT_hash_handle hh;
};

/* One of both trees. */
struct side {
        struct tree *tree;
        struct tree_walk *walk; /* owned */
        struct linked *linked;  /* owned, once a file of several names was met */
        bool knows_linked;
        const char *path; /* where the walk is; NULL: at its end */
        struct tree_attr attr;
};

struct comparison {
        struct side was;
        struct side is;
        bool begun;
        bool takes_was; /* the walk that is to go on */
        bool takes_is;
        struct buf top; /* the topmost directory that was added, removed or replaced */
        bool has_top;
};

static void side_done(struct side *side)
{
        struct linked *linked, *next;

        HASH_ITER (hh, side->linked, linked, next) {
                HASH_DEL(side->linked, linked);
                free(linked);
        }
        tree_walk_free(side->walk);
}

void comparison_free(struct comparison *comparison)
{
        if (!comparison)
                return;
        side_done(&comparison->was);
        side_done(&comparison->is);
        buf_done(&comparison->top);
        free(comparison);
}

int comparison_new(struct tree *was, struct tree *is, struct comparison **ret, struct error *err)
{
        struct comparison *comparison = calloc(1, sizeof(*comparison));
        int r = 0;

        if (!comparison)
                return error_set_oom(err);
        comparison->was.tree = was;
        comparison->is.tree = is;
        if (was)
                r = tree_walk_new(was, &comparison->was.walk, err);
        if (r == 0)
                r = tree_walk_new(is, &comparison->is.walk, err);
        if (r < 0) {
                comparison_free(comparison);
                return r;
        }
        *ret = comparison;
        return 0;
}

/* ---- files of several names ---- */

static int add_name(struct side *side, uint64_t ino, const char *path)
{
        struct linked *linked;

        HASH_FIND(hh, side->linked, &ino, sizeof(ino), linked);
        if (!linked) {
                linked = calloc(1, sizeof(*linked));
                if (!linked)
                        return -ENOMEM;
                linked->ino = ino;
                linked->names = 0xcbf29ce484222325; /* FNV-1a */
                HASH_ADD(hh, side->linked, ino, sizeof(linked->ino), linked);
        }
        do
                linked->names = (linked->names ^ (unsigned char)*path) * 0x100000001b3;
        while (*path++);
        return 0;
}

/* Walks the tree once for the names of files that have several. */
static int know_linked(struct side *side, struct error *err)
{
        struct tree_walk *walk;
        struct tree_attr attr;
        const char *path;
        int r;

        if (side->knows_linked)
                return 0;
        r = tree_walk_new(side->tree, &walk, err);
        if (r < 0)
                return r;
        while ((r = tree_walk_next(walk, &path, &attr, err)) > 0)
                if (!S_ISDIR(attr.mode) && attr.nlink > 1 && add_name(side, attr.ino, path) < 0) {
                        r = error_set_oom(err);
                        break;
                }
        tree_walk_free(walk);
        side->knows_linked = r == 0;
        return r;
}

static uint64_t names_of(const struct side *side)
{
        struct linked *linked;

        HASH_FIND(hh, side->linked, &side->attr.ino, sizeof(side->attr.ino), linked);
        return linked ? linked->names : 0;
}

static int compare_links(struct comparison *comparison, unsigned *aspects, struct error *err)
{
        struct side *was = &comparison->was, *is = &comparison->is;
        int r;

        if (S_ISDIR(is->attr.mode) || (was->attr.nlink < 2 && is->attr.nlink < 2))
                return 0;
        r = know_linked(was, err);
        if (r == 0)
                r = know_linked(is, err);
        if (r == 0 && names_of(was) != names_of(is))
                *aspects |= COMPARE_LINKS;
        return r;
}

/* ---- what differs ---- */

static int compare_targets(const struct side *was, const struct side *is, bool *ret_equal)
{
        struct buf left = BUF_INIT, right = BUF_INIT;
        int r = tree_readlink(was->tree, was->attr.ino, &left);

        if (r == 0)
                r = tree_readlink(is->tree, is->attr.ino, &right);
        *ret_equal = strcmp(buf_str(&left), buf_str(&right)) == 0;
        buf_done(&left);
        buf_done(&right);
        return r;
}

static int compare_content(const struct side *was, const struct side *is, unsigned *aspects,
                           struct error *err)
{
        struct digest left = { .bytes = { 0 } }, right = left;
        bool equal = true;
        int r = 0;

        if (S_ISLNK(is->attr.mode)) {
                r = compare_targets(was, is, &equal);
                if (r < 0)
                        error_set_errno(err, r, "cannot read the link /%s", is->path);
        } else if (S_ISREG(is->attr.mode) && was->attr.size != is->attr.size) {
                equal = false;
        } else if (S_ISREG(is->attr.mode)) {
                r = tree_content_digest(was->tree, was->attr.ino, &left, err);
                if (r == 0)
                        r = tree_content_digest(is->tree, is->attr.ino, &right, err);
                equal = r < 0 || digest_equal(&left, &right);
        } else if (S_ISCHR(is->attr.mode) || S_ISBLK(is->attr.mode)) {
                equal = was->attr.rdev_major == is->attr.rdev_major &&
                        was->attr.rdev_minor == is->attr.rdev_minor;
        }
        if (!equal)
                *aspects |= COMPARE_CONTENT;
        return r;
}

static int compare_xattrs(const struct side *was, const struct side *is, unsigned *aspects,
                          struct error *err)
{
        struct tree_xattrs left, right;
        bool equal;
        int r = tree_xattrs_read(was->tree, was->attr.ino, &left, err);

        if (r < 0)
                return r;
        r = tree_xattrs_read(is->tree, is->attr.ino, &right, err);
        if (r == 0) {
                equal = left.count == right.count;
                for (size_t i = 0; i < left.count && equal; i++) {
                        const struct entry_xattr *a = &left.items[i], *b = &right.items[i];

                        equal = strcmp(a->name, b->name) == 0 && a->value_len == b->value_len &&
                                memcmp(a->value, b->value, a->value_len) == 0;
                }
                if (!equal)
                        *aspects |= COMPARE_XATTRS;
                tree_xattrs_done(&right);
        }
        tree_xattrs_done(&left);
        return r;
}

static int compare_inodes(struct comparison *comparison, unsigned *aspects, struct error *err)
{
        const struct tree_attr *was = &comparison->was.attr, *is = &comparison->is.attr;
        int r;

        *aspects = 0;
        if ((was->mode ^ is->mode) & S_IFMT) {
                *aspects = COMPARE_TYPE;
                return 0;
        }
        if (was->mode != is->mode)
                *aspects |= COMPARE_MODE;
        if (was->uid != is->uid || was->gid != is->gid)
                *aspects |= COMPARE_OWNER;
        if (!clock_equal(&was->mtime, &is->mtime))
                *aspects |= COMPARE_TIME;
        r = compare_content(&comparison->was, &comparison->is, aspects, err);
        if (r == 0)
                r = compare_xattrs(&comparison->was, &comparison->is, aspects, err);
        return r < 0 ? r : compare_links(comparison, aspects, err);
}

/* ---- the walk ---- */

static int advance(struct side *side, struct error *err)
{
        int r = side->walk ? tree_walk_next(side->walk, &side->path, &side->attr, err) : 0;

        if (r <= 0)
                side->path = NULL;
        return r < 0 ? r : 0;
}

/* Whether a path is in the directory that was the last to be added, removed or replaced. */
static bool is_inside(const struct comparison *comparison, const char *path)
{
        size_t len = comparison->top.len;

        return comparison->has_top && *path &&
               (len == 0 || (strncmp(path, comparison->top.data, len) == 0 && path[len] == '/'));
}

/* Sets what is told of a path. Returns 1 where it is a difference, else 0. */
static int judge(struct comparison *comparison, struct difference *ret, struct error *err)
{
        const struct side *was = &comparison->was, *is = &comparison->is;
        int order = !was->path ? 1 : !is->path ? -1 : tree_walk_compare(was->path, is->path);
        int r = 0;

        comparison->takes_was = order <= 0;
        comparison->takes_is = order >= 0;
        *ret = (struct difference){
                .state = order < 0   ? COMPARE_REMOVED
                         : order > 0 ? COMPARE_ADDED
                                     : COMPARE_CHANGED,
                .path = order < 0 ? was->path : is->path,
        };
        if (order <= 0)
                ret->was = was->attr;
        if (order >= 0)
                ret->is = is->attr;
        ret->inside = is_inside(comparison, ret->path);
        if (order == 0)
                r = compare_inodes(comparison, &ret->aspects, err);
        if (r < 0 || (order == 0 && ret->aspects == 0))
                return r;
        if (!ret->inside && (order != 0 || ret->aspects == COMPARE_TYPE)) {
                buf_clear(&comparison->top);
                comparison->has_top = true;
                if (buf_append_str(&comparison->top, ret->path) < 0)
                        return error_set_oom(err);
        }
        return 1;
}

int comparison_next(struct comparison *comparison, struct difference *ret, struct error *err)
{
        int r = 0;

        if (!comparison->begun)
                comparison->takes_was = comparison->takes_is = comparison->begun = true;
        while (r == 0) {
                if (comparison->takes_was)
                        r = advance(&comparison->was, err);
                if (r == 0 && comparison->takes_is)
                        r = advance(&comparison->is, err);
                if (r < 0 || (!comparison->was.path && !comparison->is.path))
                        return r;
                r = judge(comparison, ret, err);
        }
        return r;
}

/* ---- in words ---- */

static int add(struct buf *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int add(struct buf *text, const char *format, ...)
{
        va_list arguments;
        int r = text->len > 0 ? buf_append_str(text, ", ") : 0;

        va_start(arguments, format);
        if (r == 0)
                r = buf_vappendf(text, format, arguments);
        va_end(arguments);
        return r;
}

/* Where two files begin to differ; the shorter one's end where all of it is the other's. */
static int find_first(struct tree *was, struct tree *is, const struct difference *difference,
                      uint64_t *ret)
{
        char left[16384], right[sizeof(left)];

        for (uint64_t offset = 0;; offset += sizeof(left)) {
                ssize_t n = tree_read(was, difference->was.ino, offset, left, sizeof(left));
                ssize_t m = tree_read(is, difference->is.ino, offset, right, sizeof(right));
                ssize_t at = 0;

                if (n < 0 || m < 0)
                        return (int)(n < 0 ? n : m);
                while (at < n && at < m && left[at] == right[at])
                        at++;
                if (at < (ssize_t)sizeof(left)) {
                        *ret = offset + (uint64_t)at;
                        return 0;
                }
        }
}

static int describe_content(struct tree *was, struct tree *is, const struct difference *difference,
                            struct buf *ret, struct error *err)
{
        const struct tree_attr *a = &difference->was, *b = &difference->is;
        uint64_t first;
        int r;

        if (!S_ISREG(b->mode))
                return add(ret, "another %s", S_ISLNK(b->mode) ? "target" : "device");
        r = find_first(was, is, difference, &first);
        if (r < 0)
                return error_set_errno(err, r, "cannot read /%s", difference->path);
        if (a->size == b->size)
                return add(ret, "another content (of %" PRIu64 " bytes, from byte %" PRIu64 " on)",
                           b->size, first);
        return add(ret,
                   "another content (%" PRIu64 " and %" PRIu64 " bytes, from byte %" PRIu64 " on)",
                   a->size, b->size, first);
}

int difference_describe(struct tree *was, struct tree *is, const struct difference *difference,
                        struct buf *ret, struct error *err)
{
        const struct tree_attr *a = &difference->was, *b = &difference->is;
        char before[CLOCK_TEXT_MAX], after[CLOCK_TEXT_MAX];
        unsigned aspects = difference->aspects;
        size_t begin = ret->len;
        struct buf text = BUF_INIT;
        int r = 0;

        if (aspects & COMPARE_TYPE)
                r = add(&text, "another type");
        if (r == 0 && aspects & COMPARE_CONTENT)
                r = describe_content(was, is, difference, &text, err);
        if (r == 0 && aspects & COMPARE_MODE)
                r = add(&text, "another mode (%04o, %04o)", a->mode & 07777, b->mode & 07777);
        if (r == 0 && aspects & COMPARE_OWNER)
                r = add(&text, "another owner (%u:%u, %u:%u)", a->uid, a->gid, b->uid, b->gid);
        if (r == 0 && aspects & COMPARE_XATTRS)
                r = add(&text, "other extended attributes");
        if (r == 0 && aspects & COMPARE_LINKS)
                r = add(&text, "other hard links");
        clock_format(&a->mtime, before);
        clock_format(&b->mtime, after);
        if (r == 0 && aspects & COMPARE_TIME)
                r = add(&text, "another time (%s, %s)", before, after);
        if (r == 0)
                r = buf_append(ret, text.data, text.len);
        buf_done(&text);
        if (r < 0)
                ret->len = begin;
        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}
