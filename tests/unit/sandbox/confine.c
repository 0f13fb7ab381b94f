#include "sandbox/confine.h"

#include "kernel.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/varve-test-XXXXXX";

static void enter_directory(void)
{
        struct error err = ERROR_INIT;

        if (kernel_landlock_version() == 0)
                cr_skip_test("the kernel has no Landlock");
        cr_assert_not_null(mkdtemp(directory));
        cr_assert_eq(chdir(directory), 0);
        cr_assert_eq(io_mkdir_parents("read", &err), 0);
        cr_assert_eq(io_mkdir_parents("write", &err), 0);
        cr_assert_eq(io_mkdir_parents("other", &err), 0);
        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "read/file", "x", 1, 0600, &err), 0);
        cr_assert_eq(io_write_file_atomic(AT_FDCWD, "other/file", "x", 1, 0600, &err), 0);
}

static void leave_directory(void)
{
        struct error err = ERROR_INIT;

        io_remove_tree(AT_FDCWD, directory, &err);
}

TestSuite(confine, .init = enter_directory, .fini = leave_directory);

/* What is confined is the thread: the test's own still has to clean up. */
static void in_a_thread(void *(*body)(void *))
{
        pthread_t thread;

        cr_assert_eq(pthread_create(&thread, NULL, body, NULL), 0);
        pthread_join(thread, NULL);
}

static int try_open(const char *path, int flags)
{
        int fd = open(path, flags | O_CLOEXEC, 0600), r = fd < 0 ? -errno : 0;

        if (fd >= 0)
                close(fd);
        return r;
}

static void confine(bool network)
{
        const struct confine_path paths[] = {
                { .fd = open("read", O_PATH | O_DIRECTORY | O_CLOEXEC) },
                { .fd = open("write", O_PATH | O_DIRECTORY | O_CLOEXEC), .writable = true },
        };
        struct error err = ERROR_INIT;

        cr_assert_eq(confine_thread(paths, 2, network, &err), 1, "%s", err.message);
        close(paths[0].fd);
        close(paths[1].fd);
}

static void *look_around(void *unused)
{
        confine(false);
        cr_expect_eq(try_open("read/file", O_RDONLY), 0);
        cr_expect_eq(try_open("read/file", O_WRONLY), -EACCES);
        cr_expect_eq(try_open("read/new", O_WRONLY | O_CREAT), -EACCES);
        cr_expect_eq(try_open("write/new", O_RDWR | O_CREAT), 0);
        cr_expect_eq(try_open("write/new", O_WRONLY | O_TRUNC), 0);
        cr_expect_eq(rename("write/new", "write/newer"), 0);
        cr_expect_eq(unlink("write/newer"), 0);
        cr_expect_eq(try_open("other/file", O_RDONLY), -EACCES);
        cr_expect_eq(try_open("other", O_RDONLY | O_DIRECTORY), -EACCES);
        cr_expect_eq(try_open("/etc/passwd", O_RDONLY), -EACCES);
        cr_expect_eq(try_open("write/../other/file", O_RDONLY), -EACCES);
        cr_expect_eq(symlink("/etc/passwd", "write/link"), 0);
        cr_expect_eq(try_open("write/link", O_RDONLY), -EACCES);
        return unused;
}

Test(confine, leaves_a_thread_what_lies_below_its_paths_and_nothing_else)
{
        in_a_thread(look_around);
}

static int try_execute(void)
{
        char *argv[] = { (char *)(uintptr_t) "true", NULL };
        pid_t pid;
        int status, r = -posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ);

        if (r == 0)
                cr_expect_eq(waitpid(pid, &status, 0), pid);
        return r;
}

static void *execute_what_may_be(void *unused)
{
        struct confine_path path = { .fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
                                     .executable = true };
        struct error err = ERROR_INIT;

        cr_assert_eq(confine_thread(&path, 1, true, &err), 1, "%s", err.message);
        cr_expect_eq(try_execute(), 0);
        cr_expect_eq(try_open("write/new", O_WRONLY | O_CREAT), -EACCES);
        path.executable = false;
        cr_assert_eq(confine_thread(&path, 1, true, &err), 1, "%s", err.message);
        cr_expect_eq(try_execute(), -EACCES);
        close(path.fd);
        return unused;
}

Test(confine, lets_be_executed_what_lies_below_paths_that_say_so)
{
        in_a_thread(execute_what_may_be);
}

static void *read_what_was_open(void *unused)
{
        int fd = open("other/file", O_RDONLY | O_CLOEXEC);
        char byte;

        confine(false);
        cr_expect_eq(read(fd, &byte, 1), 1);
        close(fd);
        return unused;
}

Test(confine, leaves_open_descriptors_usable)
{
        in_a_thread(read_what_was_open);
}

Test(confine, binds_the_thread_that_asks_for_it_alone)
{
        in_a_thread(look_around);
        cr_expect_eq(try_open("other/file", O_RDONLY), 0);
}

static int connect_to_nobody(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(9),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

static void *connect_without(void *unused)
{
        if (kernel_landlock_version() < 4)
                cr_skip_test("this Landlock knows nothing of networks");
        confine(false);
        cr_expect_eq(connect_to_nobody(), -EACCES);
        return unused;
}

Test(confine, takes_the_network_unless_it_is_needed)
{
        in_a_thread(connect_without);
}

static void *connect_with(void *unused)
{
        confine(true);
        cr_expect_neq(connect_to_nobody(), -EACCES);
        return unused;
}

Test(confine, leaves_the_network_where_it_is_needed)
{
        in_a_thread(connect_with);
}

static void *open_one_file(void *unused)
{
        const struct confine_path path = { .fd = open("other/file", O_PATH | O_CLOEXEC) };
        struct error err = ERROR_INIT;

        cr_assert_eq(confine_thread(&path, 1, false, &err), 1, "%s", err.message);
        cr_expect_eq(try_open("other/file", O_RDONLY), 0);
        cr_expect_eq(try_open("read/file", O_RDONLY), -EACCES);
        close(path.fd);
        return unused;
}

Test(confine, allows_a_single_file)
{
        in_a_thread(open_one_file);
}
