#include "../small_tree.h"

#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>

#define ACCESS  "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define NOBODY  ((unsigned)ACL_UNDEFINED_ID)

struct list {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[5];
};

/* user::rwx user:1000:rw- group::r-- mask::rw- other::--- */
static const struct list named = { { POSIX_ACL_XATTR_VERSION },
                                   { { ACL_USER_OBJ, 7, NOBODY },
                                     { ACL_USER, 6, 1000 },
                                     { ACL_GROUP_OBJ, 4, NOBODY },
                                     { ACL_MASK, 6, NOBODY },
                                     { ACL_OTHER, 0, NOBODY } } };

static uint32_t mode_of(struct tree *tree, const char *path)
{
        struct tree_attr attr;

        cr_assert_eq(tree_resolve(tree, path, false, &attr), 0);
        return attr.mode & 07777;
}

static void set_list(struct tree *tree, const char *path, const char *name)
{
        struct tree_attr attr;

        cr_assert_eq(tree_resolve(tree, path, false, &attr), 0);
        cr_assert_eq(tree_setxattr(tree, attr.ino, name, &named, sizeof(named), 0), 0);
}

/* The permissions of the list's mask. */
static int mask_of(struct tree *tree, const char *path)
{
        struct tree_attr attr;
        struct list list;

        cr_assert_eq(tree_resolve(tree, path, false, &attr), 0);
        if (tree_getxattr(tree, attr.ino, ACCESS, &list, sizeof(list)) != sizeof(list))
                return -1;
        return list.entries[3].e_perm;
}

Test(acl, an_access_list_and_the_mode_follow_each_other)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr = { .mode = 0751 };

        small_tree_file(tree, "/file", "x");
        set_list(tree, "/file", ACCESS);
        cr_assert_eq(mode_of(tree, "/file"), 0760);
        cr_assert_eq(tree_resolve(tree, "/file", false, &attr), 0);
        attr.mode = 0751;
        cr_assert_eq(tree_setattr(tree, attr.ino, &attr, TREE_SET_MODE, &attr), 0);
        cr_assert_eq(mask_of(tree, "/file"), 5);
        tree_free(tree);
}

Test(acl, what_is_made_in_a_directory_has_its_default_list_and_no_umask)
{
        struct tree_new_inode file = { .mode = S_IFREG | 0646, .umask = 077 };
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr dir, attr;

        cr_assert_eq(tree_make_path(tree, "/dir", 0755, &(struct tree_owner){ 0, 0 }, &dir), 0);
        cr_assert_eq(tree_create(tree, dir.ino, "before", &file, &attr), 0);
        cr_assert_eq(attr.mode & 0777, 0600);
        set_list(tree, "/dir", DEFAULT);
        cr_assert_eq(tree_create(tree, dir.ino, "after", &file, &attr), 0);
        cr_assert_eq(attr.mode & 0777, 0640);
        cr_assert_eq(mask_of(tree, "/dir/after"), 4);
        cr_assert_eq(mask_of(tree, "/dir/before"), -1);
        tree_free(tree);
}

Test(acl, a_list_that_says_no_more_than_a_mode_is_not_kept)
{
        struct list plain = { { POSIX_ACL_XATTR_VERSION },
                              { { ACL_USER_OBJ, 6, NOBODY },
                                { ACL_GROUP_OBJ, 5, NOBODY },
                                { ACL_OTHER, 4, NOBODY } } };
        size_t len = sizeof(plain.header) + 3 * sizeof(plain.entries[0]);
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr;

        small_tree_file(tree, "/file", "x");
        cr_assert_eq(tree_resolve(tree, "/file", false, &attr), 0);
        cr_assert_eq(tree_setxattr(tree, attr.ino, ACCESS, &plain, len, 0), 0);
        cr_assert_eq(mode_of(tree, "/file"), 0654);
        cr_assert_eq(tree_getxattr(tree, attr.ino, ACCESS, NULL, 0), -ENODATA);
        cr_assert_eq(tree_setxattr(tree, attr.ino, ACCESS, &plain, len - 8, 0), -EINVAL);
        cr_assert_eq(tree_setxattr(tree, attr.ino, ACCESS, &plain, 3, 0), -EINVAL);
        cr_assert_eq(tree_setxattr(tree, attr.ino, DEFAULT, &plain, len, 0), -EACCES);
        tree_free(tree);
}
