/* Content: holes, mappings, locks, copies, limits. */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOLE 65536

static void prepare_files(void)
{
        int fd;

        scenario_file("plain", 100000, 'p');
        scenario_file("empty", 0, 0);
        scenario_file("small", 10, 's');
        /* data, hole, data, hole to the end */
        fd = (int)T(open("sparse", O_CREAT | O_RDWR, 0644));
        T(pwrite(fd, "begin", 5, 0));
        T(pwrite(fd, "middle", 6, 32 * HOLE));
        T(ftruncate(fd, 64 * HOLE));
        T(close(fd));
        T(mkdir("dir", 0755));
}

static void walk_holes(const char *path)
{
        int fd = open(path, O_RDONLY);
        off_t at = 0, end;

        scenario_say("holes of %s", path);
        for (int i = 0; i < 20; i++) {
                at = lseek(fd, at, SEEK_DATA);
                if (at < 0) {
                        scenario_say("no more data: %s", strerror(errno));
                        break;
                }
                end = lseek(fd, at, SEEK_HOLE);
                scenario_say("data from %lld to %lld", (long long)at / HOLE,
                             (long long)(end + HOLE - 1) / HOLE);
                at = end;
        }
        close(fd);
}

static void act_holes(void)
{
        struct stat st;
        int fd;

        walk_holes("sparse");
        walk_holes("plain");
        walk_holes("empty");
        fd = (int)T(open("sparse", O_RDWR));
        T(fstat(fd, &st));
        T(st.st_blocks < 1000);
        T(lseek(fd, 64 * HOLE, SEEK_DATA));
        T(lseek(fd, 64 * HOLE, SEEK_HOLE));
        T(lseek(fd, 65 * HOLE, SEEK_HOLE));
        T(lseek(fd, -1, SEEK_HOLE));
        T(lseek(fd, -1, SEEK_DATA));
        T(lseek(fd, 0, SEEK_END));
        T(lseek(fd, 0, 77));
        T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HOLE));
        walk_holes("sparse");
        T(pwrite(fd, "x", 1, 16 * HOLE));
        walk_holes("sparse");
        T(close(fd));
        fd = (int)T(open("plain", O_RDWR));
        T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HOLE));
        walk_holes("plain");
        scenario_content("plain");
        T(fstat(fd, &st));
        T(st.st_blocks < 100);
        T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10 * HOLE));
        scenario_stat("plain");
        T(fstat(fd, &st));
        scenario_say("blocks %d", (int)st.st_blocks);
        T(close(fd));
        scenario_content("sparse");
}

static void act_fallocate(void)
{
        static const int modes[] = { 0,
                                     FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_PUNCH_HOLE,
                                     FALLOC_FL_ZERO_RANGE,
                                     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE,
                                     FALLOC_FL_UNSHARE_RANGE,
                                     0x1000 };
        static const struct {
                off_t offset, len;
        } ranges[] = { { 10, 20 },      { 0, 5000 },  { 4096, 8192 },       { 99990, 100 },
                       { 200000, 500 }, { 70000, 0 }, { -1, 10 },           { 10, -1 },
                       { 511, 2 },      { 512, 512 }, { INT64_MAX - 5, 10 } };
        struct stat st;
        int fd;

        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                for (size_t j = 0; j < sizeof(ranges) / sizeof(ranges[0]); j++) {
                        scenario_file("plain", 100000, 'p');
                        fd = open("plain", O_RDWR);
                        scenario_say("mode %d, %lld for %lld", modes[i],
                                     (long long)ranges[j].offset, (long long)ranges[j].len);
                        T(fallocate(fd, modes[i], ranges[j].offset, ranges[j].len));
                        scenario_content("plain");
                        close(fd);
                }
        }
        fd = (int)T(open("plain", O_RDONLY));
        T(fallocate(fd, 0, 0, 10));
        T(close(fd));
        fd = (int)T(open("dir", O_RDONLY));
        T(fallocate(fd, 0, 0, 10));
        T(close(fd));
        fd = (int)T(open("small", O_RDWR));
        T(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
        T(fstat(fd, &st));
        scenario_say("size %d", (int)st.st_size);
        T(posix_fallocate(fd, 0, 2000));
        scenario_content("small");
        T(close(fd));
}

static void act_sizes(void)
{
        struct stat st;
        char byte;
        int fd = (int)T(open("plain", O_RDWR));

        T(ftruncate(fd, 50));
        T(ftruncate(fd, 5000));
        scenario_content("plain");
        T(ftruncate(fd, 1LL << 40));
        T(pwrite(fd, "far", 3, (1LL << 40) - 10));
        T(pread(fd, &byte, 1, (1LL << 40) - 10));
        scenario_say("%c", byte);
        T(fstat(fd, &st));
        T(st.st_size == 1LL << 40);
        T(st.st_blocks < 1000);
        T(ftruncate(fd, 0));
        T(fstat(fd, &st));
        scenario_say("blocks %d", (int)st.st_blocks);
        T(pwrite(fd, "x", 1, -1));
        T(pread(fd, &byte, 1, 1LL << 30));
        T(lseek(fd, -1, SEEK_SET));
        T(lseek(fd, 0, SEEK_END));
        T(close(fd));
}

