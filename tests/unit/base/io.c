#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/varve-test-XXXXXX";

static void enter_directory(void)
{
        cr_assert_not_null(mkdtemp(directory));
        cr_assert_eq(chdir(directory), 0);
}

static void leave_directory(void)
{
        struct error err = ERROR_INIT;

        io_remove_tree(AT_FDCWD, directory, &err);
}

TestSuite(io, .init = enter_directory, .fini = leave_directory);

Test(io, replaces_a_file_at_once_and_leaves_no_other)
{
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;
        struct stat st;

        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "f", "one", 3, 0600, &err), 0);
        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "f", "second", 6, 0600, &err), 0);
        cr_assert_eq(io_read_file(AT_FDCWD, "f", 100, &buf, &err), 0);
        cr_assert_str_eq(buf_str(&buf), "second");
        cr_assert_eq(stat("f", &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        buf_done(&buf);
        cr_assert_eq(unlink("f"), 0);
        cr_assert_eq(chdir("/"), 0);
        cr_assert_eq(rmdir(directory), 0, "a temporary file was left");
}

Test(io, refuses_a_file_larger_than_asked_for)
{
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;

        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "f", "12345", 5, 0600, &err), 0);
        cr_assert_eq(io_read_file(AT_FDCWD, "f", 5, &buf, &err), 0);
        buf_clear(&buf);
        cr_assert_eq(io_read_file(AT_FDCWD, "f", 4, &buf, &err), -EFBIG);
        cr_assert_not_null(strstr(err.message, "f is larger than 4 bytes"));
        buf_done(&buf);
}

Test(io, removes_trees_with_closed_directories_and_never_follows_links)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(io_mkdir_parents("t/a/b", &err), 0);
        cr_assert_eq(io_mkdir_parents("kept", &err), 0);
        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "kept/f", "", 0, 0600, &err), 0);
        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "t/a/b/f", "", 0, 0400, &err), 0);
        cr_assert_eq(symlink("../kept", "t/link"), 0);
        cr_assert_eq(chmod("t/a/b", 0), 0);
        cr_assert_eq(chmod("t/a", 0555), 0);
        cr_assert_eq(io_remove_tree(AT_FDCWD, "t", &err), 0, "%s", err.message);
        cr_assert_eq(access("t", F_OK), -1);
        cr_assert_eq(access("kept/f", F_OK), 0);
        cr_assert_eq(io_remove_tree(AT_FDCWD, "t", &err), 0, "absent is no error");
}

Test(io, removes_trees_deeper_than_there_are_descriptors_and_paths)
{
        struct rlimit usual, few = { .rlim_cur = 32 };
        struct error err = ERROR_INIT;
        int fd;

        cr_assert_eq(mkdir("t", 0700), 0);
        fd = open("t", O_RDONLY | O_DIRECTORY);
        for (int i = 0; i < 3000; i++) {
                int next;

                cr_assert_eq(mkdirat(fd, "d", 0700), 0);
                cr_assert_eq(mkdirat(fd, "e", 0), 0);
                next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
                close(fd);
                fd = next;
        }
        cr_assert_eq(fchmod(fd, 0), 0);
        close(fd);
        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
        few.rlim_max = usual.rlim_max;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        cr_assert_eq(io_remove_tree(AT_FDCWD, "t", &err), 0, "%s", err.message);
        cr_assert_eq(access("t", F_OK), -1);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
}

Test(io, opens_what_its_owner_may_not_and_nothing_but_files_and_directories)
{
        struct error err = ERROR_INIT;
        struct stat st;
        int fd;

        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "f", "", 0, 0000, &err), 0);
        cr_assert_eq(mkdir("d", 0), 0);
        cr_assert_eq(symlink("f", "l"), 0);
        cr_assert_eq(mkfifo("p", 0600), 0);
        fd = io_open_own(AT_FDCWD, "f");
        cr_expect_geq(fd, 0);
        cr_expect_eq(fstat(fd, &st), 0);
        cr_expect_eq(st.st_mode & 07777, 0400);
        close(fd);
        fd = io_open_own(AT_FDCWD, "d");
        cr_expect_geq(fd, 0);
        cr_expect_eq(fstat(fd, &st), 0);
        cr_expect_eq(st.st_mode & 07777, 0700);
        close(fd);
        cr_expect_eq(io_open_own(AT_FDCWD, "l"), -ELOOP);
        cr_expect_eq(io_open_own(AT_FDCWD, "p"), -EINVAL);
        cr_expect_eq(io_open_own(AT_FDCWD, "absent"), -ENOENT);
}

Test(io, says_when_a_copy_runs_out_of_input)
{
        struct error err = ERROR_INIT;
        int in, out;

        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "in", "0123456789", 10, 0600, &err), 0);
        in = open("in", O_RDONLY);
        out = open("out", O_RDWR | O_CREAT, 0600);
        cr_assert_eq(io_copy_range(in, 2, 8, out), 0);
        cr_assert_eq(lseek(out, 0, SEEK_END), 8);
        cr_assert_eq(io_copy_range(in, 2, 9, out), -ENODATA);
        close(in);
        close(out);
}

Test(io, lists_names_and_reads_links)
{
        struct strv names = STRV_INIT;
        struct buf target = BUF_INIT;
        int fd;

        cr_assert_eq(mkdir("listed", 0700), 0);
        fd = open("listed", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_eq(symlinkat("a b", fd, "link"), 0);
        /* From its beginning each time. */
        for (int i = 0; i < 2; i++) {
                cr_expect_eq(io_list_names(fd, &names), 0);
                cr_expect_eq(names.count, (size_t)i + 1);
                cr_expect_str_eq(names.items[i], "link");
        }
        cr_expect_eq(io_readlink(fd, "link", &target), 0);
        cr_expect_str_eq(buf_str(&target), "a b");
        cr_expect_eq(io_readlink(fd, "none", &target), -ENOENT);
        close(fd);
        cr_expect_eq(io_list_names(-1, &names), -EBADF);
        fd = open("listed/link", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        buf_clear(&target);
        cr_expect_eq(io_readlink(fd, "", &target), 0);
        cr_expect_eq(target.len, 3);
        cr_expect_eq(io_list_names(fd, &names), -ENOTDIR);
        close(fd);
        strv_done(&names);
        buf_done(&target);
}

static void *write_late(void *context)
{
        int fd = open(context, O_WRONLY | O_CLOEXEC);

        for (int i = 0; i < 3; i++) {
                usleep(10000);
                cr_expect_eq(write(fd, "abc", 3), 3);
        }
        close(fd);
        return NULL;
}

Test(io, waits_for_who_writes_to_a_fifo_and_for_nobody_else)
{
        struct error err = ERROR_INIT;
        struct buf text = BUF_INIT;
        pthread_t writer;
        int holder;

        cr_assert_eq(mkfifo("fifo", 0600), 0);
        cr_expect_eq(io_read_file(AT_FDCWD, "fifo", 100, &text, &err), 0);
        cr_expect_eq(text.len, 0);
        holder = open("fifo", O_RDWR | O_CLOEXEC);
        cr_assert_eq(pthread_create(&writer, NULL, write_late, (char *)"fifo"), 0);
        usleep(5000);
        cr_assert_eq(write(holder, "x", 1), 1);
        close(holder);
        cr_expect_eq(io_read_file(AT_FDCWD, "fifo", 100, &text, &err), 0);
        pthread_join(writer, NULL);
        cr_expect_str_eq(buf_str(&text), "xabcabcabc");
        buf_done(&text);
}
