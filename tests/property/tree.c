/*
 * The union tree against a plain directory.
 *
 * Random operations are applied to both and must answer alike; after every hundred the whole trees
 * are compared. Now and then the changes are committed and made into a layer, and the tree is
 * opened anew from its layers: it must still be the same. Where the tree is persistent, they may
 * take the place of the topmost layer instead, and every inode must keep the number it is shown
 * under.
 *
 * Arguments: plain|persistent [SEED [OPERATIONS]]. The seed is printed.
 */
#include "fs/tree.h"
#include "layers.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LAYERS_USED   40
#define DEPTH_MAX     3
#define FILE_SIZE_MAX 100000
#define SPOOL_MEMORY  (64 * 1024) /* small: both parts of the spool are used */
#define INODES_MAX    4096

struct world {
        uint64_t random;
        char root[64]; /* the plain directory */
        int dir_fd;    /* the same */
        struct tree *tree;
        struct layers layers;
        unsigned long operation;
        bool has_changed;             /* since the tree was opened: it holds more than its layers */
        uint64_t numbers[INODES_MAX]; /* in the order of the last comparison */
        size_t number_count;
        bool keeps_numbers; /* they shall be those of the last comparison */
};

static void fail(const struct world *world, const char *what, const char *path)
        __attribute__((noreturn));

static void fail(const struct world *world, const char *what, const char *path)
{
        printf("not ok: operation %lu: %s: %s\n", world->operation, what, path);
        exit(1);
}

static uint64_t rnd(struct world *world, uint64_t below)
{
        world->random ^= world->random << 13;
        world->random ^= world->random >> 7;
        world->random ^= world->random << 17;
        return world->random % below;
}

/* ---- layers ---- */

/* Commits the tree and makes a layer of what it yields. */
static void commit(struct world *world)
{
        struct error err = ERROR_INIT;

        tree_reset_lookups(world->tree);
        if (layers_commit(&world->layers, world->tree, &err) < 0)
                fail(world, err.message, "commit");
}

static void open_tree(struct world *world)
{
        struct error err = ERROR_INIT;

        tree_free(world->tree);
        if (layers_open(&world->layers, SPOOL_MEMORY, &world->tree, &err) < 0)
                fail(world, err.message, "tree");
}

/* ---- comparing ---- */

struct names {
        char *items[4096];
        size_t count;
};

