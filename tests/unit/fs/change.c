#include "fs/change.h"

#include "../entry_log.h"
#include "../small_tree.h"

#include <errno.h>
#include <sys/xattr.h>

/* Times are left out, and the root, which each change of a name in it touches. */
static void log_changes(struct tree *tree, struct buf *ret)
{
        struct error err = ERROR_INIT;
        struct entry_source source;
        struct change_list *list;
        struct entry entry;
        int r;

        cr_assert_eq(tree_commit(tree, &list, &err), 0, "%s", err.message);
        source = change_list_source(list);
        while ((r = source.next(source.context, &entry, &err)) > 0) {
                entry.mtime = (struct timespec){ .tv_sec = 0 };
                if (strcmp(entry.path, "./") == 0)
                        continue;
                entry_log_entry(ret, &entry);
                if (entry.type == ENTRY_FILE && entry.size > 0 && entry.size < 100) {
                        char data[100];

                        cr_assert_eq(source.read(source.context, 0, data, entry.size, &err), 0);
                        buf_appendf(ret, "  \"%.*s\"\n", (int)entry.size, data);
                }
        }
        cr_assert_eq(r, 0, "%s", err.message);
        change_list_free(list);
}

static void assert_changes(struct tree *tree, const char *expected)
{
        struct buf log = BUF_INIT;

        log_changes(tree, &log);
        cr_assert_str_eq(buf_str(&log), expected, "%s", buf_str(&log));
        buf_done(&log);
}

Test(change, lists_what_was_made_behind_the_directories_that_lead_to_it)
{
        struct tree *tree = small_tree(NULL, 0);

        small_tree_file(tree, "/etc/passwd", "root");
        small_tree_symlink(tree, "/bin", "usr/bin");
        assert_changes(tree, "l bin -> usr/bin 0777 0:0 0.000000000 0\n"
                             "d etc 0755 0:0 0.000000000 0\n"
                             "- etc/passwd 0644 0:0 0.000000000 4\n"
                             "  \"root\"\n");
        assert_changes(tree, "");
        tree_free(tree);
}

Test(change, leaves_out_what_came_and_went)
{
        struct tree *tree = small_tree(NULL, 0);

        small_tree_file(tree, "/tmp", "x");
        cr_assert_eq(tree_unlink(tree, TREE_ROOT, "tmp"), 0);
        assert_changes(tree, "");
        tree_free(tree);
}

Test(change, puts_a_whiteout_where_something_is_gone)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr;

        small_tree_file(tree, "/keep", "k");
        small_tree_file(tree, "/dir/gone", "g");
        assert_changes(tree, "d dir 0755 0:0 0.000000000 0\n"
                             "- dir/gone 0644 0:0 0.000000000 1\n"
                             "  \"g\"\n"
                             "- keep 0644 0:0 0.000000000 1\n"
                             "  \"k\"\n");
        cr_assert_eq(tree_lookup(tree, TREE_ROOT, "dir", &attr), 0);
        cr_assert_eq(tree_unlink(tree, attr.ino, "gone"), 0);
        assert_changes(tree, "d dir 0755 0:0 0.000000000 0\n"
                             "- dir/.wh.gone 0000 0:0 0.000000000 0\n");
        cr_assert_eq(tree_rmdir(tree, TREE_ROOT, "dir"), 0);
        assert_changes(tree, "- .wh.dir 0000 0:0 0.000000000 0\n");
        tree_free(tree);
}

Test(change, makes_a_directory_that_was_replaced_opaque)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr;

        small_tree_file(tree, "/dir/old", "o");
        assert_changes(tree, "d dir 0755 0:0 0.000000000 0\n"
                             "- dir/old 0644 0:0 0.000000000 1\n"
                             "  \"o\"\n");
        cr_assert_eq(tree_lookup(tree, TREE_ROOT, "dir", &attr), 0);
        cr_assert_eq(tree_unlink(tree, attr.ino, "old"), 0);
        cr_assert_eq(tree_rmdir(tree, TREE_ROOT, "dir"), 0);
        small_tree_file(tree, "/dir/new", "n");
        assert_changes(tree, "d dir 0755 0:0 0.000000000 0\n"
                             "- dir/.wh..wh..opq 0000 0:0 0.000000000 0\n"
                             "- dir/new 0644 0:0 0.000000000 1\n"
                             "  \"n\"\n");
        tree_free(tree);
}

Test(change, clamps_the_times_of_what_was_changed_in_the_list_and_in_the_tree)
{
        struct tree *tree = small_tree(NULL, 0);
        uint64_t early = small_tree_file(tree, "/dir/early", "");
        uint64_t late = small_tree_file(tree, "/dir/late", "");
        struct timespec latest = { .tv_sec = 1000, .tv_nsec = 5 };
        struct tree_attr attr = { .mtime = { .tv_sec = 10 } };
        struct error err = ERROR_INIT;
        struct change_list *list;
        struct entry_source source;
        struct entry entry;

        cr_assert_eq(tree_setattr(tree, early, &attr, TREE_SET_MTIME, &attr), 0);
        tree_clamp_times(tree, &latest);
        cr_assert_eq(tree_commit(tree, &list, &err), 0);
        source = change_list_source(list);
        while (source.next(source.context, &entry, &err) > 0)
                cr_assert_eq(entry.mtime.tv_sec, strstr(entry.path, "early") ? 10 : 1000, "%s",
                             entry.path);
        change_list_free(list);
        cr_assert_eq(tree_getattr(tree, late, &attr), 0);
        cr_assert_eq(attr.mtime.tv_nsec, 5);
        assert_changes(tree, "");
        tree_free(tree);
}

