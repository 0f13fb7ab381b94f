#include "reproduce.h"

#include "../small_tree.h"

static void set_time(struct tree *tree, const char *path)
{
        struct tree_attr attr;

        cr_assert_eq(tree_resolve(tree, path, false, &attr), 0);
        attr.mtime = (struct timespec){ .tv_sec = 1000 };
        cr_assert_eq(tree_setattr(tree, attr.ino, &attr, TREE_SET_MTIME, &attr), 0);
}

/* A tree of the directory /d with these files, as "ab", and one more. */
static struct tree *tree_of(const char *names)
{
        struct tree *tree = small_tree(NULL, 0);
        char path[] = "/d/?";

        small_tree_file(tree, "/d/keep", "kept");
        set_time(tree, "/d/keep");
        for (; *names; names++) {
                path[3] = *names;
                small_tree_file(tree, path, "text");
                set_time(tree, path);
        }
        set_time(tree, "/d");
        set_time(tree, "/");
        return tree;
}

static void assert_described(const char *base, const char *first, const char *second,
                             const char *expected)
{
        struct tree *trees[] = { tree_of(base), tree_of(first), tree_of(second) };
        struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(reproduce_describe(trees[0], trees[1], trees[2], &text, &err), 0, "%s",
                     err.message);
        cr_assert_str_eq(buf_str(&text), expected, "%s", buf_str(&text));
        buf_done(&text);
        for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
                tree_free(trees[i]);
}

Test(reproduce, files_that_one_build_removes_are_told_apart_from_those_that_one_makes)
{
        assert_described("ab", "b", "a",
                         "  /d/a: the first build alone removes it\n"
                         "  /d/b: the second build alone removes it\n");
        assert_described("", "a", "b",
                         "  /d/a: is of the first build alone\n"
                         "  /d/b: is of the second build alone\n");
        assert_described("ab", "bc", "ab",
                         "  /d/a: the first build alone removes it\n"
                         "  /d/c: is of the first build alone\n");
}

Test(reproduce, layers_of_which_the_same_comes_are_told_of_too)
{
        assert_described("a", "b", "b", "  the same comes of it, written in another way\n");
}
