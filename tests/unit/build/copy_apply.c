#include "copy.h"

#include "../small_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Copies some of a tree into `image`, NULL for the key alone. Returns the error. */
static int copy_to(const char *destination, const struct mode_change *mode, struct tree *from,
                   const char *const *sources, size_t count, struct tree *image,
                   struct digest *ret_key, struct error *err)
{
        struct copy_source source = { .root_fd = -1, .tree = from };
        struct copy_rules rules = { .source = &source,
                                    .sources = sources,
                                    .source_count = count,
                                    .destination = destination };
        struct copy_manner manner = { .mode = mode };
        struct copy_items items;
        struct key key;
        int r;

        cr_assert_eq(copy_find(&rules, &items, err), 0, "%s", err->message);
        cr_assert_eq(key_begin(&key, "test", err), 0);
        r = copy_items_apply(&source, &items, &manner, image, &key, err);
        copy_items_done(&items);
        if (r < 0)
                key_done(&key);
        else
                cr_assert_eq(key_finish(&key, ret_key, err), 0);
        return r;
}

static int copy(struct tree *from, const char *const *sources, size_t count, struct tree *image,
                struct digest *ret_key, struct error *err)
{
        return copy_to("/to/", NULL, from, sources, count, image, ret_key, err);
}

/* Copies all of `from` into a new tree, and has the key of that. */
static struct tree *copied(struct tree *from, const char *const *sources, size_t count,
                           struct digest *ret_key)
{
        struct tree *image = small_tree(NULL, 0);
        struct error err = ERROR_INIT;

        cr_assert_eq(copy(from, sources, count, image, ret_key, &err), 0, "%s", err.message);
        return image;
}

static struct tree_attr attr_of(struct tree *tree, const char *path)
{
        struct tree_attr attr;

        cr_assert_eq(tree_resolve(tree, path, false, &attr), 0, "%s", path);
        return attr;
}

static void assert_holds(struct tree *tree, const char *path, const char *text)
{
        struct tree_attr attr = attr_of(tree, path);
        char data[64] = "";

        cr_assert_eq(attr.size, strlen(text), "%s", path);
        cr_assert_eq(tree_read(tree, attr.ino, 0, data, sizeof(data) - 1), strlen(text));
        cr_assert_str_eq(data, text, "%s", path);
}

static void add_name(struct tree *tree, const char *path, const char *other)
{
        struct tree_attr attr;

        cr_assert_eq(tree_link(tree, attr_of(tree, path).ino, small_tree_parent(tree, other),
                               strrchr(other, '/') + 1, &attr),
                     0);
}

static void assert_same_key(struct tree *from, const char *const *sources, size_t count)
{
        struct digest alone, written;
        struct error err = ERROR_INIT;

        cr_assert_eq(copy(from, sources, count, NULL, &alone, &err), 0, "%s", err.message);
        tree_free(copied(from, sources, count, &written));
        cr_assert(digest_equal(&alone, &written), "of %s", sources[0]);
}

Test(copy_apply, has_one_key_whether_or_not_it_writes)
{
        static const char *const sources[] = { "dir", "file", "dir/link", "." };
        struct tree_new_inode device = { .mode = S_IFCHR | 0600, .rdev_major = 1, .rdev_minor = 3 };
        struct tree *from = small_tree(NULL, 0);

        small_tree_file(from, "/file", "text");
        small_tree_file(from, "/dir/empty", "");
        small_tree_symlink(from, "/dir/link", "../file");
        small_tree_make(from, "/dir/device", &device);
        add_name(from, "/file", "/dir/name");
        add_name(from, "/dir/link", "/dir/link2");
        add_name(from, "/dir/device", "/dir/device2");
        cr_assert_eq(tree_setxattr(from, attr_of(from, "/dir").ino, "user.a", "1", 1, 0), 0);
        cr_assert_eq(tree_setxattr(from, attr_of(from, "/file").ino, "user.b", "2", 1, 0), 0);
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                assert_same_key(from, &sources[i], 1);
        assert_same_key(from, sources, ARRAY_SIZE(sources));
        tree_free(from);
}

