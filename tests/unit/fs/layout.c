#include "fs/layout.h"

#include "../entry_log.h"
#include "../small_tree.h"
#include "fs/change.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tree_owner maker = { .uid = 7, .gid = 8 };

/* A tree with an epoch behind it. */
static struct tree *make_tree(void)
{
        struct tree *tree = small_tree(NULL, 0);
        struct change_list *list;
        struct error err = ERROR_INIT;
        struct tree_new_inode device = {
                .mode = S_IFCHR | 0600, .owner = { 3, 4 }, .rdev_major = 1, .rdev_minor = 3
        };
        struct tree_attr attr;
        uint64_t ino;

        small_tree_file(tree, "/d/one", "one");
        ino = small_tree_file(tree, "/d/two", "two");
        cr_assert_eq(tree_link(tree, ino, TREE_ROOT, "three", &attr), 0);
        small_tree_symlink(tree, "/d/l", "one");
        small_tree_make(tree, "/null", &device);
        small_tree_make(tree, "/shut/in",
                        &(struct tree_new_inode){ .mode = S_IFREG, .owner = { 5, 6 } });
        cr_assert_eq(tree_resolve(tree, "/shut", false, &attr), 0);
        attr.mode = S_IFDIR | 0500;
        cr_assert_eq(tree_setattr(tree, attr.ino, &attr, TREE_SET_MODE, &attr), 0);
        cr_assert_eq(tree_commit(tree, &list, &err), 0);
        change_list_free(list);
        return tree;
}

static struct layout *lay_out(struct tree *tree)
{
        struct layout *layout = NULL;
        struct error err = ERROR_INIT;

        cr_assert_eq(layout_make(tree, TREE_ROOT, &maker, &layout, &err), 0, "%s", err.message);
        return layout;
}

/* What has changed, without times and sizes of directories. */
static void assert_taken(struct tree *tree, struct layout *layout, bool unsure,
                         const char *expected)
{
        struct error err = ERROR_INIT;
        struct buf log = BUF_INIT;
        struct entry_source source;
        struct change_list *list;
        struct entry entry;

        cr_assert_eq(layout_take_back(layout, unsure, &err), 0, "%s", err.message);
        cr_assert_eq(tree_commit(tree, &list, &err), 0, "%s", err.message);
        source = change_list_source(list);
        while (source.next(source.context, &entry, &err) > 0) {
                entry.mtime = (struct timespec){ .tv_sec = 0 };
                if (strcmp(entry.path, "./") != 0)
                        entry_log_entry(&log, &entry);
        }
        cr_assert_str_eq(buf_str(&log), expected, "%s", buf_str(&log));
        change_list_free(list);
        buf_done(&log);
        layout_free(layout);
        tree_free(tree);
}

static int open_in(const struct layout *layout, const char *path, int flags)
{
        int fd = openat(layout_dir(layout), path, flags | O_CLOEXEC, 0644);

        cr_assert_geq(fd, 0, "%s: %m", path);
        return fd;
}

Test(layout, of_which_nothing_was_changed_changes_nothing)
{
        struct tree *tree = make_tree();

        assert_taken(tree, lay_out(tree), false, "");
}

Test(layout, leaves_no_directory_behind)
{
        struct tree *tree = make_tree();
        struct layout *layout = lay_out(tree);
        char link[64], path[256];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", layout_dir(layout));
        n = readlink(link, path, sizeof(path) - 1);
        cr_assert_gt(n, 0);
        path[n] = '\0';
        cr_expect_eq(access(path, F_OK), 0);
        layout_free(layout);
        cr_expect_neq(access(path, F_OK), 0);
        tree_free(tree);
}

Test(layout, takes_back_what_was_written_made_and_removed)
{
        struct tree *tree = make_tree();
        struct layout *layout = lay_out(tree);
        int fd = open_in(layout, "d/one", O_WRONLY | O_TRUNC), dir = layout_dir(layout);

        cr_expect_eq(write(fd, "other", 5), 5);
        close(fd);
        close(open_in(layout, "new", O_WRONLY | O_CREAT));
        cr_expect_eq(unlinkat(dir, "null", 0), 0);
        assert_taken(tree, layout, false,
                     "d d 0755 0:0 0.000000000 0\n"
                     "- d/one 0644 0:0 0.000000000 5\n"
                     "- new 0644 7:8 0.000000000 0\n"
                     "- .wh.null 0000 0:0 0.000000000 0\n");
}

