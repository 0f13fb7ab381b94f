/* Names: making, linking, taking away, listing. */
#include "scenario.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static void prepare_usual(void)
{
        T(mkdir("dir", 0755));
        T(mkdir("empty", 0755));
        scenario_file("dir/file", 5000, 'a');
        scenario_file("file", 1000, 'b');
        T(symlink("dir/file", "link"));
        T(symlink("nowhere", "dangling"));
        T(symlink("loop", "loop"));
        T(symlink("dir", "dirlink"));
        T(link("file", "hard"));
        T(mkfifo("fifo", 0600));
}

/* ---- lookups that fail ---- */

static void act_errors(void)
{
        char name[300], path[PATH_MAX + 100];
        struct stat st;

        memset(name, 'n', sizeof(name));
        name[255] = '\0';
        T(mkdir(name, 0755));
        T(rmdir(name));
        name[255] = 'n';
        name[256] = '\0';
        T(mkdir(name, 0755));
        T(stat(name, &st));
        T(open(name, O_CREAT | O_RDWR, 0600));
        T(symlink("x", name));
        T(link("file", name));
        T(rename("file", name));
        T(unlink(name));
        path[0] = '\0';
        while (strlen(path) < PATH_MAX)
                strcat(path, "./");
        T(stat(path, &st));
        T(stat("loop", &st));
        T(open("loop", O_RDONLY));
        T(stat("loop/x", &st));
        T(stat("file/x", &st));
        T(stat("file/", &st));
        T(lstat("link/", &st));
        T(lstat("dirlink/", &st));
        T(stat("dangling", &st));
        T(stat("", &st));
        T(open("dir", O_RDWR));
        T(open("dir", O_CREAT, 0600));
        T(open("file", O_DIRECTORY));
        T(open("link", O_NOFOLLOW));
        T(open("new/", O_CREAT | O_RDWR, 0600));
        T(open("file", O_CREAT | O_EXCL, 0600));
        T(open("link", O_CREAT | O_EXCL, 0600));
        T(open("dangling", O_CREAT | O_EXCL, 0600));
        T(open("dangling", O_CREAT | O_RDWR, 0600));
        scenario_stat("nowhere");
        T(open("none/new", O_CREAT, 0600));
        T(open("file/new", O_CREAT, 0600));
        T(mkdir("file/new", 0700));
        T(mkdir("dir", 0700));
        T(mkdir("link", 0700));
        T(mkdir("dir/.", 0700));
        T(mkdir("none/.", 0700));
        T(rmdir("dir"));
        T(rmdir("file"));
        T(rmdir("dirlink"));
        T(rmdir("dirlink/"));
        T(rmdir("dir/."));
        T(rmdir("dir/.."));
        T(rmdir("empty/"));
        T(unlink("dir"));
        T(unlink("none"));
        T(unlink("link/"));
        T(link("dir", "dir2"));
        T(link("none", "none2"));
        T(link("file", "dir"));
        T(link("file", "file/x"));
        T(linkat(AT_FDCWD, "link", AT_FDCWD, "of-link", 0));
        T(linkat(AT_FDCWD, "link", AT_FDCWD, "of-target", AT_SYMLINK_FOLLOW));
        T(symlink("", "nothing"));
        T(symlink("x", "file"));
        T(readlink("file", name, sizeof(name)));
        T(readlink("link", name, 3));
        scenario_list(".");
        scenario_list("dir");
        scenario_stat("of-link");
        scenario_stat("of-target");
        scenario_stat("dir/file");
}

/* ---- open flags ---- */

