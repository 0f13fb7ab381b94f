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
};

void change_list_clear(struct change_list *list);
