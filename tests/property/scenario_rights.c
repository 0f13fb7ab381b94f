/* Attributes and who may do what. */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void prepare_times(void)
{
        scenario_file("file", 100, 'f');
        T(mkdir("dir", 0755));
        T(symlink("file", "link"));
}

static void say_times(const char *path)
{
        struct stat st;

        if (lstat(path, &st) == 0)
                scenario_say("%s: %lld.%09ld %lld.%09ld", path, (long long)st.st_atim.tv_sec,
                             st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static bool is_recent(struct timespec time)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return now.tv_sec - time.tv_sec < 60 && time.tv_sec <= now.tv_sec;
}

static void act_times(void)
{
        static const struct timespec some[2] = { { 1000000001, 123456789 },
                                                 { 1000000002, 987654321 } };
        struct stat st, before;
        struct statx stx;

        T(utimensat(AT_FDCWD, "file", some, 0));
        say_times("file");
        T(utimensat(AT_FDCWD, "link", some, AT_SYMLINK_NOFOLLOW));
        say_times("link");
        T(utimensat(AT_FDCWD, "dir", some, 0));
        say_times("dir");
        T(utimensat(AT_FDCWD, "file", (struct timespec[2]){ { 0, UTIME_OMIT }, { -5, 500000000 } },
                    0));
        say_times("file");
        T(utimensat(AT_FDCWD, "file", (struct timespec[2]){ { 5, 5 }, { 0, UTIME_OMIT } }, 0));
        say_times("file");
        T(utimensat(AT_FDCWD, "file", (struct timespec[2]){ { 0, UTIME_OMIT }, { 0, UTIME_OMIT } },
                    0));
        say_times("file");
        T(utimensat(AT_FDCWD, "file", (struct timespec[2]){ { 0, UTIME_NOW }, { 7, 7 } }, 0));
        T(lstat("file", &st));
        T(is_recent(st.st_atim));
        T(st.st_mtim.tv_sec);
        T(utimensat(AT_FDCWD, "file", NULL, 0));
        T(lstat("file", &st));
        T(is_recent(st.st_atim) && is_recent(st.st_mtim));
        T(utimensat(AT_FDCWD, "file", (struct timespec[2]){ { 0, 1000000000 }, { 0, 0 } }, 0));
        T(utimensat(AT_FDCWD, "none", some, 0));
        T(utimensat(AT_FDCWD, "file", some, 0));
        T(chmod("file", 0600));
        T(lstat("file", &st));
        T(is_recent(st.st_ctim));
        say_times("file");
        T(truncate("file", 90));
        T(lstat("file", &st));
        T(is_recent(st.st_mtim));
        T(utimensat(AT_FDCWD, "file", some, 0));
        T(lstat("file", &before));
        T(link("file", "hard"));
        T(lstat("file", &st));
        T(is_recent(st.st_ctim));
        say_times("file");
        T(utimensat(AT_FDCWD, "dir", some, 0));
        close(open("dir/new", O_CREAT | O_WRONLY, 0600));
        T(lstat("dir", &st));
        T(is_recent(st.st_mtim));
        T(utimensat(AT_FDCWD, "dir", some, 0));
        T(unlink("dir/new"));
        T(lstat("dir", &st));
        T(is_recent(st.st_mtim));
        T(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_BTIME, &stx));
        T((stx.stx_mask & STATX_BTIME) != 0);
        T(stx.stx_btime.tv_sec > 1700000000);
        T(statx(AT_FDCWD, "dir", 0, STATX_BTIME, &stx));
        T((stx.stx_mask & STATX_BTIME) != 0);
}

/* What was written with a descriptor keeps its own time, whatever the kernel flushes later. */
static void act_written(void)
{
        static const struct timespec some[2] = { { 1000000001, 123456789 },
                                                 { 1000000002, 987654321 } };
        int fd = (int)T(open("file", O_RDWR));
        struct stat st;

        T(write(fd, "new", 3));
        T(futimens(fd, some));
        T(fsync(fd));
        say_times("file");
        T(close(fd));
        say_times("file");
        fd = (int)T(open("made", O_CREAT | O_RDWR, 0644));
        T(write(fd, "new", 3));
        T(fchmod(fd, 0640));
        T(futimens(fd, some));
        T(close(fd));
        say_times("made");
        fd = (int)T(open("made", O_RDWR));
        T(write(fd, "again", 5));
        T(close(fd));
        T(lstat("made", &st));
        T(is_recent(st.st_mtim));
        T(utimensat(AT_FDCWD, "made", some, 0));
        fd = (int)T(open("made", O_RDWR | O_TRUNC));
        T(close(fd));
        T(lstat("made", &st));
        T(is_recent(st.st_mtim));
}

