/*
 * What the parts of a layout share: private to fs/.
 */
#pragma once

#include "base/strv.h"
#include "fs/layout.h"

#include <sys/stat.h>

struct layout_xattr {
        struct layout_xattr *next;
        char *name;
        void *value;
        size_t len;
};

/* In the outer directory: the copy itself, and while it is laid out a name for each file that has
 * several, its inode's number. */
#define LAYOUT_COPY  "copy"
#define LAYOUT_LINKS "links"

/* What is known of an inode of the copy. */
struct layout_record {
        uint64_t host_ino;
        struct statx_timestamp birth;
        uint64_t ino; /* in the tree; 0: not there yet */
        struct tree_owner owner;
        uint32_t device_mode; /* of what stands for a device, with its type; else 0 */
        uint32_t rdev_major;
        uint32_t rdev_minor;
        uint32_t laid_mode; /* as it was laid out */
        struct statx_timestamp laid_mtime;
        struct statx_timestamp laid_ctime;
        struct layout_xattr *xattrs; /* owned */
        bool laid;                   /* it was not made by the step */
        bool owned;                  /* the step has said whose it is */
        bool noted;                  /* the step has said something that the file does not show */
        bool settled;                /* the tree has it as it is now */
};

struct layout {
        struct tree *tree;
        uint64_t root;
        struct tree_owner owner;
        int fd;        /* the directory that is the copy */
        int outer_fd;  /* the one around it, `name` in `parent_fd` */
        int parent_fd; /* borrowed */
        char name[32];
        struct statx_timestamp laid_at; /* ctime was this when all was laid out */
        bool has_xattrs;                /* the filesystem takes user.* */
        bool unsure;
        struct layout_record **records; /* open addressing; owned, each too */
        size_t record_count;
        size_t record_room; /* a power of two, or 0 */
};

/* A directory on the way, in the tree and in the copy. Only the innermost one is open: the others
 * are reached by "..", as nobody moves anything meanwhile. */
struct layout_level {
        uint64_t ino; /* in the tree */
        struct layout_record *record;
        struct strv names;
        size_t at;
        struct tree_attr attr; /* before anything was done to it */
        struct statx stx;      /* the same; of no use where the way is in the tree alone */
};

struct layout_way {
        struct layout_level *levels; /* owned */
        size_t count;
        size_t room;
        int fd; /* of the innermost one; owned */
};

/* Goes into a directory, whose `fd` the way owns from then on, also on an error. The new level is
 * empty but for `ino` and `stx`, which may be NULL where the way is in the tree alone. */
int layout_way_enter(struct layout_way *way, int fd, uint64_t ino, const struct statx *stx,
                     struct layout_level **ret);

/* Opens the directory around, or returns a negative errno; -EXDEV where ".." is another one than
 * the way came from. */
int layout_way_leave(struct layout_way *way);
void layout_way_done(struct layout_way *way);

/* "/a/b/name": what is being done, for errors. */
int layout_way_fail(const struct layout_way *way, const char *name, int code, const char *what,
                    struct error *err);

/* Appends the names of a directory of the tree. */
int layout_tree_names(struct tree *tree, uint64_t dir, struct strv *ret);

/* All that is to be known of `name` in `dir_fd`, or with "" of the descriptor itself. */
int layout_look(int dir_fd, const char *name, struct statx *ret);

static inline bool layout_same_time(const struct statx_timestamp *a,
                                    const struct statx_timestamp *b)
{
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether what the copy's inode shows is what was laid out. A ctime of the last tick of the clock
 * may be that of a later change too. */
static inline bool layout_is_as_laid(const struct layout *layout,
                                     const struct layout_record *record, const struct statx *stx)
{
        const struct statx_timestamp *at = &stx->stx_ctime, *end = &layout->laid_at;

        return record->laid && layout_same_time(&record->laid_ctime, at) &&
               (at->tv_sec != end->tv_sec ? at->tv_sec < end->tv_sec : at->tv_nsec < end->tv_nsec);
}

/* The record of an inode, or NULL. */
struct layout_record *layout_find(const struct layout *layout, const struct statx *stx);

/* The same; one is made where there is none. NULL: out of memory. */
struct layout_record *layout_find_or_add(struct layout *layout, const struct statx *stx);
void layout_forget_records(struct layout *layout);

/* Does to an inode of the tree what was done to that of the copy, which is `name` in `way->fd` or,
 * with "", the directory itself. `before` is what the tree said of it first. */
int layout_settle(struct layout *layout, const struct layout_way *way, const char *name,
                  const struct statx *stx, struct layout_record *record,
                  const struct tree_attr *before, struct error *err);

/* The last of it, once nothing else is done to the inode. */
int layout_settle_times(struct layout *layout, const struct statx *stx,
                        const struct layout_record *record, const struct tree_attr *before);
