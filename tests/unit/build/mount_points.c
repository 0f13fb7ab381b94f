#include "mount_points.h"

#include "../small_tree.h"

#include <errno.h>

static const struct tree_new_inode directory = { .mode = S_IFDIR | 0755 };
static const struct tree_new_inode file = { .mode = S_IFREG | 0644 };

static bool has(struct tree *tree, const char *path, mode_t type)
{
        struct tree_attr attr;

        return tree_resolve(tree, path, false, &attr) == 0 && (attr.mode & S_IFMT) == type;
}

static struct execution_mount tmpfs_at(const char *target)
{
        return (struct execution_mount){ .mount = { .type = SANDBOX_MOUNT_TMPFS,
                                                    .target = target } };
}

Test(mount_points, are_made_where_nothing_is_and_taken_away_again)
{
        struct tree *tree = small_tree(NULL, 0);
        const struct execution_mount mount = tmpfs_at("/a/b/c");
        struct strv targets = STRV_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(mount_points_add(tree, &mount, 1, &targets, &err), 0, "%s", err.message);
        cr_assert_str_eq(targets.items[0], "/a/b/c");
        cr_assert(has(tree, "/a/b/c", S_IFDIR));
        tree_remove_stubs(tree);
        cr_assert(!has(tree, "/a", S_IFDIR));
        strv_done(&targets);
        tree_free(tree);
}

Test(mount_points, follow_the_symlinks_of_the_image_and_do_not_leave_it)
{
        struct tree *tree = small_tree(NULL, 0);
        const struct execution_mount mounts[] = { tmpfs_at("/var/run/x"), tmpfs_at("/up/y") };
        struct strv targets = STRV_INIT;
        struct error err = ERROR_INIT;

        small_tree_make(tree, "/run", &directory);
        small_tree_symlink(tree, "/var/run", "/run");
        small_tree_symlink(tree, "/up", "../../..");
        cr_assert_eq(mount_points_add(tree, mounts, 2, &targets, &err), 0, "%s", err.message);
        cr_assert_str_eq(targets.items[0], "/run/x");
        cr_assert_str_eq(targets.items[1], "/y");
        cr_assert(has(tree, "/run/x", S_IFDIR));
        strv_done(&targets);
        tree_free(tree);
}

Test(mount_points, are_files_for_files_and_lie_in_the_mount_that_covers_them)
{
        struct tree *tree = small_tree(NULL, 0), *outer = small_tree(NULL, 0),
                    *inner = small_tree(NULL, 0);
        const struct execution_mount mounts[] = {
                { .mount = { .type = SANDBOX_MOUNT_FUSE, .target = "/m", .source = "/s" },
                  .tree = outer },
                { .mount = { .type = SANDBOX_MOUNT_FUSE, .target = "/m/f", .source = "/f" },
                  .tree = inner },
        };
        struct strv targets = STRV_INIT;
        struct error err = ERROR_INIT;

        small_tree_make(outer, "/s", &directory);
        small_tree_make(inner, "/f", &file);
        cr_assert_eq(mount_points_add(tree, mounts, 2, &targets, &err), 0, "%s", err.message);
        cr_assert(has(tree, "/m", S_IFDIR));
        cr_assert(!has(tree, "/m/f", S_IFREG));
        cr_assert(has(outer, "/s/f", S_IFREG));
        mount_points_remove(mounts, 2);
        cr_assert(!has(outer, "/s/f", S_IFREG));
        strv_done(&targets);
        tree_free(inner);
        tree_free(outer);
        tree_free(tree);
}

Test(mount_points, nothing_is_mounted_in_a_tmpfs)
{
        struct tree *tree = small_tree(NULL, 0);
        const struct execution_mount mounts[] = { tmpfs_at("/t"), tmpfs_at("/t/below") };
        struct strv targets = STRV_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(mount_points_add(tree, mounts, 2, &targets, &err), -EINVAL);
        cr_assert_not_null(strstr(err.message, "/t/below"));
        strv_done(&targets);
        tree_free(tree);
}
