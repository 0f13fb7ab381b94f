#include "copy.h"

#include "../small_tree.h"

#include <errno.h>

static struct tree *context(void)
{
        struct tree *tree = small_tree(NULL, 0);

        small_tree_file(tree, "/a.txt", "a");
        small_tree_file(tree, "/b.txt", "b");
        small_tree_file(tree, "/src/main.c", "m");
        small_tree_file(tree, "/src/lib/x.c", "x");
        small_tree_file(tree, "/src/lib/y.h", "y");
        small_tree_symlink(tree, "/link", "src/lib");
        small_tree_symlink(tree, "/file-link", "/../a.txt");
        small_tree_symlink(tree, "/dead", "nowhere");
        small_tree_symlink(tree, "/src/loop", "loop");
        return tree;
}

/* Finds one source; "PATH>TARGET[(NAME)][/]", sorted as found, "/" for the directory itself. */
static void assert_found(struct tree *tree, const char *ignored, const char *source,
                         const char *destination, const char *expected)
{
        struct copy_source from = { .root_fd = -1, .tree = tree };
        struct copy_rules rules = {
                .source = &from, .sources = &source, .source_count = 1, .destination = destination
        };
        struct copy_items items = { .items = NULL };
        struct error err = ERROR_INIT;
        struct buf found = BUF_INIT;
        struct ignore *ignore = NULL;
        unsigned int line;

        if (ignored)
                cr_assert_eq(ignore_parse(ignored, strlen(ignored), &ignore, &line, &err), 0);
        from.ignore = ignore;
        cr_assert_eq(copy_find(&rules, &items, &err), 0, "%s: %s", source, err.message);
        for (size_t i = 0; i < items.count; i++) {
                const struct copy_item *item = &items.items[i];

                buf_appendf(&found, "%s%s>%s", i ? " " : "", item->path, item->target);
                if (item->name)
                        buf_appendf(&found, "(%s)", item->name);
                if (item->is_destination)
                        buf_append_char(&found, '/');
        }
        cr_assert_str_eq(buf_str(&found), expected, "%s: %s", source, buf_str(&found));
        buf_done(&found);
        copy_items_done(&items);
        ignore_free(ignore);
}

static void assert_refused(struct tree *tree, const char *ignored, const char *source, int code,
                           const char *message)
{
        struct copy_source from = { .root_fd = -1, .tree = tree };
        struct copy_rules rules = {
                .source = &from, .sources = &source, .source_count = 1, .destination = "/to/"
        };
        struct copy_items items = { .items = NULL };
        struct error err = ERROR_INIT;
        struct ignore *ignore = NULL;
        unsigned int line;

        if (ignored)
                cr_assert_eq(ignore_parse(ignored, strlen(ignored), &ignore, &line, &err), 0);
        from.ignore = ignore;
        cr_assert_eq(copy_find(&rules, &items, &err), code, "%s: %d %s", source, err.code,
                     err.message);
        cr_assert_not_null(strstr(err.message, message), "%s", err.message);
        copy_items_done(&items);
        ignore_free(ignore);
}

Test(copy_find, takes_a_file_under_its_own_name)
{
        struct tree *tree = context();

        assert_found(tree, NULL, "a.txt", "/to/", "a.txt>/to/(a.txt)");
        assert_found(tree, NULL, "/a.txt", "/to/", "a.txt>/to/(a.txt)");
        assert_found(tree, NULL, "../../src/main.c", "/to/", "src/main.c>/to/(main.c)");
        tree_free(tree);
}

Test(copy_find, takes_what_a_directory_holds)
{
        struct tree *tree = context();

        assert_found(tree, NULL, "src/lib", "/to",
                     "src/lib>/to/ src/lib/x.c>/to/x.c "
                     "src/lib/y.h>/to/y.h");
        assert_found(tree, NULL, "src", "/to",
                     "src>/to/ src/lib>/to/lib src/lib/x.c>/to/lib/x.c src/lib/y.h>/to/lib/y.h "
                     "src/loop>/to/loop src/main.c>/to/main.c");
        tree_free(tree);
}

Test(copy_find, follows_a_source_that_is_a_symlink_inside_the_root)
{
        struct tree *tree = context();

        assert_found(tree, NULL, "file-link", "/to/", "a.txt>/to/(file-link)");
        assert_found(tree, NULL, "link", "/to",
                     "src/lib>/to/ src/lib/x.c>/to/x.c "
                     "src/lib/y.h>/to/y.h");
        assert_found(tree, NULL, "link/x.c", "/to/", "src/lib/x.c>/to/(x.c)");
        assert_refused(tree, NULL, "dead", -ENOENT, "dead");
        assert_refused(tree, NULL, "src/loop", -ELOOP, "loop");
        tree_free(tree);
}