/* One number, in stat and in listings, before and after changes. */
static void act_numbers(void)
{
        struct stat st, dir, again;
        int fd;

        T(lstat("file", &st));
        T(lstat("dir", &dir));
        T(st.st_dev == dir.st_dev);
        T(chmod("file", 0611));
        T(lstat("file", &again));
        T(st.st_ino == again.st_ino && st.st_dev == again.st_dev);
        fd = (int)T(open("file", O_RDWR));
        T(fstat(fd, &again));
        T(st.st_ino == again.st_ino && st.st_dev == again.st_dev);
        T(write(fd, "x", 1));
        T(fstat(fd, &again));
        T(st.st_ino == again.st_ino && st.st_dev == again.st_dev);
        T(close(fd));
        T(rename("file", "dir/moved"));
        T(lstat("dir/moved", &again));
        T(st.st_ino == again.st_ino && st.st_dev == again.st_dev);
        T(link("dir/moved", "hard"));
        T(lstat("hard", &again));
        T(st.st_ino == again.st_ino && st.st_dev == again.st_dev);
        T(chmod("dir", 0700));
        T(rename("dir", "dir2"));
        T(lstat("dir2", &again));
        T(dir.st_ino == again.st_ino && dir.st_dev == again.st_dev);
}

static void act_modes(void)
{
        T(chmod("file", 07777));
        scenario_stat("file");
        T(chmod("dir", 07777));
        scenario_stat("dir");
        T(chmod("dir", 0755));
        scenario_stat("dir");
        T(chmod("none", 0));
        T(fchmodat(AT_FDCWD, "link", 0600, 0));
        scenario_stat("link");
        umask(027);
        close(open("masked", O_CREAT | O_WRONLY, 0777));
        scenario_stat("masked");
        T(mkdir("masked-dir", 0777));
        scenario_stat("masked-dir");
        T(mkfifo("masked-fifo", 0666));
        scenario_stat("masked-fifo");
        close(open("dir/tmp", O_CREAT | O_WRONLY, 06777));
        scenario_stat("dir/tmp");
        umask(0);
        T(mkdir("modes", 07777));
        scenario_stat("modes");
        T(chown("file", 0, 0));
        scenario_stat("file");
        T(chown("file", (uid_t)-1, (gid_t)-1));
        T(lchown("link", 0, 0));
        T(chown("none", 0, 0));
        T(chown("file", 1000, 1000));
        T(chown("file", 70000, 70000));
}

/* ---- more than one user ---- */

#define USER  1000
#define OTHER 1001
#define GROUP 2000

static void prepare_users(void)
{
        T(chmod(".", 0755));
        T(mkdir("shared", 0777));
        T(chmod("shared", 01777));
        scenario_file("shared/theirs", 100, 't');
        T(chown("shared/theirs", OTHER, OTHER));
        scenario_file("shared/mine", 100, 'm');
        T(chown("shared/mine", USER, USER));
        T(mkdir("shared/theirdir", 0777));
        T(chown("shared/theirdir", OTHER, OTHER));
        T(mkdir("grouped", 0770));
        T(chown("grouped", 0, GROUP));
        T(chmod("grouped", 02770));
        scenario_file("grouped/file", 10, 'g');
        T(chown("grouped/file", 0, GROUP));
        T(chmod("grouped/file", 0660));
        T(mkdir("private", 0700));
        scenario_file("private/file", 10, 'p');
        T(mkdir("readable", 0744));
        scenario_file("readable/file", 10, 'r');
        T(mkdir("passable", 0711));
        scenario_file("passable/file", 10, 'r');
        scenario_file("secret", 10, 's');
        T(chmod("secret", 0));
        scenario_file("mine", 10, 'm');
        T(chown("mine", USER, GROUP));
        T(mkdir("home", 0755));
        T(chown("home", USER, USER));
        T(symlink("mine", "home/link"));
        T(lchown("home/link", USER, USER));
        scenario_file("suid", 1000, 's');
        T(chown("suid", 0, 0));
        T(chmod("suid", 06777));
        scenario_file("sgid", 1000, 's');
        T(chmod("sgid", 02777));
        scenario_file("suid2", 1000, 's');
        T(chmod("suid2", 06777));
        scenario_file("suid3", 1000, 's');
        T(chmod("suid3", 06777));
        scenario_file("suid4", 1000, 's');
        T(chmod("suid4", 06777));
        scenario_file("mysuid", 1000, 's');
        T(chown("mysuid", USER, USER));
        T(chmod("mysuid", 06777));
}

