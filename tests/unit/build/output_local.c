#include "../small_tree.h"
#include "base/io.h"
#include "outputs.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char directory[] = "/var/tmp/varve-local-XXXXXX";

static void begin(void)
{
        cr_assert_not_null(mkdtemp(directory));
        cr_assert_eq(chdir(directory), 0);
        cr_assert_eq(chmod(directory, 0777), 0);
}

static void end(void)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(seteuid(getuid()), 0);
        io_remove_tree(AT_FDCWD, directory, &err);
}

/* /closed, of mode 0555, has /closed/in/x; /a is a file. */
static struct tree *sample(void)
{
        struct tree *tree = small_tree(NULL, 0);
        struct tree_attr attr;

        small_tree_file(tree, "/a", "a");
        small_tree_file(tree, "/closed/in/x", "x");
        cr_assert_eq(tree_resolve(tree, "/closed", false, &attr), 0);
        attr.mode = S_IFDIR | 0555;
        cr_assert_eq(tree_setattr(tree, attr.ino, &attr, TREE_SET_MODE, &attr), 0);
        cr_assert_eq(tree_setxattr(tree, attr.ino, "user.k", "v", 1, 0), 0);
        return tree;
}

/* Writes a tree into the directory "to", by way of "from". */
static int write_to(struct tree *tree, struct error *err)
{
        _cleanup_close_ int from = -1, to = -1;
        struct error ignored = ERROR_INIT;
        size_t left_out = 0;
        int r;

        cr_assert_eq(mkdir("from", 0700), 0);
        from = open("from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        to = open("to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert(from >= 0 && to >= 0);
        r = local_write(tree, from, &left_out, err);
        if (r == 0)
                r = local_merge(tree, from, to, false, err);
        if (r == 0)
                r = local_merge(tree, from, to, true, err);
        if (r == 0)
                r = local_finish(tree, to, &left_out, err);
        io_remove_tree(AT_FDCWD, "from", &ignored);
        cr_assert(r < 0 || left_out == 0);
        return r;
}

static mode_t mode_of(const char *path)
{
        struct stat st;

        return lstat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

/* As an ordinary user. */
static void be_ordinary(void)
{
        if (geteuid() == 0)
                cr_assert_eq(seteuid(65534), 0);
}

Test(output_local, is_written_into_the_same_place_again, .init = begin, .fini = end)
{
        struct tree *tree = sample();
        struct error err = ERROR_INIT;
        char value;

        be_ordinary();
        cr_assert_eq(mkdir("to", 0755), 0);
        for (int i = 0; i < 2; i++)
                cr_assert_eq(write_to(tree, &err), 0, "%s", err.message);
        cr_assert_eq(mode_of("to/closed"), 0555);
        cr_assert_eq(getxattr("to/closed", "user.k", &value, 1), 1);
        cr_assert_eq(value, 'v');
        cr_assert_eq(chmod("to/closed", 0), 0);
        cr_assert_eq(write_to(tree, &err), 0, "%s", err.message);
        cr_assert_eq(mode_of("to/closed"), 0555);
        cr_assert_eq(chmod("to/closed", 0755), 0);
        tree_free(tree);
}

Test(output_local, that_meets_a_directory_of_another_leaves_all_as_it_was, .init = begin,
     .fini = end)
{
        struct tree *tree = sample();
        struct error err = ERROR_INIT;
        bool is_root = geteuid() == 0;

        cr_assert_eq(mkdir("to", 0777), 0);
        cr_assert_eq(mkdir("to/closed", 0755), 0);
        cr_assert_eq(chmod("to", 0777), 0);
        be_ordinary();
        if (is_root)
                cr_assert_eq(write_to(tree, &err), -EACCES);
        cr_assert_neq(access("to/a", F_OK), 0);
        cr_assert_eq(mode_of("to/closed"), 0755);
        tree_free(tree);
}

Test(output_local, puts_no_file_in_a_directorys_place, .init = begin, .fini = end)
{
        struct tree *tree = small_tree(NULL, 0);
        struct error err = ERROR_INIT;

        small_tree_file(tree, "/a", "a");
        small_tree_file(tree, "/b/c", "c");
        be_ordinary();
        cr_assert_eq(mkdir("to", 0755), 0);
        cr_assert_eq(mkdir("to/b", 0700), 0);
        cr_assert_eq(mkdir("to/b/c", 0700), 0);
        cr_assert_eq(chmod("to/b", 0500), 0);
        cr_assert_eq(write_to(tree, &err), -EISDIR);
        cr_assert_neq(access("to/a", F_OK), 0);
        cr_assert_eq(mode_of("to/b"), 0500, "it is closed again");
        cr_assert_eq(chmod("to/b", 0700), 0);
        tree_free(tree);
}
