/* Renames: every kind of file onto every other, with every flag. */
#include "scenario.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const kinds[] = { "file", "other", "empty", "full", "link", "fifo", "none" };
static const unsigned flags[] = { 0, RENAME_NOREPLACE, RENAME_EXCHANGE,
                                  RENAME_NOREPLACE | RENAME_EXCHANGE };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define FLAGS (sizeof(flags) / sizeof(flags[0]))

static void make_kind(const char *kind)
{
        if (strcmp(kind, "file") == 0 || strcmp(kind, "other") == 0) {
                scenario_file(kind, strlen(kind) * 500, *kind);
        } else if (strcmp(kind, "empty") == 0) {
                T(mkdir("empty", 0755));
        } else if (strcmp(kind, "full") == 0) {
                T(mkdir("full", 0755));
                T(mkdir("full/sub", 0755));
                scenario_file("full/sub/deep", 600, 'd');
        } else if (strcmp(kind, "link") == 0) {
                T(symlink("file", "link"));
        } else if (strcmp(kind, "fifo") == 0) {
                T(mkfifo("fifo", 0600));
        }
}

static void make_kinds(const char *name)
{
        T(mkdir(name, 0755));
        T(chdir(name));
        for (size_t i = 0; i < KINDS; i++)
                make_kind(kinds[i]);
        T(chdir(".."));
}

static void prepare_matrix(void)
{
        for (size_t flag = 0; flag < FLAGS; flag++) {
                for (size_t from = 0; from < KINDS; from++) {
                        for (size_t to = 0; to < KINDS; to++) {
                                char name[32];

                                snprintf(name, sizeof(name), "%zu-%zu-%zu", flag, from, to);
                                T(mkdir(name, 0755));
                                T(chdir(name));
                                make_kind(kinds[from]);
                                if (to != from)
                                        make_kind(kinds[to]);
                                T(chdir(".."));
                        }
                }
        }
}

static void act_matrix(void)
{
        for (size_t flag = 0; flag < FLAGS; flag++) {
                for (size_t from = 0; from < KINDS; from++) {
                        for (size_t to = 0; to < KINDS; to++) {
                                char name[32];

                                snprintf(name, sizeof(name), "%zu-%zu-%zu", flag, from, to);
                                scenario_say("%s to %s, flags %u", kinds[from], kinds[to],
                                             flags[flag]);
                                T(chdir(name));
                                T(renameat2(AT_FDCWD, kinds[from], AT_FDCWD, kinds[to],
                                            flags[flag]));
                                scenario_list(".");
                                scenario_stat(".");
                                scenario_stat(kinds[from]);
                                scenario_stat(kinds[to]);
                                T(chdir(".."));
                        }
                }
        }
}

static void prepare_moves(void)
{
        make_kinds("a");
        make_kinds("b");
        T(mkdir("a/full/sub/third", 0755));
        T(link("a/file", "a/hard"));
}

static void act_moves(void)
{
        struct stat st;
        ino_t ino;

        T(rename("a", "a/full/x"));
        T(rename("a/full", "a/full/sub"));
        T(rename("a/full/sub/third", "a"));
        T(rename("a/full/sub/third", "a/full"));
        T(renameat2(AT_FDCWD, "a/full", AT_FDCWD, "a/full/sub", RENAME_EXCHANGE));
        T(renameat2(AT_FDCWD, "a/full/sub", AT_FDCWD, "a/full", RENAME_EXCHANGE));
        T(renameat2(AT_FDCWD, "a/file", AT_FDCWD, "x", 8));
        T(rename("a/.", "x"));
        T(rename("a/..", "x"));
        T(rename("a", "b/."));
        T(rename("a/file", "a/hard"));
        scenario_list("a");
        T(rename("a/file/", "x"));
        T(rename("a/file", "x/"));
        T(rename("a/empty/", "x/"));
        T(rename("none/x", "y"));
        T(rename("a/file/x", "y"));
        T(rename("a/fifo", "none/y"));
        T(lstat("a/full", &st));
        ino = st.st_ino;
        T(rename("a/full", "b/moved"));
        T(lstat("b/moved", &st));
        T(st.st_ino == ino);
        scenario_stat("a");
        scenario_stat("b");
        scenario_list("b/moved");
        scenario_content("b/moved/sub/deep");
        scenario_file("b/moved/sub/deep", 5, 'x');
        T(rename("b/moved", "a/full"));
        T(renameat2(AT_FDCWD, "a/full", AT_FDCWD, "b/file", RENAME_EXCHANGE));
        scenario_stat("a");
        scenario_stat("b");
        scenario_list("b/file/sub");
        T(rename("b/file/sub/third", "b/file/up"));
        T(rename("b/file", "b/full/sub/way-down"));
        scenario_list("b/full/sub/way-down");
        T(rename("b", "c"));
        scenario_list("c/full/sub/way-down");
        T(rename("c", "b"));
        T(rename("b/full", "b/empty"));
        scenario_list("b/empty/sub");
        T(rename("a/hard", "b/empty/sub/hard"));
        scenario_stat("a/file");
}

static void prepare_running(void)
{
        T(mkdir("d", 0755));
        scenario_file("d/target", 50000, '1');
        scenario_file("d/replacement", 70000, '2');
}

/* What an open file and a mapped one keep when their name gets another meaning. */
static void act_running(void)
{
        char byte = 0;
        struct stat st;
        int fd = (int)T(open("d/target", O_RDWR));

        T(rename("d/replacement", "d/target"));
        T(pread(fd, &byte, 1, 49999));
        scenario_say("byte %c", byte);
        T(fstat(fd, &st));
        scenario_say("links %d size %d", (int)st.st_nlink, (int)st.st_size);
        T(write(fd, "x", 1));
        T(close(fd));
        scenario_content("d/target");
        scenario_list("d");
}

const struct scenario rename_scenarios[] = {
        { "rename-matrix", prepare_matrix, act_matrix, false },
        { "rename-moves", prepare_moves, act_moves, false },
        { "rename-running", prepare_running, act_running, false },
        { NULL, NULL, NULL, false },
};