static void exceed(void)
{
        struct rlimit limit = { 1000, 1000 };
        char data[2000] = { 0 };
        int fd = open("limited", O_CREAT | O_RDWR, 0644);

        signal(SIGXFSZ, SIG_IGN);
        T(setrlimit(RLIMIT_FSIZE, &limit));
        T(write(fd, data, 500));
        T(write(fd, data, 2000));
        T(write(fd, data, 1));
        T(ftruncate(fd, 1001));
        T(ftruncate(fd, 1000));
        T(fallocate(fd, 0, 0, 2000));
        T(pwrite(fd, data, 10, 995));
        T(pwrite(fd, data, 10, 1000));
}

static void act_limits(void)
{
        scenario_as(0, 0, 0, exceed);
        scenario_stat("limited");
}

static sigjmp_buf jump;

static void on_bus(int number)
{
        (void)number;
        siglongjmp(jump, 1);
}

static void touch_beyond(const volatile char *at)
{
        signal(SIGBUS, on_bus);
        if (sigsetjmp(jump, 1) == 0)
                scenario_say("byte %d", *at);
        else
                scenario_say("SIGBUS");
        signal(SIGBUS, SIG_DFL);
}

static void act_mmap(void)
{
        char *shared, *private;
        struct stat st;
        int fd = (int)T(open("plain", O_RDWR)), other = (int)T(open("plain", O_RDWR));
        char data[20] = { 0 };

        shared = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        private = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        T(shared != MAP_FAILED && private != MAP_FAILED);
        shared[5000] = 'S';
        private[6000] = 'P';
        T(pread(other, data, 1, 5000));
        T(data[0]);
        T(pread(other, data, 1, 6000));
        T(data[0]);
        T(private[5000]);
        T(pwrite(other, "W", 1, 20000));
        T(shared[20000]);
        T(private[20000]);
        T(private[6000]);
        T(msync(shared, 100000, MS_SYNC));
        scenario_content("plain");
        T(ftruncate(other, 8192));
        touch_beyond(shared + 8191);
        touch_beyond(shared + 8192);
        T(ftruncate(other, 100000));
        touch_beyond(shared + 50000);
        shared[60000] = 'T';
        T(munmap(shared, 100000));
        T(munmap(private, 100000));
        T(close(fd));
        T(close(other));
        scenario_content("plain");
        fd = (int)T(open("small", O_RDWR));
        shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        shared[5] = 'M';
        shared[20] = 'M'; /* beyond the end: never seen */
        T(close(fd));
        T(unlink("small"));
        shared[6] = 'N';
        T(munmap(shared, 4096));
        fd = (int)T(open("empty", O_RDWR));
        shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        touch_beyond(shared);
        T(munmap(shared, 4096));
        T(fstat(fd, &st));
        T(close(fd));
        fd = (int)T(open("sparse", O_RDONLY));
        T(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
        shared = mmap(NULL, 64 * HOLE, PROT_READ, MAP_SHARED, fd, 0);
        T(shared[32 * HOLE]);
        T(shared[20 * HOLE]);
        T(munmap(shared, 64 * HOLE));
        T(close(fd));
}

static void copy_self(const char *to)
{
        int in = open("/bin/true", O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0755);
        ssize_t n;
        char data[65536];

        while ((n = read(in, data, sizeof(data))) > 0)
                if (write(out, data, (size_t)n) != n)
                        break;
        close(in);
        close(out);
}

static void prepare_exec(void)
{
        int fd;

        copy_self("program");
        fd = (int)T(open("script", O_CREAT | O_WRONLY, 0755));
        T(write(fd, "#!/bin/sh\nexit 7\n", 17));
        T(close(fd));
        scenario_file("text", 10, 't');
        copy_self("no-exec");
        T(chmod("no-exec", 0644));
}

static int run(const char *path)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                execl(path, path, (char *)NULL);
                _exit(100 + errno);
        }
        waitpid(pid, &status, 0);
        return WEXITSTATUS(status);
}

static void act_exec(void)
{
        int fd;

        T(run("program"));
        T(run("script"));
        T(run("text"));
        T(run("no-exec"));
        T(access("no-exec", X_OK));
        T(access("program", X_OK));
        fd = (int)T(open("program", O_RDWR));
        T(run("program"));
        T(close(fd));
        T(chmod("program", 0644));
        T(run("program"));
        T(chmod("program", 0755));
        T(rename("program", "moved"));
        T(run("moved"));
}

