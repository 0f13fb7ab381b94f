#include "base/path.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static void assert_clean(const char *path, const char *expected)
{
        char *clean = path_clean(path);

        cr_assert_str_eq(clean, expected, "path_clean(\"%s\") is \"%s\"", path, clean);
        free(clean);
}

Test(path, cleans_as_go_does)
{
        static const char *const cases[][2] = {
                { "", "." },
                { ".", "." },
                { "/", "/" },
                { "//", "/" },
                { "a/b", "a/b" },
                { "a//b/", "a/b" },
                { "a/./b", "a/b" },
                { "a/../b", "b" },
                { "a/b/..", "a" },
                { "a/..", "." },
                { "..", ".." },
                { "../a", "../a" },
                { "../../a", "../../a" },
                { "a/../../b", "../b" },
                { "/..", "/" },
                { "/../a", "/a" },
                { "/a/../../b", "/b" },
                { "./a", "a" },
                { "../a/..", ".." },
                { "../a/../..", "../.." },
                { "a/b/../../..", ".." },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_clean(cases[i][0], cases[i][1]);
}

Test(path, resolves_against_a_directory_unless_absolute)
{
        char *path = path_resolve("/a/b", "../c");

        cr_assert_str_eq(path, "/a/c");
        free(path);
        path = path_resolve("/a/b", "/c//d");
        cr_assert_str_eq(path, "/c/d");
        free(path);
}

Test(path, splits_into_parent_and_base)
{
        char parent[8];

        cr_assert_eq(path_parent("a/b", parent, sizeof(parent)), 0);
        cr_assert_str_eq(parent, "a");
        cr_assert_eq(path_parent("/b", parent, sizeof(parent)), 0);
        cr_assert_str_eq(parent, "/");
        cr_assert_eq(path_parent("b", parent, sizeof(parent)), 0);
        cr_assert_str_eq(parent, ".");
        cr_assert_eq(path_parent("12345678/b", parent, sizeof(parent)), -ENAMETOOLONG);
        cr_assert_str_eq(path_base("a/b"), "b");
        cr_assert_str_eq(path_base("b"), "b");
}

Test(path, counts_components)
{
        cr_expect_eq(path_depth("/"), 0);
        cr_expect_eq(path_depth(""), 0);
        cr_expect_eq(path_depth("/a//b/"), 2);
        cr_expect_eq(path_depth("a"), 1);
}