Test(copy_apply, tells_a_link_from_a_file_of_the_same_content)
{
        static const char *const all = ".";
        struct tree *linked = small_tree(NULL, 0), *apart = small_tree(NULL, 0), *image;
        struct digest key_linked, key_apart;

        small_tree_file(linked, "/a", "text");
        add_name(linked, "/a", "/b");
        small_tree_file(apart, "/a", "text");
        small_tree_file(apart, "/b", "text");
        image = copied(linked, &all, 1, &key_linked);
        cr_assert_eq(attr_of(image, "/to/a").ino, attr_of(image, "/to/b").ino);
        tree_free(image);
        image = copied(apart, &all, 1, &key_apart);
        cr_assert_neq(attr_of(image, "/to/a").ino, attr_of(image, "/to/b").ino);
        cr_assert_not(digest_equal(&key_linked, &key_apart));
        tree_free(image);
        tree_free(linked);
        tree_free(apart);
}

Test(copy_apply, writes_a_further_name_anew_where_the_first_was_replaced)
{
        static const char *const sources[] = { "p/x", "q/x", "r/y", "s/z" };
        static const char *const twice[] = { "p/x", "p/x" };
        struct tree *from = small_tree(NULL, 0), *image;
        struct digest key;

        small_tree_file(from, "/p/x", "one");
        small_tree_file(from, "/q/x", "other");
        add_name(from, "/p/x", "/r/y");
        add_name(from, "/p/x", "/s/z");
        image = copied(from, sources, ARRAY_SIZE(sources), &key);
        assert_holds(image, "/to/x", "other");
        assert_holds(image, "/to/y", "one");
        cr_assert_eq(attr_of(image, "/to/y").ino, attr_of(image, "/to/z").ino);
        tree_free(image);
        image = copied(from, twice, ARRAY_SIZE(twice), &key);
        assert_holds(image, "/to/x", "one");
        tree_free(image);
        assert_same_key(from, sources, ARRAY_SIZE(sources));
        tree_free(from);
}

static int copy_file_to(struct tree *image, const char *destination, struct error *err)
{
        static const char *const source = "file";
        struct tree *from = small_tree(NULL, 0);
        struct digest key;
        int r;

        small_tree_file(from, "/file", "new");
        r = copy_to(destination, NULL, from, &source, 1, image, &key, err);
        tree_free(from);
        return r;
}

Test(copy_apply, follows_the_symlinks_that_a_destination_is)
{
        struct tree *image = small_tree(NULL, 0);
        struct error err = ERROR_INIT;

        small_tree_file(image, "/real/old", "old");
        small_tree_symlink(image, "/links/dir", "../real");
        small_tree_symlink(image, "/links/file", "dir/old");
        small_tree_symlink(image, "/links/to-file", "/links/file");
        small_tree_symlink(image, "/links/nowhere", "../new/../none/x/");
        small_tree_symlink(image, "/links/out", "../../../../out");
        cr_assert_eq(copy_file_to(image, "/links/to-file", &err), 0, "%s", err.message);
        assert_holds(image, "/real/old", "new");
        cr_assert(S_ISLNK(attr_of(image, "/links/to-file").mode));
        cr_assert_eq(copy_file_to(image, "/links/nowhere", &err), 0, "%s", err.message);
        assert_holds(image, "/none/x", "new");
        cr_assert_eq(copy_file_to(image, "/links/out", &err), 0, "%s", err.message);
        assert_holds(image, "/out", "new");
        tree_free(image);
}

Test(copy_apply, refuses_a_destination_that_is_a_circle_of_symlinks)
{
        struct tree *image = small_tree(NULL, 0);
        struct error err = ERROR_INIT;

        small_tree_symlink(image, "/a", "b");
        small_tree_symlink(image, "/b", "a");
        cr_assert_eq(copy_file_to(image, "/a", &err), -ELOOP, "%s", err.message);
        tree_free(image);
}

static void assert_made(const char *chmod, mode_t directories, mode_t file)
{
        static const char *const source = "file";
        struct tree *from = small_tree(NULL, 0), *image = small_tree(NULL, 0);
        struct error err = ERROR_INIT;
        struct mode_change mode;
        struct digest key;

        cr_assert_eq(mode_parse(chmod, &mode, &err), 0, "%s", err.message);
        small_tree_file(from, "/file", "text");
        cr_assert_eq(copy_to("/a/b/", &mode, from, &source, 1, image, &key, &err), 0, "%s",
                     err.message);
        cr_assert_eq(attr_of(image, "/a").mode, S_IFDIR | directories, "%s", chmod);
        cr_assert_eq(attr_of(image, "/a/b").mode, S_IFDIR | directories, "%s", chmod);
        cr_assert_eq(attr_of(image, "/a/b/file").mode, S_IFREG | file, "%s", chmod);
        tree_free(from);
        tree_free(image);
}

