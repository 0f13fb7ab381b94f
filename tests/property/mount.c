/*
 * The mounted union tree against a directory of the host's filesystem, at random.
 *
 * The same system calls are made in both and must end alike; after every hundred the whole trees
 * are compared. Now and then everything is sealed into a layer, and every other time the tree is
 * made anew of its layers: it must still be the same.
 *
 * Arguments: [SEED [OPERATIONS [single | ranges]]]. The seed is printed.
 */
#include "compare.h"
#include "mounted.h"
#include "random.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LAYERS_USED   100
#define DEPTH_MAX     3
#define FILE_SIZE_MAX 100000
#define BYTES_MAX     20000
#define HELD          6
#define SPOOL_MEMORY  (256 << 10) /* small: both parts of the spool are used */
#define SEAL_EVERY    700

enum kind {
        MAKE_FILE,
        MAKE_DIRECTORY,
        MAKE_SYMLINK,
        MAKE_FIFO,
        LINK,
        UNLINK,
        RMDIR,
        RENAME,
        REPLACE_DIRECTORY,
        OPEN,
        CLOSE,
        WRITE,
        APPEND,
        MAP,
        TRUNCATE,
        FALLOCATE,
        COPY,
        CHMOD,
        CHOWN,
        TIMES,
        SET_XATTR,
        REMOVE_XATTR,
        KIND_COUNT,
};

static const char *const kind_names[KIND_COUNT] = {
        "file", "mkdir", "symlink", "mkfifo", "link",     "unlink",      "rmdir",    "rename",
        "move", "open",  "close",   "write",  "append",   "map",         "truncate", "fallocate",
        "copy", "chmod", "chown",   "times",  "setxattr", "removexattr",
};

/* One operation; it is performed on both sides. */
struct operation {
        enum kind kind;
        char path[64], other[64];
        unsigned flags;
        uint64_t offset, len;
        size_t held, held_other; /* which open file */
        char byte;
        uint32_t mode, uid;
        int64_t seconds;
};

enum side { PLAIN, MOUNTED, SIDES };

static const char *const roots[SIDES] = { "plain", MOUNTED_AT };

struct world {
        uint64_t random;
        unsigned long operation;
        bool ranges;
        struct mounted *mounted;
        struct comparison comparison;
        int held[HELD][SIDES]; /* -1: closed */
};

static void fail(const struct world *world, const char *what, const char *path)
        __attribute__((noreturn));

static void fail(const struct world *world, const char *what, const char *path)
{
        printf("not ok: operation %lu: %s: %s\n", world->operation, what, path);
        exit(1);
}

/* ---- performing ---- */

static int result(long long r)
{
        return r < 0 ? -errno : 0;
}

static int map_and_write(int fd, const struct operation *op)
{
        struct stat st;
        char *data;

        if (fstat(fd, &st) < 0 || (uint64_t)st.st_size <= op->offset + op->len)
                return 0;
        data = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        memset(data + op->offset, op->byte, op->len);
        munmap(data, (size_t)st.st_size);
        return 0;
}

static int write_some(int fd, const struct operation *op, bool append)
{
        static char data[BYTES_MAX];
        struct stat st;
        uint64_t offset = op->offset;

        if (append && (fstat(fd, &st) < 0 || (offset = (uint64_t)st.st_size) > FILE_SIZE_MAX))
                return 0;
        memset(data, op->byte, op->len);
        memcpy(data, &op->offset, op->len < 8 ? op->len : 8);
        return io_pwrite(fd, data, op->len, (off_t)offset);
}

static int perform_open(struct world *world, enum side side, const struct operation *op)
{
        const int *fds = world->held[op->held];
        int fd = fds[side];

        if (fd < 0)
                return 0;
        switch ((int)op->kind) {
        case WRITE:
        case APPEND:
                return write_some(fd, op, op->kind == APPEND);
        case MAP:
                return map_and_write(fd, op);
        case TRUNCATE:
                return result(ftruncate(fd, (off_t)op->offset));
        case FALLOCATE:
                return result(fallocate(fd, (int)op->flags, (off_t)op->offset, (off_t)op->len));
        default: {
                off_t from = (off_t)op->offset, to = (off_t)op->offset / 2;
                int other = world->held[op->held_other][side];

                return other < 0 || other == fd
                               ? 0
                               : result(copy_file_range(fd, &from, other, &to, op->len, 0));
        }
        }
}

