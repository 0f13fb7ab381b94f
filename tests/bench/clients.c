/*
 * usage: clients COUNT DIRECTORY
 *
 * One and the same work with names and attributes, done by COUNT processes that share it, each in
 * directories of its own: what a step does that runs make -j. 200 directories of 40 files; of each
 * file: looked for in vain, made, written, closed, looked at, given a mode and a time, renamed; of
 * every second one a symlink is made and read, and the file is removed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIRECTORIES 200
#define FILES       40
#define BYTES       2000

static void must(int result, const char *what)
{
        if (result >= 0)
                return;
        perror(what);
        exit(EXIT_FAILURE);
}

static void work_on_file(int dir, int number)
{
        static const char bytes[BYTES] = "a file of a client";
        char name[32], renamed[32], link[32], target[32];
        struct stat st;
        int fd;

        snprintf(name, sizeof(name), "file-%d.new", number);
        snprintf(renamed, sizeof(renamed), "file-%d", number);
        if (fstatat(dir, renamed, &st, AT_SYMLINK_NOFOLLOW) == 0)
                exit(EXIT_FAILURE);
        fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        must(fd, "open");
        must((int)write(fd, bytes, sizeof(bytes)), "write");
        must(close(fd), "close");
        must(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), "stat");
        must(fchmodat(dir, name, 0644, 0), "chmod");
        must(utimensat(dir, name, NULL, 0), "utimensat");
        must(renameat(dir, name, dir, renamed), "rename");
        if (number % 2)
                return;
        snprintf(link, sizeof(link), "link-%d", number);
        must(symlinkat(renamed, dir, link), "symlink");
        must((int)readlinkat(dir, link, target, sizeof(target)), "readlink");
        must(unlinkat(dir, renamed, 0), "unlink");
}

static void work(int client, int count)
{
        for (int i = client; i < DIRECTORIES; i += count) {
                char name[32];
                int dir;

                snprintf(name, sizeof(name), "client-%d", i);
                must(mkdir(name, 0755), "mkdir");
                dir = open(name, O_RDONLY | O_DIRECTORY);
                must(dir, name);
                for (int number = 0; number < FILES; number++)
                        work_on_file(dir, number);
                close(dir);
        }
}

int main(int argc, char **argv)
{
        int count = argc == 3 ? atoi(argv[1]) : 0, failed = 0, status;

        if (count < 1) {
                fprintf(stderr, "usage: clients COUNT DIRECTORY\n");
                return EXIT_FAILURE;
        }
        must(chdir(argv[2]), argv[2]);
        for (int client = 0; client < count; client++) {
                pid_t pid = fork();

                must(pid, "fork");
                if (pid == 0) {
                        work(client, count);
                        _exit(EXIT_SUCCESS);
                }
        }
        while (wait(&status) > 0)
                failed |= status;
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