static void act_open(void)
{
        char data[100];
        int fd;

        fd = (int)T(open("file", O_RDWR | O_TRUNC));
        scenario_stat("hard");
        T(close(fd));
        fd = (int)T(open("dir/file", O_WRONLY | O_APPEND));
        T(write(fd, "end", 3));
        T(lseek(fd, 0, SEEK_SET));
        T(write(fd, "END", 3));
        T(pwrite(fd, "at", 2, 0));
        T(lseek(fd, 0, SEEK_CUR));
        T(read(fd, data, 1));
        T(close(fd));
        scenario_content("dir/file");
        fd = (int)T(open("file", O_RDONLY));
        T(write(fd, "x", 1));
        T(ftruncate(fd, 0));
        T(close(fd));
        fd = (int)T(open("file", O_PATH));
        T(read(fd, data, 1));
        T(fchmod(fd, 0));
        T(close(fd));
        fd = (int)T(open("dir", O_RDONLY));
        T(read(fd, data, 1));
        T(close(fd));
        T(truncate("dir", 0));
        T(truncate("fifo", 0));
        T(truncate("file", -1));
        T(truncate("none", 0));
        fd = (int)T(open("fifo", O_RDWR | O_NONBLOCK));
        T(write(fd, "fifo", 4));
        T(read(fd, data, 100));
        T(lseek(fd, 0, SEEK_SET));
        T(close(fd));
        fd = (int)T(open("file", O_RDWR | O_DSYNC));
        T(write(fd, "sync", 4));
        T(fsync(fd));
        T(fdatasync(fd));
        T(syncfs(fd));
        T(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
        T(close(fd));
        fd = (int)T(open("dir", O_RDONLY));
        T(fsync(fd));
        T(close(fd));
        T(posix_fadvise(-1, 0, 0, POSIX_FADV_DONTNEED));
}

/* ---- O_TMPFILE ---- */

static void act_tmpfile(void)
{
        char path[64], data[10];
        struct stat st;
        int fd;

        fd = (int)T(open("dir", O_TMPFILE | O_RDWR, 0640));
        T(write(fd, "tmp", 3));
        T(fstat(fd, &st));
        scenario_say("links %d size %d mode %o", (int)st.st_nlink, (int)st.st_size, st.st_mode);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        T(linkat(AT_FDCWD, path, AT_FDCWD, "dir/named", AT_SYMLINK_FOLLOW));
        T(linkat(AT_FDCWD, path, AT_FDCWD, "named-too", AT_SYMLINK_FOLLOW));
        T(linkat(fd, "", AT_FDCWD, "named-three", AT_EMPTY_PATH));
        T(fstat(fd, &st));
        scenario_say("links %d", (int)st.st_nlink);
        T(pread(fd, data, 10, 0));
        T(close(fd));
        scenario_stat("dir/named");
        scenario_content("named-too");
        fd = (int)T(open("dir", O_TMPFILE | O_RDWR | O_EXCL, 0640));
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        T(linkat(AT_FDCWD, path, AT_FDCWD, "excluded", AT_SYMLINK_FOLLOW));
        T(close(fd));
        T(open("dir", O_TMPFILE | O_RDONLY, 0640));
        T(open("file", O_TMPFILE | O_RDWR, 0640));
        T(open("none", O_TMPFILE | O_RDWR, 0640));
        scenario_list(".");
        scenario_list("dir");
}

/* ---- removed, and still in use ---- */

static void act_removed(void)
{
        char data[10], path[64];
        struct stat st;
        int fd, dir;

        fd = (int)T(open("file", O_RDWR));
        T(unlink("file"));
        T(unlink("hard"));
        T(fstat(fd, &st));
        scenario_say("links %d size %d", (int)st.st_nlink, (int)st.st_size);
        T(pwrite(fd, "new", 3, 2000));
        T(pread(fd, data, 10, 1998));
        T(ftruncate(fd, 10));
        T(fchmod(fd, 0611));
        T(fstat(fd, &st));
        scenario_say("links %d size %d mode %o", (int)st.st_nlink, (int)st.st_size, st.st_mode);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        T(linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
        T(close(fd));
        fd = (int)T(open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
        T(fstat(fd, &st));
        scenario_say("links %d size %d", (int)st.st_nlink, (int)st.st_size);
        T(close(fd));
        dir = (int)T(open("empty", O_RDONLY | O_DIRECTORY));
        T(rmdir("empty"));
        T(fstat(dir, &st));
        scenario_say("links %d", (int)st.st_nlink);
        T(openat(dir, "new", O_CREAT | O_RDWR, 0600));
        T(mkdirat(dir, "new", 0700));
        T(symlinkat("x", dir, "new"));
        T(linkat(AT_FDCWD, "file", dir, "new", 0));
        T(renameat(AT_FDCWD, "file", dir, "new"));
        T(openat(dir, ".", O_RDONLY));
        T(openat(dir, "..", O_RDONLY));
        T(fchmod(dir, 0700));
        T(close(dir));
        T(mkdir("empty", 0755));
        scenario_list(".");
        T(unlink("dir/file"));
        T(rmdir("dir"));
        T(mkdir("dir", 0700));
        scenario_list("dir");
        scenario_stat("dir");
}

/* ---- links and what is counted ---- */

static void prepare_links(void)
{
        prepare_usual();
        T(mkdir("dir/sub", 0755));
        T(mkdir("dir/other", 0755));
        T(link("dir/file", "dir/sub/link1"));
        T(link("dir/file", "dir/other/link2"));
}

static void act_links(void)
{
        scenario_stat("dir/sub/link1");
        scenario_stat("dir");
        T(link("dir/sub/link1", "link3"));
        scenario_stat("dir/file");
        T(unlink("dir/file"));
        scenario_stat("link3");
        T(rename("dir/other/link2", "link4"));
        scenario_stat("dir/sub/link1");
        T(rename("link3", "link4"));
        scenario_stat("link3");
        scenario_stat("link4");
        T(chmod("link4", 0600));
        scenario_file("dir/sub/link1", 10, 'z');
        scenario_content("link3");
        scenario_stat("link3");
        T(link("link", "symlink-link"));
        scenario_stat("symlink-link");
        T(link("fifo", "fifo-link"));
        scenario_stat("fifo");
        T(mkdir("dir/third", 0755));
        scenario_stat("dir");
        T(rmdir("dir/other"));
        scenario_stat("dir");
        T(rename("dir/third", "third"));
        scenario_stat("dir");
        scenario_stat(".");
}

/* ---- special files ---- */

static void act_special(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        T(bind(fd, (struct sockaddr *)&address, sizeof(address)));
        T(listen(fd, 1));
        scenario_stat("socket");
        T(open("socket", O_RDWR));
        T(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address)));
        T(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address)));
        T(mknod("node-fifo", S_IFIFO | 0640, 0));
        T(mknod("node-file", S_IFREG | 0640, 0));
        T(mknod("node-none", 0640, 0));
        T(mknod("node-socket", S_IFSOCK | 0640, 0));
        T(mknod("node-dir", S_IFDIR | 0640, 0));
        T(mknod("node-char", S_IFCHR | 0640, makedev(1, 3)));
        T(mknod("node-block", S_IFBLK | 0640, makedev(7, 0)));
        T(mknod("node-whiteout", S_IFCHR | 0640, makedev(0, 0)));
        T(mknod("file", S_IFREG | 0640, 0));
        scenario_list(".");
        scenario_stat("node-fifo");
        scenario_stat("node-socket");
        T(unlink("node-whiteout"));
        T(unlink("socket"));
        T(unlink("node-socket"));
}

