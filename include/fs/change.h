/*
 * What a step has changed, as entries of a layer: floor 2.
 *
 * A list is a snapshot: the tree may go on changing while it is read and sealed. It holds what
 * the image specification wants of a layer (image-spec v1.1, layer.md): the changed entries in
 * the order of their paths, each behind the directories that lead to it, ".wh.NAME" for what is
 * gone, ".wh..wh..opq" in a directory that hides a lower one, and hard links behind the first name
 * of their file. What is equal to what was there before, in metadata and content, is not in it;
 * nor are sockets, which no tar can hold.
 */
#pragma once

#include "archive/entry.h"
#include "base/buf.h"
#include "base/error.h"
#include "fs/tree.h"

struct change_list;

/*
 * Ends the tree's epoch: yields what has changed since the last commit, and begins a new one. The
 * tree must outlive the list. It may be mounted and in use: then the list is what there was at one
 * instant, but for what was written through shared mappings and the kernel still holds back.
 *
 * -ENOSPC, -EIO: some write of the step was lost, because the spool could not take it; no layer
 * may be made of what is there. -EINVAL: a name begins with ".wh.", which the error tells.
 */
int tree_commit(struct tree *tree, struct change_list **ret, struct error *err);

/* What is committed from now on has no later time than this: what a list holds of the tree's own
 * inodes, and these inodes themselves, so that whoever looks at them next sees what the layer has.
 * What lies in a layer alone keeps its time. */
void tree_clamp_times(struct tree *tree, const struct timespec *latest);

/*
 * As tree_commit(), for a tree whose topmost layer is to be replaced by what is committed: the list
 * holds that layer with all that has changed since, against the layers below it. The tree is only
 * to be read afterwards. NULL where nothing has changed.
 */
int tree_commit_onto(struct tree *tree, struct change_list **ret, struct error *err);

void change_list_free(struct change_list *list);

size_t change_list_count(const struct change_list *list);

/*
 * Takes out of the list each name of a file that may not be read, which no second try will change
 * (EACCES, EPERM). Returns how many names that were, and tells the first ones in `ret_names`;
 * -ENOMEM. Whoever seals a list and meets such a file saves the rest with it.
 */
int change_list_drop_forbidden(struct change_list *list, struct buf *ret_names);

/* The list as a source of entries (archive/entry.h), from its first one on. Whiteouts are empty
 * files. */
struct entry_source change_list_source(struct change_list *list);