static int perform_path(const struct operation *op, const char *path, const char *other)
{
        const struct timespec times[2] = { { op->seconds, 5 }, { op->seconds, 123456789 } };
        char value[64], name[8];

        snprintf(name, sizeof(name), "user.%c", op->byte);
        memset(value, op->byte, sizeof(value));
        switch ((int)op->kind) {
        case MAKE_FILE:
                return result(mknod(path, S_IFREG | 0644, 0));
        case MAKE_DIRECTORY:
                return result(mkdir(path, 0755));
        case MAKE_SYMLINK:
                return result(symlink(op->other, path));
        case MAKE_FIFO:
                return result(mkfifo(path, 0640));
        case LINK:
                return result(linkat(AT_FDCWD, path, AT_FDCWD, other, 0));
        case UNLINK:
                return result(unlink(path));
        case RMDIR:
                return result(rmdir(path));
        case RENAME:
                return result(renameat2(AT_FDCWD, path, AT_FDCWD, other, op->flags));
        case CHMOD:
                return result(fchmodat(AT_FDCWD, path, op->mode, 0));
        case CHOWN:
                return result(lchown(path, op->uid, op->uid));
        case TIMES:
                return result(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
        case SET_XATTR:
                return result(lsetxattr(path, name, value, op->len % sizeof(value), 0));
        default:
                return result(lremovexattr(path, name));
        }
}

/* A directory's place is taken by a new one, which hides the old one's names in the layers. */
static int replace_directory(const struct operation *op, const char *path)
{
        struct error err = ERROR_INIT;
        struct stat st;

        if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0;
        if (io_remove_tree(AT_FDCWD, path, &err) < 0)
                return err.code;
        return result(mkdir(path, op->mode | 0700));
}

static int perform(struct world *world, enum side side, const struct operation *op)
{
        char path[PATH_MAX], other[PATH_MAX];
        int *fd = &world->held[op->held][side];

        snprintf(path, sizeof(path), "%s/%s", roots[side], op->path);
        snprintf(other, sizeof(other), "%s/%s", roots[side], op->other);
        switch ((int)op->kind) {
        case OPEN:
                if (*fd >= 0)
                        close(*fd);
                *fd = open(path, O_RDWR | O_NONBLOCK | (int)op->flags, 0644);
                return result(*fd);
        case CLOSE:
                if (*fd >= 0)
                        close(*fd);
                *fd = -1;
                return 0;
        case REPLACE_DIRECTORY:
                return replace_directory(op, path);
        case WRITE ... COPY:
                return perform_open(world, side, op);
        default:
                return perform_path(op, path, other);
        }
}

/* ---- choosing ---- */

static void random_path(struct world *world, char *ret, size_t size)
{
        size_t depth = 1 + random_below(&world->random, DEPTH_MAX), n = 0;

        for (size_t i = 0; i < depth; i++)
                n += (size_t)snprintf(ret + n, size - n, "%s%c", i ? "/" : "",
                                      (int)('a' + random_below(&world->random, 6)));
}

static enum kind random_kind(struct world *world)
{
        static const unsigned char weights[KIND_COUNT] = {
                [MAKE_FILE] = 6,
                [MAKE_DIRECTORY] = 10,
                [MAKE_SYMLINK] = 2,
                [MAKE_FIFO] = 1,
                [LINK] = 6,
                [UNLINK] = 5,
                [RMDIR] = 2,
                [RENAME] = 9,
                [REPLACE_DIRECTORY] = 1,
                [OPEN] = 8,
                [CLOSE] = 3,
                [WRITE] = 9,
                [APPEND] = 5,
                [MAP] = 3,
                [TRUNCATE] = 4,
                [FALLOCATE] = 5,
                [COPY] = 3,
                [CHMOD] = 4,
                [CHOWN] = 3,
                [TIMES] = 3,
                [SET_XATTR] = 4,
                [REMOVE_XATTR] = 2,
        };
        uint64_t total = 0, at;
        int kind = 0;

        for (size_t i = 0; i < KIND_COUNT; i++)
                total += weights[i];
        for (at = random_below(&world->random, total); at >= weights[kind]; kind++)
                at -= weights[kind];
        return (enum kind)kind;
}

static void choose(struct world *world, struct operation *ret)
{
        static const unsigned renames[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
        static const unsigned modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                                          FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                          FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
        static const unsigned opens[] = { 0, 0, O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_NOFOLLOW };
        uint64_t *random = &world->random;

        *ret = (struct operation){ .kind = random_kind(world) };
        random_path(world, ret->path, sizeof(ret->path));
        random_path(world, ret->other, sizeof(ret->other));
        ret->held = random_below(random, HELD);
        ret->held_other = random_below(random, HELD);
        ret->offset = random_below(random, FILE_SIZE_MAX);
        ret->len = 1 + random_below(random, BYTES_MAX);
        ret->byte = (char)('a' + random_below(random, 26));
        ret->mode = (uint32_t)random_below(random, 010000);
        ret->uid = world->ranges ? (uint32_t)random_below(random, 3) : 0;
        ret->seconds = (int64_t)random_below(random, 1500000000);
        if (ret->kind == RENAME)
                ret->flags = renames[random_below(random, ARRAY_SIZE(renames))];
        else if (ret->kind == FALLOCATE)
                ret->flags = modes[random_below(random, ARRAY_SIZE(modes))];
        else if (ret->kind == OPEN)
                ret->flags = opens[random_below(random, ARRAY_SIZE(opens))];
}

static void operate(struct world *world)
{
        struct operation op;
        int plain, mounted;
        char what[200];

        choose(world, &op);
        plain = perform(world, PLAIN, &op);
        mounted = perform(world, MOUNTED, &op);
        if (plain == mounted)
                return;
        snprintf(what, sizeof(what), "%s says %s, should say %s", kind_names[op.kind],
                 strerror(-mounted), strerror(-plain));
        fail(world, what, op.path);
}

/* ---- comparing ---- */

/* Open files are compared too: some have no name any more. */
static void compare_held(struct world *world)
{
        static char left[FILE_SIZE_MAX * 2], right[sizeof(left)];

        for (size_t i = 0; i < HELD; i++) {
                const int *fds = world->held[i];
                struct stat st, other;
                ssize_t n;

                if (fds[PLAIN] < 0 || fstat(fds[PLAIN], &st) < 0 || !S_ISREG(st.st_mode))
                        continue;
                if (fstat(fds[MOUNTED], &other) < 0 || st.st_size != other.st_size ||
                    st.st_nlink != other.st_nlink || st.st_mode != other.st_mode)
                        fail(world, "an open file has other attributes", "");
                n = io_pread(fds[PLAIN], left, sizeof(left), 0);
                if (n != io_pread(fds[MOUNTED], right, sizeof(right), 0) ||
                    memcmp(left, right, (size_t)n) != 0)
                        fail(world, "an open file has another content", "");
        }
}

static void compare_all(struct world *world, const char *when)
{
        if (!compare_trees(&world->comparison, MOUNTED_AT, "plain"))
                fail(world, when, world->comparison.what);
}

static void close_held(struct world *world)
{
        for (size_t i = 0; i < HELD; i++)
                for (size_t side = 0; side < SIDES; side++)
                        if (world->held[i][side] >= 0)
                                close(TAKE_FD(world->held[i][side]));
}

static void seal(struct world *world)
{
        bool reopen = random_below(&world->random, 2);
        struct error err = ERROR_INIT;

        close_held(world);
        compare_all(world, "before sealing");
        if (mounted_seal(world->mounted, reopen, &err) < 0)
                fail(world, "cannot seal", err.message);
        compare_all(world, reopen ? "read again" : "sealed");
}

static void run(struct world *world, unsigned long operations)
{
        unsigned long seal_every = operations / LAYERS_USED;

        if (seal_every < SEAL_EVERY)
                seal_every = SEAL_EVERY;
        for (world->operation = 1; world->operation <= operations; world->operation++) {
                operate(world);
                if (world->operation % 100 == 0) {
                        compare_held(world);
                        compare_all(world, "differs");
                }
                if (world->operation % seal_every == 0 &&
                    mounted_layers(world->mounted) < LAYERS_USED)
                        seal(world);
        }
        close_held(world);
        compare_all(world, "at the end");
}

int main(int argc, char **argv)
{
        struct mounted_options options = { .spool_memory_max = SPOOL_MEMORY };
        unsigned long operations = argc > 2 ? strtoul(argv[2], NULL, 10) : 5000;
        struct world world = { .random = random_seed(argc > 1 ? argv[1] : NULL) };
        struct error err = ERROR_INIT;
        char root[] = "/tmp/varve-mount-XXXXXX";

        world.ranges = argc > 3 ? strcmp(argv[3], "ranges") == 0 : getuid() == 0;
        printf("seed %llu, %lu operations\n", (unsigned long long)world.random, operations);
        fflush(stdout);
        memset(world.held, -1, sizeof(world.held));
        clock_gettime(CLOCK_REALTIME_COARSE, &world.comparison.begin);
        umask(0);
        if (!mkdtemp(root) || chmod(root, 0755) < 0 || chdir(root) < 0 || mkdir("plain", 0755) < 0)
                return 2;
        options.users = world.ranges ? MOUNTED_RANGES : MOUNTED_SINGLE;
        options.spool_dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (mounted_new(&options, &world.mounted, &err) < 0)
                fail(&world, "cannot mount", err.message);
        run(&world, operations);
        if (mounted_free(world.mounted) < 0)
                fail(&world, "the server has ended with an error", "");
        if (chdir("/") < 0 || io_remove_tree(AT_FDCWD, root, &err) < 0)
                return 2;
        printf("ok: the mount and the plain directory are alike\n");
        return 0;
}
