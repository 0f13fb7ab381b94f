/*
 * POSIX access control lists, as the kernel stores them in extended attributes. Private to fs/.
 *
 * The kernel checks them; what it leaves to a filesystem is here: an access list and the mode of a
 * file say the same of owner, group (or mask) and others, and a directory's default list is handed
 * on to what is made in it. See acl(5).
 */
#pragma once

#include "tree_internal.h"

#define ACL_ACCESS  "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

bool acl_is_name(const char *name);

/*
 * Lets the mode follow a list that is about to become the access list. `ret_needed` is false where
 * it says nothing but the mode, and is not to be kept. -EINVAL: it is no list.
 */
int acl_to_mode(const void *value, size_t len, uint32_t *mode, bool *ret_needed);

/* Lets the access list, if there is one, follow a changed mode. Returns 0 or -ENOMEM. */
int acl_follow_mode(struct meta *meta);

/* Applies the directory's default list to what is made in it, or else the umask. Returns 0 or
 * -ENOMEM. */
int acl_inherit(const struct meta *dir, uint32_t umask, struct meta *meta);
