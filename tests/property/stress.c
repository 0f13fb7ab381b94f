/*
 * Several processes at once on the same names of a mounted tree, at random: nothing may hang, no
 * call may fail as it does not on ext4, and what they leave must be sound: a copy of it is compared
 * with the tree after it was sealed and made anew.
 *
 * Arguments: [SEED [OPERATIONS [PROCESSES]]]; so many operations in all. The seed is printed.
 */
#include "compare.h"
#include "mounted.h"
#include "random.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ROUND         4000 /* operations of one process before all is sealed, at least */
#define ROUNDS_MAX    60
#define PROCESSES_MAX 64
#define SPOOL_MEMORY  (1 << 20)
#define BYTES_MAX     30000
#define FILE_SIZE_MAX 200000
#define SECONDS_MAX   300 /* for one round */

/* What may come of others being faster. */
static bool is_usual(int code)
{
        static const int usual[] = { 0,      ENOENT, EEXIST,  ENOTEMPTY, EISDIR, ENOTDIR,
                                     EINVAL, ELOOP,  ENODATA, EPERM,     EXDEV,  ENXIO };

        for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
                if (code == usual[i])
                        return code != EXDEV;
        return false;
}

static void random_path(uint64_t *random, char *ret, size_t size)
{
        size_t depth = 1 + random_below(random, 3);
        size_t n = (size_t)snprintf(ret, size, MOUNTED_AT);

        for (size_t i = 0; i < depth; i++)
                n += (size_t)snprintf(ret + n, size - n, "/%c",
                                      (int)('a' + random_below(random, 5)));
}

static void list(const char *path)
{
        DIR *dir = opendir(path);
        const struct dirent *entry;
        struct stat st;

        while (dir && (entry = readdir(dir)))
                fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW);
        if (dir)
                closedir(dir);
}

static long change_file(uint64_t *random, const char *path, const char *other)
{
        static char data[BYTES_MAX];
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644);
        off_t offset = (off_t)random_below(random, FILE_SIZE_MAX);
        size_t len = 1 + random_below(random, BYTES_MAX);

        if (fd < 0)
                return -1;
        switch (random_below(random, 6)) {
        case 0:
                return pread(fd, data, len, offset);
        case 1:
                return ftruncate(fd, offset);
        case 2:
                return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                                 (off_t)len);
        case 3: {
                _cleanup_close_ int to = open(other, O_RDWR | O_NONBLOCK | O_CLOEXEC);

                return to < 0 ? -1 : copy_file_range(fd, &offset, to, &offset, len, 0);
        }
        case 4:
                return lseek(fd, offset, SEEK_DATA);
        default:
                memset(data, (int)random_below(random, 256), len);
                return pwrite(fd, data, len, offset);
        }
}

static long operate(uint64_t *random)
{
        static const unsigned flags[] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
        char path[64], other[64], byte = (char)random_below(random, 256);
        struct stat st;

        random_path(random, path, sizeof(path));
        random_path(random, other, sizeof(other));
        switch (random_below(random, 16)) {
        case 0 ... 1:
                return mkdir(path, 0755);
        case 2:
                return link(path, other);
        case 3:
                return unlink(path);
        case 4:
                return rmdir(path);
        case 5 ... 6:
                return renameat2(AT_FDCWD, path, AT_FDCWD, other,
                                 flags[random_below(random, ARRAY_SIZE(flags))]);
        case 7:
                return symlink("x", path);
        case 8:
                return fchmodat(AT_FDCWD, path, 0700 + (mode_t)random_below(random, 64), 0);
        case 9:
                return lsetxattr(path, "user.x", &byte, 1, 0);
        case 10:
                return lstat(path, &st);
        case 11:
                list(path);
                return 0;
        default:
                return change_file(random, path, other);
        }
}

static void run_process(uint64_t random, unsigned long operations)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(SECONDS_MAX);
        for (unsigned long i = 0; i < operations; i++) {
                errno = 0;
                if (operate(&random) < 0 && !is_usual(errno)) {
                        printf("a call fails: %s\n", strerror(errno));
                        exit(1);
                }
        }
        exit(0);
}

static int run_round(uint64_t *random, unsigned processes, unsigned long operations,
                     struct error *err)
{
        bool good = true;

        fflush(NULL);
        for (unsigned i = 0; i < processes; i++) {
                uint64_t seed = random_below(random, UINT64_MAX) | 1;

                if (fork() == 0)
                        run_process(seed, operations);
        }
        for (unsigned i = 0; i < processes; i++) {
                int status;

                wait(&status);
                good = good && status == 0;
        }
        return good ? 0 : error_set(err, -EIO, "a process has failed");
}

/* Copies the tree, seals it, makes it anew, and compares it with the copy. */
static int seal(struct mounted *mounted, struct error *err)
{
        struct comparison comparison = { .begin = { .tv_sec = 0 } };
        int r;

        if (system("cp -a " MOUNTED_AT "/. copy") != 0)
                return error_set(err, -EIO, "cannot copy the tree");
        r = mounted_seal(mounted, true, err);
        if (r == 0 && !compare_trees(&comparison, MOUNTED_AT, "copy"))
                r = error_set(err, -EIO, "%s", comparison.what);
        if (r == 0)
                r = io_remove_tree(AT_FDCWD, "copy", err);
        /* Directories move into each other: some go, before paths get too long. */
        return r < 0 ? r
                     : io_remove_tree(AT_FDCWD, mounted_layers(mounted) % 2 ? "mnt/a" : "mnt/b",
                                      err);
}

int main(int argc, char **argv)
{
        struct mounted_options options = { .spool_memory_max = SPOOL_MEMORY };
        uint64_t random = random_seed(argc > 1 ? argv[1] : NULL);
        unsigned long operations = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
        unsigned processes = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 4;
        unsigned long each, round;
        struct error err = ERROR_INIT;
        struct mounted *mounted = NULL;
        char root[] = "/tmp/varve-stress-XXXXXX";
        int r;

        if (processes < 1 || processes > PROCESSES_MAX)
                return 2;
        printf("seed %llu, %lu operations of %u processes\n", (unsigned long long)random,
               operations, processes);
        each = operations / processes;
        round = each / ROUNDS_MAX > ROUND ? each / ROUNDS_MAX : ROUND;
        if (!mkdtemp(root) || chdir(root) < 0)
                return 2;
        options.spool_dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = mounted_new(&options, &mounted, &err);
        for (unsigned long done = 0; r == 0 && done < each; done += round) {
                r = run_round(&random, processes, each - done < round ? each - done : round, &err);
                if (r == 0)
                        r = seal(mounted, &err);
        }
        return mounted_end(mounted, root, r, &err, "what is left is sound");
}
