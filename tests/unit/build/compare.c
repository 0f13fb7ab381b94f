#include "build/compare.h"

#include "../small_tree.h"

#include <sys/xattr.h>

static void chmod_to(struct tree *tree, const char *path, uint32_t mode)
{
        struct tree_attr attr;

        cr_assert_eq(tree_resolve(tree, path, false, &attr), 0);
        attr.mode = mode;
        cr_assert_eq(tree_setattr(tree, attr.ino, &attr, TREE_SET_MODE, &attr), 0);
}

/* Two builds of the same are of one time. */
static void set_times(struct tree *tree)
{
        struct timespec then = { .tv_sec = 1000 };
        static const char *const paths[] = { "/", "/etc", "/etc/a", "/etc/b", "/etc/c", "/bin" };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                struct tree_attr attr;

                if (tree_resolve(tree, paths[i], false, &attr) < 0)
                        continue;
                attr.mtime = then;
                cr_assert_eq(tree_setattr(tree, attr.ino, &attr, TREE_SET_MTIME, &attr), 0);
        }
}

static struct tree *sample(void)
{
        struct tree *tree = small_tree(NULL, 0);

        small_tree_file(tree, "/etc/a", "one");
        small_tree_file(tree, "/etc/b", "two");
        small_tree_symlink(tree, "/bin", "usr/bin");
        set_times(tree);
        return tree;
}

/* All differences as text: "A etc/c", "C etc/a 17", a "*" where it is inside. */
static void differences(struct tree *was, struct tree *is, struct buf *ret)
{
        struct comparison *comparison;
        struct difference difference;
        struct error err = ERROR_INIT;
        int r;

        buf_clear(ret);
        cr_assert_eq(comparison_new(was, is, &comparison, &err), 0);
        while ((r = comparison_next(comparison, &difference, &err)) > 0)
                buf_appendf(ret, "%c %s%s %u\n", "ACD"[difference.state], difference.path,
                            difference.inside ? "*" : "", difference.aspects);
        cr_assert_eq(r, 0, "%s", err.message);
        comparison_free(comparison);
}

Test(compare, equal_trees_do_not_differ)
{
        struct tree *was = sample(), *is = sample();
        struct buf text = BUF_INIT;

        differences(was, is, &text);
        cr_assert_str_eq(buf_str(&text), "");
        buf_done(&text);
        tree_free(was);
        tree_free(is);
}

Test(compare, all_of_a_tree_is_added_to_nothing)
{
        struct tree *is = sample();
        struct buf text = BUF_INIT;

        differences(NULL, is, &text);
        cr_assert_str_eq(buf_str(&text), "A  0\nA bin* 0\nA etc* 0\nA etc/a* 0\nA etc/b* 0\n");
        buf_done(&text);
        tree_free(is);
}

Test(compare, what_differs_of_a_name_is_told)
{
        struct tree *was = sample(), *is = sample();
        struct buf text = BUF_INIT;
        struct tree_attr attr;

        chmod_to(is, "/etc/a", 0600);
        cr_assert_eq(tree_resolve(is, "/etc/b", false, &attr), 0);
        cr_assert_eq(tree_write(is, attr.ino, 0, "tWo", 3, false), 0);
        cr_assert_eq(tree_setxattr(is, attr.ino, "user.a", "b", 1, 0), 0);
        set_times(is);
        differences(was, is, &text);
        cr_assert_str_eq(buf_str(&text), "C etc/a 2\nC etc/b 48\n");
        buf_done(&text);
        tree_free(was);
        tree_free(is);
}

Test(compare, a_directory_in_a_files_place_has_what_is_in_it_inside)
{
        struct tree *was = sample(), *is = sample();
        struct tree_attr attr;
        struct buf text = BUF_INIT;

        cr_assert_eq(tree_resolve(is, "/etc", false, &attr), 0);
        cr_assert_eq(tree_unlink(is, attr.ino, "a"), 0);
        small_tree_file(is, "/etc/a/x", "");
        small_tree_file(is, "/etc/a-b", "");
        set_times(is);
        differences(was, is, &text);
        cr_assert_str_eq(buf_str(&text), "C etc/a 1\nA etc/a/x* 0\nA etc/a-b 0\n");
        differences(is, was, &text);
        cr_assert_str_eq(buf_str(&text), "C etc/a 1\nD etc/a/x* 0\nD etc/a-b 0\n");
        buf_done(&text);
        tree_free(was);
        tree_free(is);
}

Test(compare, files_that_became_one_differ_by_their_links)
{
        struct tree *was = sample(), *is = sample();
        struct tree_attr attr, etc;
        struct buf text = BUF_INIT;

        small_tree_file(was, "/etc/c", "one");
        cr_assert_eq(tree_resolve(is, "/etc/a", false, &attr), 0);
        cr_assert_eq(tree_resolve(is, "/etc", false, &etc), 0);
        cr_assert_eq(tree_link(is, attr.ino, etc.ino, "c", &attr), 0);
        set_times(was);
        set_times(is);
        differences(was, is, &text);
        cr_assert_str_eq(buf_str(&text), "C etc/a 64\nC etc/c 64\n");
        buf_done(&text);
        tree_free(was);
        tree_free(is);
}

Test(compare, a_difference_is_described_in_words)
{
        struct tree *was = sample(), *is = sample();
        struct comparison *comparison;
        struct difference difference;
        struct error err = ERROR_INIT;
        struct buf text = BUF_INIT;
        struct tree_attr attr;

        cr_assert_eq(tree_resolve(is, "/etc/b", false, &attr), 0);
        cr_assert_eq(tree_write(is, attr.ino, 2, "p!", 2, false), 0);
        set_times(is);
        chmod_to(is, "/etc/b", 04755);
        cr_assert_eq(comparison_new(was, is, &comparison, &err), 0);
        cr_assert_eq(comparison_next(comparison, &difference, &err), 1);
        cr_assert_eq(difference_describe(was, is, &difference, &text, &err), 0);
        cr_assert_str_eq(buf_str(&text), "another content (3 and 4 bytes, from byte 2 on), "
                                         "another mode (0644, 4755)");
        buf_done(&text);
        comparison_free(comparison);
        tree_free(was);
        tree_free(is);
}
