#include "copy_source.h"

#include "../small_tree.h"
#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What no test should see of a directory. */
static bool leaves_out(void *context, const char *name)
{
        ++*(unsigned *)context;
        return strcmp(name, "out") == 0;
}

/* The entries of d/ of a source, "NAME MODE SIZE" each, without what leaves_out() says. */
static void assert_scanned(const struct copy_source *source, const char *expected,
                           unsigned expected_asked)
{
        struct copy_entries entries = { .items = NULL };
        struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;
        unsigned asked = 0;

        cr_assert_eq(copy_source_scan(source, "d", leaves_out, &asked, &entries, &err), 0, "%s",
                     err.message);
        for (size_t i = 0; i < entries.count; i++)
                buf_appendf(&text, "%s %o %llu\n", entries.items[i].name, entries.items[i].st.mode,
                            (unsigned long long)(S_ISREG(entries.items[i].st.mode)
                                                         ? entries.items[i].st.size
                                                         : 0));
        cr_assert_str_eq(buf_str(&text), expected);
        cr_assert_eq(asked, expected_asked);
        buf_done(&text);
        copy_entries_done(&entries);
}

static const char scanned[] = "a 100644 1\nlink 120777 0\nsub 40755 0\nz 100644 2\n";

/* A directory d/ with files, "out" twice, and links that lead out of it. */
static int make_host(char *root)
{
        char command[400];

        cr_assert_not_null(mkdtemp(root));
        snprintf(command, sizeof(command),
                 "umask 022; cd %s && mkdir -p d/sub && printf zz >d/z && printf a >d/a && "
                 ": >d/out && ln -s /etc d/link && ln -s d up && ln -s / d/sub/root",
                 root);
        cr_assert_eq(system(command), 0);
        return open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

Test(copy_source, scans_a_directory_of_the_host_in_order)
{
        char root[] = "/tmp/varve-source-XXXXXX";
        struct copy_source source = { .root_fd = make_host(root) };
        struct error ignored = ERROR_INIT;

        /* Of a directory nobody asks whether it is left out. */
        assert_scanned(&source, scanned, 4);
        close(source.root_fd);
        io_remove_tree(AT_FDCWD, root, &ignored);
}

Test(copy_source, scans_a_directory_of_a_tree_in_order)
{
        struct copy_source source = { .root_fd = -1, .tree = small_tree(NULL, 0) };
        struct tree_new_inode directory = { .mode = S_IFDIR | 0755 };

        small_tree_file(source.tree, "/d/z", "zz");
        small_tree_file(source.tree, "/d/a", "a");
        small_tree_file(source.tree, "/d/out", "");
        small_tree_symlink(source.tree, "/d/link", "/etc");
        small_tree_make(source.tree, "/d/sub", &directory);
        assert_scanned(&source, scanned, 4);
        tree_free(source.tree);
}

Test(copy_source, scans_no_link_and_nothing_that_is_not_there)
{
        char root[] = "/tmp/varve-source-XXXXXX";
        struct copy_source source = { .root_fd = make_host(root) };
        struct copy_entries entries = { .items = NULL };
        struct error err = ERROR_INIT, ignored = ERROR_INIT;
        unsigned asked = 0;

        cr_assert_lt(copy_source_scan(&source, "up", leaves_out, &asked, &entries, &err), 0);
        err = ERROR_INIT;
        cr_assert_lt(copy_source_scan(&source, "d/sub/root", leaves_out, &asked, &entries, &err),
                     0);
        err = ERROR_INIT;
        cr_assert_eq(copy_source_scan(&source, "none", leaves_out, &asked, &entries, &err),
                     -ENOENT);
        cr_assert_str_eq(err.message, "cannot list none: No such file or directory");
        cr_assert_eq(asked, 0);
        close(source.root_fd);
        io_remove_tree(AT_FDCWD, root, &ignored);
}

Test(copy_source, gives_all_files_the_date_that_a_source_has)
{
        char root[] = "/tmp/varve-source-XXXXXX";
        struct copy_source source = { .root_fd = make_host(root),
                                      .is_dated = true,
                                      .date = { .tv_sec = 7 } };
        struct copy_entries entries = { .items = NULL };
        struct error err = ERROR_INIT, ignored = ERROR_INIT;
        struct copy_stat st;
        unsigned asked = 0;

        cr_assert_eq(copy_source_stat(&source, "d/a", &st, &err), 0);
        cr_assert_eq(st.mtime.tv_sec, 7);
        cr_assert_eq(copy_source_scan(&source, "d", leaves_out, &asked, &entries, &err), 0);
        for (size_t i = 0; i < entries.count; i++)
                cr_assert_eq(entries.items[i].st.mtime.tv_sec, 7);
        copy_entries_done(&entries);
        close(source.root_fd);
        io_remove_tree(AT_FDCWD, root, &ignored);
}
