/*
 * A list of changes. Private to change.c, which makes one, and change_list.c, which reads it.
 */
#pragma once

#include "base/buf.h"
#include "fs/change.h"
#include "tree_internal.h"

struct change {
        size_t path; /* offset in the list's strings */
        size_t link; /* symlink, hard link: likewise */
        enum entry_type type;
        struct meta meta; /* with a reference to the xattrs */
        struct content content;
        uint64_t number; /* that it is shown under */
};

struct change_list {
        struct tree *tree; /* borrowed */
        struct content_store store;
        struct change *changes;
        size_t count;
        size_t cap;
        struct buf strings; /* each terminated */
        size_t next;
        struct entry_extent *extents; /* of the current entry, if it is sparse */
        struct entry_xattr *xattrs;
        const struct xattr_set *numbered; /* what `xattrs` lies in, where it is made for them */
};

/* An empty list of what the tree holds now. NULL: memory has run out. */
struct change_list *change_list_new(struct tree *tree);

void change_list_clear(struct change_list *list);

/* Each appends, and returns 0 or -ENOMEM. The new change is empty but for its path; it lies where
 * it is until the next one. */
int change_list_add(struct change_list *list, const char *path, size_t len, struct change **ret);
int change_list_add_string(struct change_list *list, const char *text, size_t len, size_t *ret);

/* Makes a new change one of a layer's inode. Returns 0 or -ENOMEM. */
int change_list_fill(struct change_list *list, struct change *change, struct lower_ref lower);