static int collect(void *userdata, const struct tree_dirent *entry)
{
        struct names *names = userdata;

        if (names->count == ARRAY_SIZE(names->items))
                return 1;
        if (entry->name[0] != '.')
                names->items[names->count++] = strndup(entry->name, entry->name_len);
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void compare_content(struct world *world, const char *path, uint64_t ino, uint64_t size)
{
        static char ours[FILE_SIZE_MAX * 2 + 1], theirs[sizeof(ours)];
        _cleanup_close_ int fd = open(path, O_RDONLY);
        ssize_t n = tree_read(world->tree, ino, 0, ours, sizeof(ours));

        if (fd < 0 || n != (ssize_t)size || io_read(fd, theirs, sizeof(theirs)) != n)
                fail(world, "content of another length", path);
        for (ssize_t at = 0; at < n; at++) {
                char what[64];

                if (ours[at] == theirs[at])
                        continue;
                snprintf(what, sizeof(what), "another byte at %zd of %zd", at, n);
                fail(world, what, path);
        }
}

static void compare_xattrs(struct world *world, const char *path, uint64_t ino)
{
        char ours[1024], theirs[1024], our_value[256], their_value[256];
        ssize_t n = tree_listxattr(world->tree, ino, ours, sizeof(ours));
        ssize_t m = llistxattr(path, theirs, sizeof(theirs));

        if (n != m)
                fail(world, "other xattrs", path);
        for (char *name = ours; name < ours + n; name += strlen(name) + 1) {
                ssize_t len = tree_getxattr(world->tree, ino, name, our_value, sizeof(our_value));

                if (len != lgetxattr(path, name, their_value, sizeof(their_value)) ||
                    memcmp(our_value, their_value, (size_t)len) != 0)
                        fail(world, "another xattr", path);
        }
}

static void compare_symlink(struct world *world, const char *path, uint64_t ino)
{
        struct buf target = BUF_INIT;
        char theirs[256];
        ssize_t n = readlink(path, theirs, sizeof(theirs));

        tree_readlink(world->tree, ino, &target);
        if (n != (ssize_t)target.len || memcmp(theirs, target.data, target.len) != 0)
                fail(world, "another target", path);
        buf_done(&target);
}

static void compare(struct world *world, const char *path, const struct tree_attr *attr);

static void compare_directory(struct world *world, const char *path, uint64_t ino)
{
        struct names ours = { .count = 0 };
        struct dirent *entry;
        DIR *dir = opendir(path);
        size_t theirs = 0;

        tree_readdir(world->tree, ino, 0, false, collect, &ours);
        qsort(ours.items, ours.count, sizeof(ours.items[0]), compare_names);
        while ((entry = readdir(dir)))
                theirs += entry->d_name[0] != '.';
        closedir(dir);
        for (size_t i = 0; i < ours.count; i++) {
                char child[PATH_MAX];
                struct tree_attr attr;

                snprintf(child, sizeof(child), "%s/%s", path, ours.items[i]);
                if (tree_lookup(world->tree, ino, ours.items[i], &attr) < 0)
                        fail(world, "listed but not found", child);
                compare(world, child, &attr);
                free(ours.items[i]);
        }
        if (theirs != ours.count)
                fail(world, "another number of names", path);
}

static void compare(struct world *world, const char *path, const struct tree_attr *attr)
{
        struct tree_attr again;
        struct stat st;

        if (lstat(path, &st) < 0)
                fail(world, "there is no such file", path);
        if (st.st_mode != attr->mode)
                fail(world, "another mode", path);
        if (st.st_nlink != attr->nlink)
                fail(world, "another link count", path);
        if (!S_ISDIR(st.st_mode) && (uint64_t)st.st_size != attr->size)
                fail(world, "another size", path);
        if (tree_getattr(world->tree, attr->ino, &again) < 0 || again.ino != attr->ino ||
            again.nlink != attr->nlink || again.mode != attr->mode)
                fail(world, "its number means something else", path);
        if (world->number_count == INODES_MAX ||
            (world->keeps_numbers && world->numbers[world->number_count] != attr->number))
                fail(world, "is shown under another number", path);
        world->numbers[world->number_count++] = attr->number;
        if (S_ISREG(st.st_mode))
                compare_content(world, path, attr->ino, attr->size);
        if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
                compare_xattrs(world, path, attr->ino);
        if (S_ISLNK(st.st_mode))
                compare_symlink(world, path, attr->ino);
        if (S_ISDIR(st.st_mode))
                compare_directory(world, path, attr->ino);
}

static void compare_all(struct world *world)
{
        struct tree_attr root;

        if (tree_getattr(world->tree, TREE_ROOT, &root) < 0)
                fail(world, "no root", "/");
        world->number_count = 0;
        compare(world, ".", &root);
}

/* Commits and opens the tree anew. */
static void go_round(struct world *world)
{
        struct error err = ERROR_INIT;
        bool onto = world->layers.persistent && world->layers.count > 0 && !world->has_changed &&
                    rnd(world, 4) > 0;

        compare_all(world);
        if (onto) {
                tree_reset_lookups(world->tree);
                if (layers_replace(&world->layers, world->tree, &err) < 0)
                        fail(world, err.message, "replace");
        } else {
                commit(world);
                compare_all(world);
        }
        world->has_changed = !onto && !world->layers.persistent && rnd(world, 2) > 0;
        if (world->has_changed)
                return;
        world->keeps_numbers = world->layers.persistent;
        open_tree(world);
        compare_all(world);
        world->keeps_numbers = false;
}

/* ---- operations ---- */

/* A path of few names, so that operations meet. */
static void random_path(struct world *world, char *ret)
{
        size_t depth = 1 + rnd(world, DEPTH_MAX);

        *ret = '\0';
        for (size_t i = 0; i < depth; i++)
                sprintf(ret + strlen(ret), "%s%c", i ? "/" : "", (int)('a' + rnd(world, 6)));
}

struct place {
        char path[32];
        uint64_t dir;
        char name[2];
        int error; /* why there is no such directory, or 0 */
};

static void random_place(struct world *world, struct place *ret)
{
        struct tree_attr attr;
        char parent[32];
        char *slash;

        random_path(world, ret->path);
        strcpy(parent, ret->path);
        slash = strrchr(parent, '/');
        if (slash)
                *slash = '\0';
        strcpy(ret->name, slash ? slash + 1 : ret->path);
        ret->error = tree_resolve(world->tree, slash ? parent : "", true, &attr);
        if (ret->error == 0 && !S_ISDIR(attr.mode))
                ret->error = -ENOTDIR;
        ret->dir = ret->error == 0 ? attr.ino : 0;
}

/* Both sides must have answered alike. `theirs` is what a system call returned. */
static void expect(struct world *world, int ours, int theirs, const char *operation,
                   const char *path)
{
        char what[128];

        if (theirs < 0)
                theirs = -errno;
        else
                theirs = 0;
        if (ours == theirs)
                return;
        snprintf(what, sizeof(what), "%s says %s, should say %s", operation, strerror(-ours),
                 strerror(-theirs));
        fail(world, what, path);
}

static void make(struct world *world)
{
        static const uint32_t types[] = { S_IFREG, S_IFREG, S_IFREG, S_IFDIR,
                                          S_IFDIR, S_IFIFO, S_IFLNK };
        uint32_t type = types[rnd(world, ARRAY_SIZE(types))];
        char target[32];
        struct tree_new_inode inode = { .mode = type | 0644, .target = target };
        struct tree_attr attr;
        struct place place;
        int ours, theirs;

        random_place(world, &place);
        random_path(world, target);
        ours = place.error ? place.error
                           : tree_create(world->tree, place.dir, place.name, &inode, &attr);
        if (type == S_IFDIR)
                theirs = mkdir(place.path, 0644);
        else if (type == S_IFLNK)
                theirs = symlink(target, place.path);
        else
                theirs = mknod(place.path, type | 0644, 0);
        expect(world, ours, theirs, "make", place.path);
        /* As root the directory can be entered all the same, but an ordinary user tests too. */
        if (type == S_IFDIR && theirs == 0) {
                struct tree_attr mode = { .mode = 0755 };

                chmod(place.path, 0755);
                tree_setattr(world->tree, attr.ino, &mode, TREE_SET_MODE, &attr);
        }
}

static void make_link(struct world *world)
{
        struct place from, to;
        struct tree_attr attr;
        int ours;

        random_place(world, &from);
        random_place(world, &to);
        ours = from.error ? from.error : tree_lookup(world->tree, from.dir, from.name, &attr);
        if (ours == 0)
                ours = to.error;
        if (ours == 0 && S_ISDIR(attr.mode)) {
                struct tree_attr other;

                ours = tree_lookup(world->tree, to.dir, to.name, &other) == 0 ? -EEXIST : -EPERM;
        } else if (ours == 0) {
                ours = tree_link(world->tree, attr.ino, to.dir, to.name, &attr);
        }
        expect(world, ours, linkat(AT_FDCWD, from.path, AT_FDCWD, to.path, 0), "link", to.path);
}

static void take_away(struct world *world)
{
        struct place place;
        int ours = 0;

        random_place(world, &place);
        if (rnd(world, 2)) {
                ours = place.error ? place.error : tree_unlink(world->tree, place.dir, place.name);
                expect(world, ours, unlink(place.path), "unlink", place.path);
        } else {
                ours = place.error ? place.error : tree_rmdir(world->tree, place.dir, place.name);
                expect(world, ours, rmdir(place.path), "rmdir", place.path);
        }
}

static void move(struct world *world)
{
        static const unsigned flags[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
        unsigned flag = flags[rnd(world, ARRAY_SIZE(flags))];
        struct place from, to;
        int ours;

        random_place(world, &from);
        random_place(world, &to);
        ours = from.error ? from.error : to.error;
        if (ours == 0)
                ours = tree_rename(world->tree, from.dir, from.name, to.dir, to.name, flag);
        expect(world, ours, renameat2(AT_FDCWD, from.path, AT_FDCWD, to.path, flag), "rename",
               to.path);
}

/* The file at a random path, opened on the other side; -1 where there is none. */
static int random_file(struct world *world, struct tree_attr *ret, char *ret_path)
{
        random_path(world, ret_path);
        if (tree_resolve(world->tree, ret_path, false, ret) < 0 || !S_ISREG(ret->mode))
                return -1;
        chmod(ret_path, 0644);
        tree_setattr(world->tree, ret->ino, &(struct tree_attr){ .mode = 0644 }, TREE_SET_MODE,
                     ret);
        return open(ret_path, O_RDWR);
}

static void change_content(struct world *world)
{
        static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                                     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
        struct tree_attr attr;
        char path[32], data[20000];
        _cleanup_close_ int fd = random_file(world, &attr, path);
        uint64_t offset = rnd(world, FILE_SIZE_MAX), len = 1 + rnd(world, sizeof(data));
        int mode;

        if (fd < 0)
                return;
        switch (rnd(world, 4)) {
        case 0:
                attr.size = offset;
                expect(world, tree_setattr(world->tree, attr.ino, &attr, TREE_SET_SIZE, &attr),
                       ftruncate(fd, (off_t)offset), "truncate", path);
                return;
        case 1:
                mode = modes[rnd(world, ARRAY_SIZE(modes))];
                expect(world, tree_fallocate(world->tree, attr.ino, mode, offset, len, false),
                       fallocate(fd, mode, (off_t)offset, (off_t)len), "fallocate", path);
                return;
        case 2: /* append */
                offset = attr.size < FILE_SIZE_MAX ? attr.size : offset;
                break;
        default:
                break;
        }
        memset(data, (int)('A' + rnd(world, 26)), len);
        memcpy(data, &world->operation, len < 8 ? len : 8);
        expect(world, tree_write(world->tree, attr.ino, offset, data, len, false),
               io_pwrite(fd, data, len, (off_t)offset), "write", path);
}

static void change_attributes(struct world *world)
{
        struct tree_attr attr, set = { .mode = (uint32_t)rnd(world, 01000) | 0400,
                                       .mtime = { .tv_sec = (time_t)rnd(world, 2000000000) } };
        char path[32], name[8], value[64];
        size_t len = rnd(world, sizeof(value));
        int ours, theirs;

        random_path(world, path);
        if (tree_resolve(world->tree, path, false, &attr) < 0)
                return;
        snprintf(name, sizeof(name), "user.%c", (int)('a' + rnd(world, 3)));
        memset(value, (int)rnd(world, 256), len);
        switch (rnd(world, 3)) {
        case 0:
                if (S_ISLNK(attr.mode))
                        return;
                if (S_ISDIR(attr.mode))
                        set.mode |= 0700;
                expect(world, tree_setattr(world->tree, attr.ino, &set, TREE_SET_MODE, &attr),
                       chmod(path, set.mode), "chmod", path);
                break;
        case 1:
                tree_setattr(world->tree, attr.ino, &set, TREE_SET_MTIME, &attr);
                break;
        default:
                if (!S_ISREG(attr.mode) && !S_ISDIR(attr.mode))
                        return;
                set.mode = S_ISDIR(attr.mode) ? 0755 : 0644;
                tree_setattr(world->tree, attr.ino, &set, TREE_SET_MODE, &attr);
                chmod(path, set.mode);
                if (rnd(world, 2)) {
                        ours = tree_setxattr(world->tree, attr.ino, name, value, len, 0);
                        theirs = lsetxattr(path, name, value, len, 0);
                } else {
                        ours = tree_removexattr(world->tree, attr.ino, name);
                        theirs = lremovexattr(path, name);
                }
                expect(world, ours, theirs, "xattr", path);
        }
}

static void operate(struct world *world)
{
        switch (rnd(world, 16)) {
        case 0 ... 4:
                make(world);
                break;
        case 5:
                make_link(world);
                break;
        case 6 ... 7:
                take_away(world);
                break;
        case 8 ... 9:
                move(world);
                break;
        case 10 ... 13:
                change_content(world);
                break;
        default:
                change_attributes(world);
        }
}

int main(int argc, char **argv)
{
        struct timespec now;
        static struct world world;
        struct error err = ERROR_INIT;
        unsigned long operations = argc > 3 ? strtoul(argv[3], NULL, 10) : 20000;

        if (argc < 2 || (strcmp(argv[1], "plain") != 0 && strcmp(argv[1], "persistent") != 0)) {
                fprintf(stderr, "usage: tree plain|persistent [SEED [OPERATIONS]]\n");
                return 2;
        }
        world.layers.persistent = strcmp(argv[1], "persistent") == 0;
        clock_gettime(CLOCK_REALTIME, &now);
        if (argc > 2)
                world.random = strtoull(argv[2], NULL, 10);
        else
                world.random = (uint64_t)now.tv_nsec + 1;
        printf("seed %llu, %lu operations\n", (unsigned long long)world.random, operations);
        umask(0);
        strcpy(world.root, "/tmp/varve-tree-XXXXXX");
        if (!mkdtemp(world.root) || chdir(world.root) < 0)
                return 2;
        world.dir_fd = world.layers.dir_fd = open(".", O_RDONLY | O_DIRECTORY);
        open_tree(&world);
        chmod(".", 0755);
        for (world.operation = 1; world.operation <= operations; world.operation++) {
                operate(&world);
                if (world.operation % 100 == 0)
                        compare_all(&world);
                if (world.operation % 700 == 0 && world.layers.count < LAYERS_USED)
                        go_round(&world);
        }
        compare_all(&world);
        tree_free(world.tree);
        layers_done(&world.layers);
        close(world.dir_fd);
        if (chdir("/") < 0 || io_remove_tree(AT_FDCWD, world.root, &err) < 0)
                return 2;
        printf("ok: the tree and the plain directory are alike\n");
        return 0;
}