static void be_user(void)
{
        struct stat st;

        T(open("shared/theirs", O_RDWR));
        T(open("shared/theirs", O_RDONLY));
        T(unlink("shared/theirs"));
        T(rename("shared/theirs", "shared/x"));
        T(rename("shared/mine", "shared/theirs"));
        T(rename("shared/mine", "shared/mine2"));
        T(rmdir("shared/theirdir"));
        T(renameat2(AT_FDCWD, "shared/mine2", AT_FDCWD, "shared/theirs", RENAME_EXCHANGE));
        T(unlink("shared/mine2"));
        T(open("shared/theirdir/in", O_CREAT | O_RDWR, 0600));
        scenario_stat("shared/theirdir/in");
        T(chmod("shared/theirs", 0777));
        T(chown("shared/theirs", USER, USER));
        T(utimensat(AT_FDCWD, "shared/theirs", NULL, 0));
        T(link("shared/theirs", "shared/hard"));
        T(open("grouped/file", O_RDWR));
        T(open("grouped/new", O_CREAT | O_RDWR, 02770));
        scenario_stat("grouped/new");
        T(mkdir("grouped/newdir", 0770));
        scenario_stat("grouped/newdir");
        T(symlink("x", "grouped/newlink"));
        scenario_stat("grouped/newlink");
        T(stat("private/file", &st));
        T(open("private", O_RDONLY));
        T(open("private/new", O_CREAT, 0600));
        T(stat("readable/file", &st));
        T(open("readable", O_RDONLY));
        T(open("passable", O_RDONLY));
        T(open("passable/file", O_RDONLY));
        T(unlink("passable/file"));
        T(open("secret", O_RDONLY));
        T(access("secret", R_OK));
        T(access("secret", F_OK));
        T(chmod("mine", 06750));
        scenario_stat("mine");
        T(chown("mine", USER, USER));
        scenario_stat("mine");
        T(chown("mine", OTHER, (gid_t)-1));
        T(chown("mine", (uid_t)-1, GROUP));
        scenario_stat("mine");
        T(chmod("mine", 02755));
        scenario_stat("mine");
        T(unlink("mine"));
        T(chmod("home", 02755));
        T(open("home/file", O_CREAT | O_RDWR, 0644));
        scenario_stat("home/file");
        T(truncate("mine", 5));
        T(truncate("shared/theirs", 5));
        T(unlink("home/link"));
        T(utimensat(AT_FDCWD, "mine", (struct timespec[2]){ { 1, 1 }, { 2, 2 } }, 0));
        T(utimensat(AT_FDCWD, "secret", (struct timespec[2]){ { 1, 1 }, { 2, 2 } }, 0));
        T(utimensat(AT_FDCWD, "secret", NULL, 0));
}

/* setuid and setgid go with a write by somebody else. */
static void write_others(void)
{
        int fd = (int)T(open("suid", O_RDWR));

        T(write(fd, "x", 1));
        scenario_stat("suid");
        T(fsync(fd));
        scenario_stat("suid");
        fd = (int)T(open("sgid", O_RDWR));
        T(write(fd, "x", 1));
        scenario_stat("sgid");
        T(truncate("suid2", 10));
        scenario_stat("suid2");
        fd = (int)T(open("suid3", O_RDWR));
        T(fallocate(fd, 0, 0, 2000));
        scenario_stat("suid3");
        T(open("suid4", O_RDWR | O_TRUNC));
        scenario_stat("suid4");
        fd = (int)T(open("mysuid", O_RDWR));
        T(write(fd, "x", 1));
        scenario_stat("mysuid");
        T(chmod("mysuid", 06755));
        scenario_stat("mysuid");
        T(chown("mysuid", (uid_t)-1, USER));
        scenario_stat("mysuid");
}

static void act_users(void)
{
        scenario_as(USER, USER, GROUP, be_user);
        scenario_list("shared");
        scenario_list("grouped");
}

static void act_privileges(void)
{
        int fd;

        scenario_as(USER, USER, 0, write_others);
        T(chmod("suid", 06755));
        fd = (int)T(open("suid", O_RDWR));
        T(write(fd, "x", 1));
        scenario_stat("suid");
        T(close(fd));
        T(chown("suid", USER, (gid_t)-1));
        scenario_stat("suid");
        T(chmod("suid", 02745));
        T(chown("suid", USER, GROUP));
        scenario_stat("suid");
        T(mkdir("sgiddir", 0755));
        T(chmod("sgiddir", 07755));
        T(chown("sgiddir", USER, GROUP));
        scenario_stat("sgiddir");
}

const struct scenario right_scenarios[] = {
        { "times", prepare_times, act_times, false },
        { "written", prepare_times, act_written, false },
        { "numbers", prepare_times, act_numbers, false },
        { "modes", prepare_times, act_modes, false },
        { "users", prepare_users, act_users, true },
        { "privileges", prepare_users, act_privileges, true },
        { NULL, NULL, NULL, false },
};