Test(change, drops_what_is_equal_to_what_was_there)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr, before;
        uint64_t ino = small_tree_file(tree, "/a", "same");
        struct buf log = BUF_INIT;

        log_changes(tree, &log);
        buf_done(&log);
        cr_assert_eq(tree_getattr(tree, ino, &before), 0);
        cr_assert_eq(tree_write(tree, ino, 0, "diff", 4, false), 0);
        cr_assert_eq(tree_write(tree, ino, 0, "same", 4, false), 0);
        cr_assert_eq(tree_setattr(tree, ino, &before, TREE_SET_MTIME, &attr), 0);
        assert_changes(tree, "");
        cr_assert_eq(
                tree_setattr(tree, ino, &(struct tree_attr){ .mode = 0600 }, TREE_SET_MODE, &attr),
                0);
        assert_changes(tree, "- a 0600 0:0 0.000000000 4\n  \"same\"\n");
        tree_free(tree);
}

Test(change, names_a_file_once_and_links_its_other_names_with_all_that_it_is)
{
        struct tree *tree = small_tree(NULL, 0);
        uint64_t ino = small_tree_file(tree, "/b", "x");
        struct tree_attr attr = { .uid = 5, .gid = 6 };

        cr_assert_eq(tree_setattr(tree, ino, &attr, TREE_SET_UID | TREE_SET_GID, &attr), 0);
        cr_assert_eq(tree_setxattr(tree, ino, "user.a", "1", 1, 0), 0);
        cr_assert_eq(tree_link(tree, ino, TREE_ROOT, "c", &attr), 0);
        cr_assert_eq(tree_link(tree, ino, TREE_ROOT, "a", &attr), 0);
        assert_changes(tree, "- a 0644 5:6 0.000000000 1 user.a=31\n"
                             "  \"x\"\n"
                             "h b -> a 0644 5:6 0.000000000 0 user.a=31\n"
                             "h c -> a 0644 5:6 0.000000000 0 user.a=31\n");
        tree_free(tree);
}

Test(change, holds_devices_owners_and_xattrs_but_no_sockets)
{
        struct tree_new_inode device = {
                .mode = S_IFCHR | 0600, .owner = { 5, 6 }, .rdev_major = 1, .rdev_minor = 3
        };
        struct tree_new_inode socket = { .mode = S_IFSOCK | 0600 };
        struct tree *tree = small_tree(NULL, 0);
        uint64_t ino;

        ino = small_tree_make(tree, "/null", &device);
        small_tree_make(tree, "/socket", &socket);
        cr_assert_eq(tree_setxattr(tree, ino, "security.capability", "cap", 3, 0), 0);
        assert_changes(tree, "c null 0600 5:6 0.000000000 0 1,3 security.capability=636170\n");
        tree_free(tree);
}

Test(change, list_stays_as_it_was_while_the_tree_goes_on)
{
        struct tree *tree = small_tree(NULL, 0);
        uint64_t ino = small_tree_file(tree, "/a", "first");
        struct error err = ERROR_INIT;
        struct entry_source source;
        struct change_list *list;
        struct entry entry;
        char data[5];

        cr_assert_eq(tree_commit(tree, &list, &err), 0);
        cr_assert_eq(tree_write(tree, ino, 0, "other text", 10, false), 0);
        small_tree_file(tree, "/b", "b");
        source = change_list_source(list);
        cr_assert_eq(change_list_count(list), 2);
        cr_assert_eq(source.next(source.context, &entry, &err), 1);
        cr_assert_str_eq(entry.path, "./");
        cr_assert_eq(source.next(source.context, &entry, &err), 1);
        cr_assert_eq(entry.size, 5);
        cr_assert_eq(source.read(source.context, 0, data, 5, &err), 0);
        cr_assert_eq(memcmp(data, "first", 5), 0);
        cr_assert_eq(source.next(source.context, &entry, &err), 0);
        change_list_free(list);
        tree_free(tree);
}

Test(change, tells_of_large_holes)
{
        struct tree *tree = small_tree(NULL, 0);
        uint64_t ino = small_tree_file(tree, "/sparse", "");

        cr_assert_eq(tree_write(tree, ino, (uint64_t)4 << 20, "end", 3, false), 0);
        assert_changes(tree, "- sparse 0644 0:0 0.000000000 4194307 {4194304+3}\n");
        tree_free(tree);
}

Test(change, cannot_hold_a_name_that_would_be_a_deletion)
{
        struct tree *tree = small_tree(NULL, 0);
        struct error err = ERROR_INIT;
        struct change_list *list;
        struct tree_attr attr;

        small_tree_file(tree, "/dir/.wh.x", "x");
        cr_assert_eq(tree_lookup(tree, TREE_ROOT, "dir", &attr), 0);
        cr_assert_eq(tree_unlink(tree, attr.ino, ".wh.x"), 0);
        small_tree_file(tree, "/dir/.white", "x");
        assert_changes(tree, "d dir 0755 0:0 0.000000000 0\n"
                             "- dir/.white 0644 0:0 0.000000000 1\n"
                             "  \"x\"\n");
        small_tree_file(tree, "/dir/sub/.wh.", "x");
        cr_assert_eq(tree_commit(tree, &list, &err), -EINVAL);
        cr_assert_str_eq(err.message, "a layer cannot hold /dir/sub/.wh.: names that begin with "
                                      "\".wh.\" mean deletions in it");
        cr_assert(err.hint[0]);
        tree_free(tree);
}