/* A child asks for what the parent holds. */
static int locked_out(int (*lock)(int fd), const char *path)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                int fd = open(path, O_RDWR);

                _exit(lock(fd) < 0 ? errno : 0);
        }
        waitpid(pid, &status, 0);
        return WEXITSTATUS(status);
}

static int lock_flock(int fd)
{
        return flock(fd, LOCK_EX | LOCK_NB);
}

static int lock_posix(int fd)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };

        return fcntl(fd, F_SETLK, &lock);
}

static int lock_ofd(int fd)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 10 };

        return fcntl(fd, F_OFD_SETLK, &lock);
}

static int lock_elsewhere(int fd)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 50, .l_len = 10 };

        return fcntl(fd, F_SETLK, &lock);
}

static void act_locks(void)
{
        struct flock probe = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
        int fd = (int)T(open("plain", O_RDWR)), other = (int)T(open("plain", O_RDWR));

        T(lock_flock(fd));
        T(lock_flock(other));
        T(locked_out(lock_flock, "plain"));
        T(flock(fd, LOCK_SH));
        T(flock(other, LOCK_SH | LOCK_NB));
        T(flock(fd, LOCK_UN));
        T(flock(other, LOCK_UN));
        T(lock_posix(fd));
        T(locked_out(lock_posix, "plain"));
        T(locked_out(lock_ofd, "plain"));
        T(locked_out(lock_elsewhere, "plain"));
        T(lock_ofd(other));
        T(fcntl(other, F_OFD_GETLK, &probe));
        T(probe.l_type);
        T(close(other)); /* drops the process's POSIX locks */
        T(locked_out(lock_posix, "plain"));
        T(lock_ofd(fd));
        T(locked_out(lock_posix, "plain"));
        T(close(fd));
        T(locked_out(lock_posix, "plain"));
}

static void act_copy(void)
{
        int in = (int)T(open("plain", O_RDONLY)),
            out = (int)T(open("copy", O_CREAT | O_RDWR, 0644));
        int sparse = (int)T(open("sparse", O_RDWR)), pipes[2];
        off_t from = 100, to = 7;

        T(copy_file_range(in, &from, out, &to, 50000, 0));
        scenario_say("%d %d", (int)from, (int)to);
        scenario_content("copy");
        T(copy_file_range(in, NULL, out, NULL, 1000, 0));
        T(copy_file_range(in, &(off_t){ 99990 }, out, &(off_t){ 0 }, 1000, 0));
        T(copy_file_range(in, &(off_t){ 200000 }, out, &(off_t){ 0 }, 1000, 0));
        T(copy_file_range(in, &(off_t){ 0 }, out, &(off_t){ 100000 }, 1000, 0));
        T(copy_file_range(out, &(off_t){ 0 }, out, &(off_t){ 100 }, 1000, 0));
        T(copy_file_range(out, &(off_t){ 0 }, out, &(off_t){ 60000 }, 1000, 0));
        T(copy_file_range(out, &(off_t){ 0 }, in, &(off_t){ 0 }, 10, 0));
        T(copy_file_range(in, NULL, out, NULL, 10, 1));
        scenario_content("copy");
        T(copy_file_range(sparse, &(off_t){ 0 }, out, &(off_t){ 0 }, 70000, 0));
        scenario_content("copy");
        T(ftruncate(out, 0));
        T(lseek(out, 0, SEEK_SET));
        T(sendfile(out, in, &(off_t){ 1000 }, 60000));
        scenario_content("copy");
        T(pipe(pipes));
        T(splice(in, &(off_t){ 0 }, pipes[1], NULL, 4000, 0));
        T(splice(pipes[0], NULL, out, &(off_t){ 90 }, 4000, 0));
        scenario_content("copy");
        T(close(in));
        T(close(out));
        T(close(sparse));
}

static void act_statfs(void)
{
        struct statfs st;

        T(statfs(".", &st));
        scenario_say("name %ld, bsize %ld", (long)st.f_namelen, (long)st.f_bsize);
        T(st.f_blocks > 1000);
        T(st.f_bavail > 1000);
        T(st.f_files > 1000);
        T(st.f_ffree > 1000);
}

const struct scenario data_scenarios[] = {
        { "holes", prepare_files, act_holes, false },
        { "fallocate", prepare_files, act_fallocate, false },
        { "sizes", prepare_files, act_sizes, false },
        { "limits", prepare_files, act_limits, false },
        { "mmap", prepare_files, act_mmap, false },
        { "exec", prepare_exec, act_exec, false },
        { "locks", prepare_files, act_locks, false },
        { "copy", prepare_files, act_copy, false },
        { "statfs", prepare_files, act_statfs, false },
        { NULL, NULL, NULL, false },
};
