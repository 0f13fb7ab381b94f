/*
 * Users and groups as an image knows them. Private to src/build/.
 *
 * What USER and --chown name is looked up in the image's /etc/passwd and /etc/group, never in the
 * host's. They are read inside the tree, so neither a symlink nor a FIFO leads anywhere.
 */
#pragma once

#include "base/error.h"
#include "fs/tree.h"

#include <stdbool.h>
#include <stdint.h>

/* Of passwd and group each; longer files are refused. */
#define USERS_FILE_MAX ((size_t)4 << 20)

/* The kernel has 65536; no image needs a hundredth. */
#define USERS_GROUPS_MAX 1024

struct user {
        uint32_t uid;
        uint32_t gid;
        uint32_t *groups; /* supplementary, `gid` the first of them; owned */
        size_t group_count;
        char *home; /* owned; "/" where nothing is known */
        char *name; /* owned; NULL where the image has no name for it */
};

void user_done(struct user *user);

/*
 * Who "user", "user:group", "uid", "uid:gid" or "" (root) is, as USER of an image config has it.
 * Without a group, a user who has an entry gets its group and those that list him; one who has
 * none gets group 0. -EINVAL: there is no such user or group, or a number is out of range.
 */
int user_find(struct tree *tree, const char *text, struct user *ret, struct error *err);

/* The same for --chown, where a number is one whatever users are called, and stands for both user
 * and group where it has no group, as in BuildKit. */
int user_find_owner(struct tree *tree, const char *text, struct tree_owner *ret, struct error *err);

/* Whether that says it in numbers alone, so that no image need be looked at. */
bool user_owner_is_number(const char *text, struct tree_owner *ret);