Test(copy_find, matches_one_component_after_another)
{
        struct tree *tree = context();

        assert_found(tree, NULL, "*.txt", "/to/", "a.txt>/to/(a.txt) b.txt>/to/(b.txt)");
        assert_found(tree, NULL, "s*/l*b/?.c", "/to/", "src/lib/x.c>/to/(x.c)");
        assert_found(tree, NULL, "src/[m]*", "/to/", "src/main.c>/to/(main.c)");
        /* As BuildKit, which lets a wildcard match nothing. */
        assert_found(tree, NULL, "*.md", "/to/", "");
        assert_refused(tree, NULL, "[", -EINVAL, "[");
        tree_free(tree);
}

Test(copy_find, names_what_is_not_there)
{
        struct tree *tree = context();

        assert_refused(tree, NULL, "none", -ENOENT, "none is not there");
        assert_refused(tree, NULL, "a.txt/x", -ENOENT, "a.txt/x is not there");
        tree_free(tree);
}

Test(copy_find, leaves_out_what_is_ignored)
{
        struct tree *tree = context();

        assert_found(tree, "**/*.h", "src/lib", "/to", "src/lib>/to/ src/lib/x.c>/to/x.c");
        assert_found(tree, "src/lib", "src", "/to",
                     "src>/to/ src/loop>/to/loop src/main.c>/to/main.c");
        assert_found(tree, "b.txt", "*.txt", "/to/", "a.txt>/to/(a.txt)");
        assert_refused(tree, "a.txt", "a.txt", -ENOENT, "left out by .dockerignore");
        tree_free(tree);
}

Test(copy_find, leads_to_nothing_that_is_ignored)
{
        struct tree *tree = context();

        assert_refused(tree, "a.txt", "file-link", -ENOENT,
                       "file-link leads to a.txt, which is left out");
        assert_refused(tree, "a.txt", "file-l*", -ENOENT,
                       "file-link leads to a.txt, which is left out");
        assert_refused(tree, "src/lib", "link/x.c", -ENOENT,
                       "link/x.c leads to src/lib/x.c, which is");
        assert_refused(tree, "src", "link", -ENOENT, "link leads to src/lib, which is left out");
        assert_refused(tree, "file-link", "file-link", -ENOENT, "file-link is left out");
        /* What a wildcard finds is not even looked at. */
        assert_found(tree, "file-link\ndead", "[df]*", "/to/", "");
        assert_found(tree, "src/lib\n!src/lib/x.c", "link/x.c", "/to/", "src/lib/x.c>/to/(x.c)");
        tree_free(tree);
}

Test(copy_find, takes_a_directory_that_is_ignored_for_what_is_taken_back_in_it)
{
        static const char all_but[] = "src/*\n!src/lib/x.c";
        static const char found[] = "src/lib>/to/ src/lib/x.c>/to/x.c";
        struct tree *tree = context();

        assert_found(tree, all_but, "src/l*", "/to", found);
        assert_found(tree, all_but, "s*/l*", "/to", found);
        assert_found(tree, all_but, "src/lib", "/to", found);
        assert_found(tree, all_but, "link", "/to", found);
        assert_found(tree, "*\n!a.txt", "s*", "/to", "");
        assert_refused(tree, "*\n!a.txt", "src", -ENOENT, "src is left out by .dockerignore");
        assert_refused(tree, "*\n!a.txt", "src/lib", -ENOENT,
                       "src/lib is left out by .dockerignore");
        tree_free(tree);
}

Test(copy_find, refuses_a_link_on_the_way_of_parents)
{
        static const char *const sources[] = { "link/x.c", "link/*", "./src/./loop/x" };
        struct tree *tree = context();
        struct copy_source from = { .root_fd = -1, .tree = tree };

        for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
                struct copy_rules rules = { .source = &from,
                                            .sources = &sources[i],
                                            .source_count = 1,
                                            .destination = "/to/",
                                            .parents = true };
                struct copy_items items = { .items = NULL };
                struct error err = ERROR_INIT;

                cr_expect_eq(copy_find(&rules, &items, &err), -EINVAL, "%s", sources[i]);
                cr_expect_not_null(strstr(err.message, "follows no links"), "%s", err.message);
        }
        tree_free(tree);
}

Test(copy_find, finds_nothing_to_nest_without_end)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_new_inode directory = { .mode = S_IFDIR | 0755 };
        struct tree_attr attr = { .ino = TREE_ROOT };

        for (int i = 0; i < COPY_DEPTH_MAX + 10; i++)
                cr_assert_eq(tree_create(tree, attr.ino, "d", &directory, &attr), 0);
        assert_refused(tree, NULL, ".", -ELOOP, "nest more than");
        tree_free(tree);
}