Test(copy_apply, gives_an_octal_mode_to_the_directories_that_it_makes_as_well)
{
        assert_made("700", 0700, 0700);
        assert_made("4751", 0751, 04751);
        assert_made("go-rwx", 0755, 0600);
}

Test(copy_apply, refuses_a_name_that_would_be_a_deletion_in_a_layer)
{
        static const char *const sources[] = { ".", "dir/.wh.passwd" };
        struct tree *from = small_tree(NULL, 0);

        small_tree_file(from, "/dir/.wh.passwd", "x");
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
                struct tree *image = small_tree(NULL, 0);
                struct error err = ERROR_INIT;
                struct digest key;

                cr_assert_eq(copy(from, &sources[i], 1, image, &key, &err), -EINVAL);
                cr_assert_not_null(strstr(err.message, "/.wh.passwd"), "%s", err.message);
                tree_free(image);
        }
        tree_free(from);
}

#define HOLE_BYTES ((uint64_t)1 << 20)

/* A hole, a text, a hole, a text, a hole. */
static void make_sparse(struct tree *tree, const char *path, bool dense)
{
        struct tree_new_inode inode = { .mode = S_IFREG | 0644 };
        struct tree_attr attr = { .size = 3 * HOLE_BYTES };
        uint64_t ino = small_tree_make(tree, path, &inode);
        static const char zeros[3 * HOLE_BYTES];

        if (dense)
                cr_assert_eq(tree_write(tree, ino, 0, zeros, sizeof(zeros), false), 0);
        else
                cr_assert_eq(tree_setattr(tree, ino, &attr, TREE_SET_SIZE, &attr), 0);
        cr_assert_eq(tree_write(tree, ino, HOLE_BYTES, "one", 3, false), 0);
        cr_assert_eq(tree_write(tree, ino, 2 * HOLE_BYTES, "two", 3, false), 0);
}

static void assert_is_sparse(struct tree *tree, const char *path)
{
        struct tree_attr attr = attr_of(tree, path);
        char data[4] = "";

        cr_assert_eq(attr.size, 3 * HOLE_BYTES);
        cr_assert_lt(attr.blocks, 100, "%" PRIu64, attr.blocks);
        cr_assert_eq(tree_read(tree, attr.ino, HOLE_BYTES, data, 3), 3);
        cr_assert_str_eq(data, "one");
        cr_assert_eq(tree_read(tree, attr.ino, 2 * HOLE_BYTES, data, 3), 3);
        cr_assert_str_eq(data, "two");
}

Test(copy_apply, leaves_holes_of_a_stage_and_has_the_key_of_their_zeros)
{
        static const char *const file = "file";
        struct tree *sparse = small_tree(NULL, 0), *dense = small_tree(NULL, 0), *image;
        struct digest key_sparse, key_dense;

        make_sparse(sparse, "/file", false);
        make_sparse(dense, "/file", true);
        image = copied(sparse, &file, 1, &key_sparse);
        assert_is_sparse(image, "/to/file");
        tree_free(image);
        tree_free(copied(dense, &file, 1, &key_dense));
        cr_assert(digest_equal(&key_sparse, &key_dense));
        assert_same_key(sparse, &file, 1);
        tree_free(sparse);
        tree_free(dense);
}

Test(copy_apply, leaves_holes_of_the_host)
{
        char directory[] = "/tmp/copy-apply-XXXXXX";
        _cleanup_close_ int root_fd = -1, fd = -1;
        struct copy_source source = { .root_fd = -1 };
        const char *name = "file";
        struct copy_rules rules = {
                .source = &source, .sources = &name, .source_count = 1, .destination = "/to/"
        };
        struct copy_manner manner = { .owner = NULL };
        struct tree *image = small_tree(NULL, 0);
        struct copy_items items;
        struct error err = ERROR_INIT;

        cr_assert_not_null(mkdtemp(directory));
        source.root_fd = root_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fd = openat(root_fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_eq(ftruncate(fd, 3 * HOLE_BYTES), 0);
        cr_assert_eq(pwrite(fd, "one", 3, HOLE_BYTES), 3);
        cr_assert_eq(pwrite(fd, "two", 3, 2 * HOLE_BYTES), 3);
        cr_assert_eq(copy_find(&rules, &items, &err), 0, "%s", err.message);
        cr_assert_eq(copy_items_apply(&source, &items, &manner, image, NULL, &err), 0, "%s",
                     err.message);
        assert_is_sparse(image, "/to/file");
        copy_items_done(&items);
        tree_free(image);
        unlinkat(root_fd, "file", 0);
        rmdir(directory);
}
