/*
 * What a mounted tree does when the host fails it: a full disk, layers that cannot be read, and a
 * server that is killed. Nothing may hang, and nothing be lost that was written before.
 */
#include "mounted.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MEGABYTE    ((size_t)1 << 20)
#define DISK_BYTES  (16 * MEGABYTE)
#define SECONDS_MAX 20

static unsigned failures;

#define EXPECT(condition)                                                                   \
        do {                                                                                \
                if (!(condition)) {                                                         \
                        printf("line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
                        failures++;                                                         \
                }                                                                           \
        } while (0)

/* Writes so many bytes and syncs. Returns 0 or a negative errno. */
static int write_file(const char *path, char byte, size_t size)
{
        _cleanup_free_ char *data = malloc(size + 1);
        _cleanup_close_ int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
        int r;

        memset(data, byte, size);
        r = fd < 0 ? -errno : io_write(fd, data, size);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

/* Whether a file holds that, when nothing of it is cached. */
static bool holds(const char *path, char byte, size_t size)
{
        _cleanup_free_ char *data = malloc(size + 1);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return false;
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        if (io_read(fd, data, size + 1) != (ssize_t)size)
                return false;
        for (size_t i = 0; i < size; i++)
                if (data[i] != byte)
                        return false;
        return true;
}

/* The same, once there is room: a file that was closed and unlinked is given up a moment later, as
 * the kernel waits for no answer when it tells of that. */
static int write_file_soon(const char *path, char byte, size_t size)
{
        int r = -ENOSPC;

        for (int i = 0; i < 100 && r == -ENOSPC; i++) {
                r = write_file(path, byte, size);
                if (r == -ENOSPC)
                        usleep(10000);
        }
        return r;
}

static void fill_the_disk(struct mounted *mounted)
{
        struct error err = ERROR_INIT;

        EXPECT(write_file("mnt/before", 'b', 3 * MEGABYTE) == 0);
        EXPECT(write_file("mnt/big", 'x', 2 * DISK_BYTES) == -ENOSPC);
        EXPECT(holds("mnt/before", 'b', 3 * MEGABYTE));
        EXPECT(write_file("mnt/big", 'x', 2 * DISK_BYTES) == -ENOSPC);
        EXPECT(mkdir("mnt/names-need-no-disk", 0755) == 0);
        EXPECT(unlink("mnt/big") == 0);
        EXPECT(write_file_soon("mnt/after", 'a', 3 * MEGABYTE) == 0);
        EXPECT(holds("mnt/before", 'b', 3 * MEGABYTE));
        EXPECT(holds("mnt/after", 'a', 3 * MEGABYTE));
        EXPECT(unlink("mnt/before") == 0);
        /* Who was told of it has coped. */
        EXPECT(mounted_seal(mounted, true, &err) == 0);
        EXPECT(holds("mnt/after", 'a', 3 * MEGABYTE));
        EXPECT(mounted_free(mounted) == 0);
}

/* Of bytes that come out of a mapping nobody can be told: no layer may come of that. */
static void lose_a_mapping(struct mounted *mounted)
{
        struct error err = ERROR_INIT;
        int fd = open("mnt/mapped", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
        char *map;

        EXPECT(ftruncate(fd, 2 * DISK_BYTES) == 0);
        map = mmap(NULL, 2 * DISK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        EXPECT(map != MAP_FAILED);
        memset(map, 'm', 2 * DISK_BYTES);
        munmap(map, 2 * DISK_BYTES);
        close(fd);
        EXPECT(mounted_seal(mounted, false, &err) == -ENOSPC);
        EXPECT(mounted_free(mounted) == 0);
}

/* What needs no byte of a layer's file works though none can be read. */
static void break_the_layers(struct mounted *mounted)
{
        struct error err = ERROR_INIT;
        char byte;
        int fd;

        EXPECT(write_file("mnt/read", 'r', MEGABYTE) == 0);
        EXPECT(write_file("mnt/changed", 'c', MEGABYTE) == 0);
        EXPECT(write_file("mnt/replaced", 'r', MEGABYTE) == 0);
        EXPECT(write_file("mnt/deleted", 'd', MEGABYTE) == 0);
        EXPECT(mounted_seal(mounted, true, &err) == 0);
        EXPECT(mounted_break(mounted, &err) == 0);
        EXPECT(chmod("mnt/changed", 0600) == 0);
        EXPECT(chown("mnt/changed", 0, 0) == 0);
        EXPECT(setxattr("mnt/changed", "user.x", "x", 1, 0) == 0);
        EXPECT(rename("mnt/changed", "mnt/moved") == 0);
        EXPECT(link("mnt/moved", "mnt/linked") == 0);
        fd = open("mnt/moved", O_RDWR | O_APPEND | O_CLOEXEC);
        EXPECT(write(fd, "x", 1) == 1);
        EXPECT(fsync(fd) == 0);
        EXPECT(pread(fd, &byte, 1, MEGABYTE) == 1 && byte == 'x');
        EXPECT(pread(fd, &byte, 1, 0) == -1 && errno == EIO);
        close(fd);
        EXPECT(unlink("mnt/deleted") == 0);
        EXPECT(write_file("mnt/replaced", 'n', MEGABYTE) == 0);
        EXPECT(holds("mnt/replaced", 'n', MEGABYTE));
        fd = open("mnt/read", O_RDWR | O_CLOEXEC);
        EXPECT(read(fd, &byte, 1) == -1 && errno == EIO);
        EXPECT(pwrite(fd, "x", 1, 100) == -1 && errno == EIO);
        close(fd);
        EXPECT(holds("mnt/replaced", 'n', MEGABYTE));
        EXPECT(mounted_free(mounted) == 0);
}

/* One that asks all the time, until it gets an error. */
static pid_t start_client(unsigned number)
{
        pid_t pid = fork();
        char path[64];

        if (pid != 0)
                return pid;
        snprintf(path, sizeof(path), "mnt/client%u", number);
        while (write_file(path, 'c', 100000) == 0 && holds(path, 'c', 100000))
                continue;
        _exit(0);
}

static void kill_the_server(struct mounted *mounted)
{
        uint64_t end = clock_monotonic_ns() + SECONDS_MAX * 1000000000ull;
        struct stat st;
        pid_t clients[8];
        unsigned left = 8;

        for (unsigned i = 0; i < left; i++)
                clients[i] = start_client(i);
        usleep(200000);
        kill(mounted_server(mounted), SIGKILL);
        while (left > 0 && clock_monotonic_ns() < end) {
                if (waitpid(clients[left - 1], NULL, WNOHANG) == clients[left - 1])
                        left--;
                else
                        usleep(10000);
        }
        EXPECT(left == 0);
        EXPECT(stat("mnt/unknown", &st) == -1 && errno == ENOTCONN);
        EXPECT(umount2("mnt", 0) == 0);
        EXPECT(mounted_free(mounted) == -EIO);
}

static int write_text(const char *path, const char *text)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 ? -errno : io_write(fd, text, strlen(text));
}

/* Namespaces around the server as well: in there a small filesystem can be mounted. */
static int enter(const char *directory)
{
        char uids[32], gids[32];

        snprintf(uids, sizeof(uids), "0 %u 1", getuid());
        snprintf(gids, sizeof(gids), "0 %u 1", getgid());
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return -errno;
        if (write_text("/proc/self/setgroups", "deny") < 0 ||
            write_text("/proc/self/uid_map", uids) < 0 ||
            write_text("/proc/self/gid_map", gids) < 0)
                return -EPERM;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("disk", directory, "tmpfs", 0, "size=16m") < 0 || chdir(directory) < 0)
                return -errno;
        return 0;
}

static int run_inside(const char *directory, void (*test)(struct mounted *))
{
        struct mounted_options options = { .users = MOUNTED_SINGLE, .spool_memory_max = MEGABYTE };
        struct error err = ERROR_INIT;
        struct mounted *mounted;

        alarm(6 * SECONDS_MAX);
        if (enter(directory) < 0) {
                printf("cannot make namespaces\n");
                return 2;
        }
        options.spool_dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (mounted_new(&options, &mounted, &err) < 0) {
                printf("%s\n", err.message);
                return 2;
        }
        test(mounted);
        return failures > 0;
}

static void run(const char *name, void (*test)(struct mounted *))
{
        char root[] = "/tmp/varve-faults-XXXXXX";
        int status = -1;
        pid_t pid;

        fflush(NULL);
        if (!mkdtemp(root))
                exit(2);
        pid = fork();
        if (pid == 0)
                exit(run_inside(root, test));
        waitpid(pid, &status, 0);
        rmdir(root);
        printf("%s - %s\n", status == 0 ? "ok" : "not ok", name);
        failures += status != 0;
}

int main(void)
{
        run("a full disk is told of, and nothing else lost", fill_the_disk);
        run("what a mapping loses is told of in the end", lose_a_mapping);
        run("what needs no byte of a layer needs none", break_the_layers);
        run("a killed server leaves nobody waiting", kill_the_server);
        return failures > 0;
}
