#include "../small_tree.h"

#include <errno.h>
#include <stdio.h>

Test(tree_name, a_file_has_as_many_names_as_on_ext4)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr;
        uint64_t ino;

        small_tree_file(tree, "/file", "x");
        cr_assert_eq(tree_resolve(tree, "/file", false, &attr), 0);
        ino = attr.ino;
        for (unsigned i = 1; i < TREE_LINK_MAX; i++) {
                char name[16];

                snprintf(name, sizeof(name), "%u", i);
                cr_assert_eq(tree_link(tree, ino, TREE_ROOT, name, &attr), 0);
        }
        cr_assert_eq(attr.nlink, TREE_LINK_MAX);
        cr_assert_eq(tree_link(tree, ino, TREE_ROOT, "more", &attr), -EMLINK);
        cr_assert_eq(tree_unlink(tree, TREE_ROOT, "1"), 0);
        cr_assert_eq(tree_link(tree, ino, TREE_ROOT, "more", &attr), 0);
        tree_free(tree);
}

Test(tree_name, a_rename_that_would_leave_a_whiteout_is_refused)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr;

        small_tree_file(tree, "/file", "x");
        cr_assert_eq(tree_rename(tree, TREE_ROOT, "file", TREE_ROOT, "new", RENAME_WHITEOUT),
                     -EINVAL);
        cr_assert_eq(tree_resolve(tree, "/file", false, &attr), 0);
        tree_free(tree);
}