Test(layout, sees_that_content_differs_where_size_and_mtime_do_not)
{
        struct tree *tree = make_tree();
        struct layout *layout = lay_out(tree);
        struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
        int fd = open_in(layout, "d/one", O_WRONLY);
        struct stat st;

        cr_assert_eq(fstat(fd, &st), 0);
        times[1] = st.st_mtim;
        cr_expect_eq(write(fd, "eno", 3), 3);
        cr_expect_eq(futimens(fd, times), 0);
        close(fd);
        assert_taken(tree, layout, false,
                     "d d 0755 0:0 0.000000000 0\n"
                     "- d/one 0644 0:0 0.000000000 3\n");
}

Test(layout, takes_what_was_touched_and_is_the_same_for_the_same)
{
        struct tree *tree = make_tree();
        struct layout *layout = lay_out(tree);
        int fd = open_in(layout, "d/one", O_RDONLY);

        cr_expect_eq(fchmod(fd, 0600), 0);
        cr_expect_eq(fchmod(fd, 0644), 0);
        close(fd);
        assert_taken(tree, layout, false, "");
}

Test(layout, finds_what_was_renamed_with_its_owner)
{
        struct tree *tree = make_tree();
        struct layout *layout = lay_out(tree);
        int dir = layout_dir(layout);

        cr_expect_eq(renameat(dir, "null", dir, "d/zero"), 0);
        cr_expect_eq(renameat(dir, "shut", dir, "open"), 0);
        assert_taken(tree, layout, false,
                     "d d 0755 0:0 0.000000000 0\n"
                     "c d/zero 0600 3:4 0.000000000 0 1,3\n"
                     "- .wh.null 0000 0:0 0.000000000 0\n"
                     "d open 0500 0:0 0.000000000 0\n"
                     "- open/in 0000 5:6 0.000000000 0\n"
                     "- .wh.shut 0000 0:0 0.000000000 0\n");
}

Test(layout, notes_owners_devices_and_attributes)
{
        struct tree *tree = make_tree();
        struct layout *layout = lay_out(tree);
        const struct tree_new_inode device = {
                .mode = S_IFBLK | 0640, .owner = { 9, 10 }, .rdev_major = 8, .rdev_minor = 1
        };
        int fd = open_in(layout, "d/one", O_RDONLY);
        struct tree_attr attr;

        cr_expect_eq(fchmod(fd, 04755), 0);
        cr_expect_eq(layout_chown(layout, fd, 33, LAYOUT_UNCHANGED), 0);
        cr_expect_eq(layout_getattr(layout, fd, &attr), 0);
        cr_expect_eq(attr.uid, 33);
        cr_expect_eq(attr.mode, S_IFREG | 0755u, "setuid is root's no more");
        cr_expect_eq(layout_setxattr(layout, fd, "trusted.x", "y", 1), 0);
        close(fd);
        cr_expect_eq(layout_mknod(layout, layout_dir(layout), "sda", &device), 0);
        assert_taken(tree, layout, false,
                     "d d 0755 0:0 0.000000000 0\n"
                     "- d/one 0755 33:0 0.000000000 3 trusted.x=79\n"
                     "b sda 0640 9:10 0.000000000 0 8,1\n");
}

Test(layout, keeps_one_value_of_an_attribute_and_no_more_than_fit)
{
        struct tree *tree = make_tree();
        struct layout *layout = lay_out(tree);
        int fd = open_in(layout, "d/one", O_RDONLY), r = 0;
        static char value[65536];

        cr_expect_eq(layout_setxattr(layout, fd, "trusted.x", "y", 1), 0);
        for (int i = 0; i < 64; i++)
                cr_expect_eq(layout_setxattr(layout, fd, "trusted.big", value, sizeof(value)), 0);
        cr_expect_eq(layout_setxattr(layout, fd, "trusted.big", "z", 1), 0);
        close(fd);
        fd = open_in(layout, "d/two", O_RDONLY);
        for (int i = 0; i < 32 && r == 0; i++) {
                char name[16];

                snprintf(name, sizeof(name), "trusted.%d", i);
                r = layout_setxattr(layout, fd, name, value, sizeof(value));
        }
        cr_expect_eq(r, -ENOSPC);
        cr_expect_eq(unlinkat(layout_dir(layout), "d/two", 0), 0);
        cr_expect_eq(unlinkat(layout_dir(layout), "three", 0), 0);
        close(fd);
        assert_taken(tree, layout, false,
                     "d d 0755 0:0 0.000000000 0\n"
                     "- d/one 0644 0:0 0.000000000 3 trusted.big=7a trusted.x=79\n"
                     "- d/.wh.two 0000 0:0 0.000000000 0\n"
                     "- .wh.three 0000 0:0 0.000000000 0\n");
}

