#include "build/tree_source.h"

#include "../small_tree.h"

#include <stdio.h>

static struct tree *sample(void)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr, dir;

        small_tree_file(tree, "/a/file", "text");
        small_tree_file(tree, "/a/gone", "");
        small_tree_file(tree, "/b/gone/deep", "");
        small_tree_symlink(tree, "/link", "a/file");
        cr_assert_eq(tree_resolve(tree, "/a/file", false, &attr), 0);
        cr_assert_eq(tree_resolve(tree, "/b", false, &dir), 0);
        cr_assert_eq(tree_link(tree, attr.ino, dir.ino, "name", &attr), 0);
        return tree;
}

static void entries(struct tree *base, struct tree *is, struct buf *ret)
{
        struct tree_source *source;
        struct entry_source from;
        struct error err = ERROR_INIT;
        struct entry entry;
        char data[16] = "";
        int r;

        cr_assert_eq(tree_source_new(base, is, &source, &err), 0);
        from = tree_source_entries(source);
        while ((r = from.next(from.context, &entry, &err)) > 0) {
                buf_appendf(ret, "%d %s", (int)entry.type, entry.path);
                if (entry.link)
                        buf_appendf(ret, " -> %s", entry.link);
                if (entry.type == ENTRY_FILE && entry.size > 0) {
                        cr_assert_eq(from.read(from.context, 0, data, (size_t)entry.size, &err), 0);
                        buf_appendf(ret, " = %s", data);
                }
                buf_append_char(ret, '\n');
        }
        cr_assert_eq(r, 0, "%s", err.message);
        tree_source_free(source);
}

Test(tree_source, a_whole_tree_has_all_but_its_root_and_sockets)
{
        struct tree *tree = sample();
        struct tree_new_inode socket = { .mode = S_IFSOCK | 0644 };
        struct buf text = BUF_INIT;

        small_tree_make(tree, "/a/socket", &socket);
        entries(NULL, tree, &text);
        cr_assert_str_eq(buf_str(&text), "1 a\n0 a/file = text\n0 a/gone\n1 b\n1 b/gone\n"
                                         "0 b/gone/deep\n3 b/name -> a/file\n2 link -> a/file\n");
        buf_done(&text);
        tree_free(tree);
}

Test(tree_source, a_layer_has_whiteouts_for_what_is_gone)
{
        struct tree *base = sample(), *is = sample();
        struct timespec then = { .tv_sec = 1 };
        struct tree_attr attr, dir;
        struct buf text = BUF_INIT;
        static const char *const paths[] = { "/",  "/a",      "/a/file",      "/a/gone",
                                             "/b", "/b/gone", "/b/gone/deep", "/link" };

        cr_assert_eq(tree_resolve(is, "/a", false, &dir), 0);
        cr_assert_eq(tree_unlink(is, dir.ino, "gone"), 0);
        cr_assert_eq(tree_resolve(is, "/b/gone", false, &attr), 0);
        cr_assert_eq(tree_unlink(is, attr.ino, "deep"), 0);
        cr_assert_eq(tree_resolve(is, "/b", false, &dir), 0);
        cr_assert_eq(tree_rmdir(is, dir.ino, "gone"), 0);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                for (int j = 0; j < 2; j++)
                        if (tree_resolve(j ? is : base, paths[i], false, &attr) == 0) {
                                attr.mtime = then;
                                tree_setattr(j ? is : base, attr.ino, &attr, TREE_SET_MTIME, &attr);
                        }
        entries(base, is, &text);
        cr_assert_str_eq(buf_str(&text), "0 a/.wh.gone\n0 b/.wh.gone\n");
        buf_done(&text);
        tree_free(base);
        tree_free(is);
}

Test(tree_source, holes_of_large_files_are_left_out)
{
        struct tree *tree = small_tree(NULL, 0);
        uint64_t ino = small_tree_file(tree, "/sparse", "head");
        struct tree_source *source;
        struct entry_source from;
        struct error err = ERROR_INIT;
        struct entry entry;

        cr_assert_eq(tree_write(tree, ino, 8 << 20, "tail", 4, false), 0);
        cr_assert_eq(tree_source_new(NULL, tree, &source, &err), 0);
        from = tree_source_entries(source);
        cr_assert_eq(from.next(from.context, &entry, &err), 1);
        cr_assert_eq(entry.extent_count, 2);
        cr_assert_eq(entry.extents[0].offset, 0);
        cr_assert_leq(entry.extents[1].offset, 8 << 20);
        cr_assert_eq(entry.extents[1].offset + entry.extents[1].length, entry.size);
        tree_source_free(source);
        tree_free(tree);
}