/* ---- listings ---- */

#define MANY 500

static void prepare_listing(void)
{
        char name[32];

        for (int i = 0; i < MANY; i++) {
                snprintf(name, sizeof(name), "name%d", i);
                close(open(name, O_CREAT | O_WRONLY, 0600));
        }
}

/* Where another entry would be listed twice, or one that stays is left out, this shows it. */
static void act_listing(void)
{
        unsigned char seen[MANY] = { 0 };
        long places[20];
        char names[20][256];
        struct dirent *entry;
        int count = 0, once = 0, twice = 0;
        DIR *dir = opendir(".");

        while ((entry = readdir(dir))) {
                char victim[32];
                int i;

                if (sscanf(entry->d_name, "name%d", &i) == 1 && i < MANY)
                        seen[i]++;
                if (count % 5 == 0 && count < MANY - 100) {
                        snprintf(victim, sizeof(victim), "name%d", (count * 7) % MANY);
                        if (unlink(victim) == 0)
                                seen[count * 7 % MANY] |= 0x80;
                        snprintf(victim, sizeof(victim), "new%d", count);
                        close(open(victim, O_CREAT | O_WRONLY, 0600));
                }
                count++;
                if (count > 5 * MANY)
                        break;
        }
        for (int i = 0; i < MANY; i++) {
                once += seen[i] == 1;
                twice += (seen[i] & 0x7f) > 1;
        }
        for (int i = 0; i < MANY; i++)
                if (seen[i] == 0)
                        scenario_say("name%d is left out", i);
        scenario_say("%d once, %d twice", once, twice);
        T(count <= 5 * MANY);
        rewinddir(dir);
        count = 0;
        for (int i = 0; i < 20; i++) {
                places[i] = telldir(dir);
                entry = readdir(dir);
                snprintf(names[i], sizeof(names[i]), "%s", entry->d_name);
        }
        T(unlink(names[10]));
        for (int i = 19; i >= 0; i--) {
                seekdir(dir, places[i]);
                entry = readdir(dir);
                count += strcmp(names[i], entry->d_name) == 0;
        }
        scenario_say("%s of 20 are where they were", count >= 19 ? "enough" : "too few");
        close(open(names[10], O_CREAT | O_WRONLY, 0600));
        closedir(dir);
}

const struct scenario name_scenarios[] = {
        { "errors", prepare_usual, act_errors, false },
        { "open", prepare_usual, act_open, false },
        { "tmpfile", prepare_usual, act_tmpfile, false },
        { "removed", prepare_usual, act_removed, false },
        { "links", prepare_links, act_links, false },
        { "special", prepare_usual, act_special, false },
        { "listing", prepare_listing, act_listing, false },
        { NULL, NULL, NULL, false },
};
