/*
 * A union tree laid out in a directory of the host, and taken back: floor 2.
 *
 * It stands in for the FUSE server (fs/server.h) where the host has no /dev/fuse: a step runs in a
 * plain copy of its tree, which belongs to the user, and afterwards a walk of the copy finds what
 * has changed, and does the same to the tree. What comes out is what the server would have left
 * there, but for what one user's plain files cannot hold:
 *   - Owners are noted beside the files (layout_chown()); what the step has made and nobody was
 *     told of (layout_own()) belongs to one owner, whoever has made it.
 *   - A device is an empty file, of which layout_getattr() tells what it means.
 *   - Only xattrs of user.* and file capabilities that the step sets are seen by it, and others
 *     stay what they were in the tree. Access control lists that it sets are lost.
 *
 * An inode of the copy is known by its number and the time of its birth, so that a number that is
 * used again is another one; on filesystems that tell no such time, by its number alone.
 *
 * Only one thread at a time may use a layout, and nobody else the tree while one is made or taken
 * back.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "fs/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct layout;

/*
 * Copies the directory `root` of the tree, with all below it, to a new directory beside the spool's
 * file. `owner` is whose everything is that is made in it.
 *
 * Returns 0 or a negative errno: -ENOSPC; -ENOEXEC where no program could be executed there.
 */
int layout_make(struct tree *tree, uint64_t root, const struct tree_owner *owner,
                struct layout **ret, struct error *err);

/* Removes the directory. */
void layout_free(struct layout *layout);

/* The directory, open; borrowed. */
int layout_dir(const struct layout *layout);

/* What is said of a file of the copy, `fd` being any descriptor of it: its inode in the copy, type,
 * mode, owner, device. Other fields are 0. */
int layout_getattr(struct layout *layout, int fd, struct tree_attr *ret);

/* As an owner of layout_chown(): leave it as it is. */
#define LAYOUT_UNCHANGED UINT32_MAX

/* Notes an owner, and clears setuid and setgid as the kernel does. */
int layout_chown(struct layout *layout, int fd, uint32_t uid, uint32_t gid);

/* Notes whose `name` is, which somebody has made; nothing where that is known already. -ENOENT. */
int layout_own(struct layout *layout, int dir_fd, const char *name, const struct tree_owner *owner);

/* Makes what stands for a device. */
int layout_mknod(struct layout *layout, int dir_fd, const char *name,
                 const struct tree_new_inode *inode);

/* Notes an attribute that only the kernel's root may set. */
int layout_setxattr(struct layout *layout, int fd, const char *name, const void *value, size_t len);

/*
 * Does to the tree what was done to the copy, which nobody uses any more, and which is of no use
 * afterwards. With `unsure`, a file of which nobody has said whose it is gets no setuid or setgid
 * bit that the step has set.
 */
int layout_take_back(struct layout *layout, bool unsure, struct error *err);

DEFINE_CLEANUP(layout, struct layout, layout_free)