/* Makes directories in each other, the last one of `mode`, with a file in it that is "/last" too.
 */
static void make_deep(struct tree *tree, int depth, uint32_t mode)
{
        struct tree_new_inode inode = { .mode = S_IFDIR | 0755 };
        uint64_t dir = TREE_ROOT;
        struct tree_attr attr;

        for (int i = 0; i < depth; i++) {
                cr_assert_eq(tree_create(tree, dir, "a-name-of-some-length", &inode, &attr), 0);
                dir = attr.ino;
        }
        inode.mode = S_IFREG | 0644;
        cr_assert_eq(tree_create(tree, dir, "file", &inode, &attr), 0);
        cr_assert_eq(tree_link(tree, attr.ino, TREE_ROOT, "last", &attr), 0);
        attr.mode = S_IFDIR | mode;
        cr_assert_eq(tree_setattr(tree, dir, &attr, TREE_SET_MODE, &attr), 0);
}

Test(layout, is_as_deep_as_the_tree_with_few_descriptors)
{
        struct rlimit usual, few = { .rlim_cur = 32 };
        struct tree *tree = small_tree(NULL, 0);
        struct error err = ERROR_INIT;
        struct change_list *list;
        struct layout *layout;

        make_deep(tree, 1000, 0);
        cr_assert_eq(tree_commit(tree, &list, &err), 0);
        change_list_free(list);
        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
        few.rlim_max = usual.rlim_max;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        layout = lay_out(tree);
        close(open_in(layout, "new", O_WRONLY | O_CREAT));
        assert_taken(tree, layout, false, "- new 0644 7:8 0.000000000 0\n");
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
}

Test(layout, knows_links_of_which_one_is_in_a_closed_directory)
{
        const uid_t nobody = 65534, caller = geteuid();
        struct tree *tree = small_tree(NULL, 0);
        struct error err = ERROR_INIT;
        struct change_list *list;
        struct layout *layout;
        int fd;

        make_deep(tree, 1, 0);
        cr_assert_eq(tree_commit(tree, &list, &err), 0);
        change_list_free(list);
        /* Root may enter all directories. */
        cr_assert(caller != 0 || seteuid(nobody) == 0);
        layout = lay_out(tree);
        fd = open_in(layout, "last", O_WRONLY);
        cr_expect_eq(write(fd, "x", 1), 1);
        cr_expect_eq(fchmod(fd, 0), 0);
        close(fd);
        assert_taken(tree, layout, false,
                     "d a-name-of-some-length 0000 0:0 0.000000000 0\n"
                     "- a-name-of-some-length/file 0000 0:0 0.000000000 1\n"
                     "h last -> a-name-of-some-length/file 0000 0:0 0.000000000 0\n");
        cr_assert(caller != 0 || seteuid(caller) == 0);
}

Test(layout, gives_no_setuid_bit_to_a_file_of_nobody_knows_whom)
{
        struct tree *tree = make_tree();
        struct layout *layout = lay_out(tree);
        int mine = open_in(layout, "mine", O_WRONLY | O_CREAT);
        int given = open_in(layout, "given", O_WRONLY | O_CREAT);

        cr_expect_eq(layout_chown(layout, given, 0, 0), 0);
        cr_expect_eq(fchmod(mine, 04755), 0);
        cr_expect_eq(fchmod(given, 04755), 0);
        close(mine);
        close(given);
        assert_taken(tree, layout, true,
                     "- given 4755 0:0 0.000000000 0\n"
                     "- mine 0755 7:8 0.000000000 0\n");
}
