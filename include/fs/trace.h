/*
 * What a step has observed of the tree that it began with: floor 2.
 *
 * A *trace* is filled while a step runs, by the FUSE server and by whoever answers for it past the
 * server: each name that was looked up, found or not, and of each inode whether it was listed,
 * read, asked for xattrs, or changed. When the step is over, trace_evaluate() makes *observations*
 * of it: the paths with what they were before the step. They can be kept, and later be compared
 * with another tree: where all answer the same, the step would do the same there and change the
 * same.
 *
 * What a change carries over into the layer of what was there before counts as observed too: the
 * content of a file that is appended to, the attributes of the directories on the way.
 *
 * Not observed are times, but for one that the step has set to what it was; inode numbers, the
 * blocks that a file occupies, the order in which a directory is listed, and how much room the
 * filesystem has. A directory's number of links would tell of the directories in it:
 * server_options.plain_links shows none.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "fs/tree.h"

#include <stdbool.h>
#include <stdint.h>

/* A step that observes more is not traced to its end: trace_evaluate() says so. */
#define TRACE_NAMES_MAX (1u << 20)

struct trace;

int trace_new(struct trace **ret, struct error *err);
void trace_free(struct trace *trace);

/* ---- filling: from any thread. Failures are kept for trace_evaluate(). ---- */

enum trace_use {
        TRACE_LISTED = 1 << 0,
        TRACE_READ = 1 << 1,
        TRACE_XATTRS = 1 << 2,
        TRACE_CHANGED = 1 << 3, /* in part: the rest of it goes into the layer as it was */
        TRACE_CUT = 1 << 4,     /* emptied: what it held before does not matter any more */
        TRACE_TIMED = 1 << 5,   /* given a time, which may be the one that it has */
};

/* A name of a directory was looked up and means this inode, or nothing (0). An inode is known to
 * the trace by the first name under which it was found. */
void trace_name(struct trace *trace, uint64_t dir, const char *name, uint64_t ino);

/* A name is about to be made or taken away. */
void trace_name_changed(struct trace *trace, uint64_t dir, const char *name);

/* The same where it may be a directory's, which has to be empty for that. */
void trace_name_emptied(struct trace *trace, uint64_t dir, const char *name);

/* What a name means is about to get another one. */
void trace_renamed(struct trace *trace, uint64_t dir, const char *name);

/* The step depends on the tree by what is not noted: trace_evaluate() fails with `why`, a text that
 * outlives the trace. The first one counts. */
void trace_refuse(struct trace *trace, const char *why);

/* Something is mounted on a path, which has no symlink: of what lies below it the step sees
 * nothing. Returns 0 or a negative errno of the tree. */
int trace_cover(struct trace *trace, struct tree *tree, const char *path);

/* Directories are about to be made, where there are none, by tree_make_path(). */
int trace_make_path(struct trace *trace, struct tree *tree, const char *path);

/* An inode is used, as enum trace_use says. What the step has made is passed over. */
void trace_inode(struct trace *trace, uint64_t ino, unsigned uses);

/* Whether something was changed: the tree may then not be what it was when the step began. */
bool trace_has_changes(struct trace *trace);

/* ---- what was observed ---- */

struct observations;

/*
 * Looks up in `before`, a tree of nothing but the layers that the step began with, what the step
 * has observed there. `layer` is the index of what the step has changed, NULL where that is
 * nothing: what the step wrote and is not in there was found equal to what was there before.
 *
 * -EOPNOTSUPP: the step cannot be known by its observations; the error says why. -ENOMEM, -EIO.
 */
int trace_evaluate(const struct trace *trace, struct tree *before, const struct index *layer,
                   struct observations **ret, struct error *err);
void observations_free(struct observations *observations);
size_t observations_count(const struct observations *observations);

/* As bytes, to be read on machines of the same byte order. Reading: -EBADMSG, -ENOMEM. */
int observations_write(const struct observations *observations, struct buf *ret);
int observations_read(const void *data, size_t len, struct observations **ret);

/* Whether observations that somebody else has written could have been made here: each name once,
 * and asked for no more than what it was has. Returns 0, -EBADMSG or -ENOMEM. */
int observations_distrust(const struct observations *observations, struct error *err);

/*
 * Whether a tree, one of nothing but layers, answers the same. Returns 1, or 0 with the first
 * `differences_max` things that differ appended to `ret_differences`, as in "/etc/passwd has
 * another content; /etc/group has another size"; or -ENOMEM, -EIO with `err` set.
 */
int observations_check(const struct observations *observations, struct tree *tree,
                       size_t differences_max, struct buf *ret_differences, struct error *err);
