#include "sandbox/cgroup.h"

#include "base/buf.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory in place of a cgroup: plain files, which are not there before they are made. */
static char directory[] = "/tmp/varve-test-XXXXXX";
static struct sandbox_cgroup cgroup = { .memory_bytes = 64 << 20, .cpu_millis = 1500 };

static void begin(void)
{
        cr_assert_not_null(mkdtemp(directory));
        cgroup.fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void end(void)
{
        struct error err = ERROR_INIT;

        close(cgroup.fd);
        io_remove_tree(AT_FDCWD, directory, &err);
}

TestSuite(cgroup, .init = begin, .fini = end);

Test(cgroup, that_cannot_have_limits_is_an_error_and_leaves_none)
{
        struct error err = ERROR_INIT;
        char name[CGROUP_NAME_MAX];

        cr_expect_lt(cgroup_add(&cgroup, getpid(), name, &err), 0);
        cr_expect(error_is_set(&err));
        cr_expect_lt(faccessat(cgroup.fd, "varve-step-1", F_OK, 0), 0);
}

Test(cgroup, tells_whether_memory_ran_out)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(mkdirat(cgroup.fd, "group", 0700), 0);
        cr_expect_not(cgroup_ran_out(&cgroup, "group"));
        cr_assert_eq(io_write_file_atomic(cgroup.fd, "group/memory.events",
                                          "low 0\nmax 3\noom 0\noom_kill 0\n", 29, 0600, &err),
                     0);
        cr_expect_not(cgroup_ran_out(&cgroup, "group"));
        cr_assert_eq(io_write_file_atomic(cgroup.fd, "group/memory.events", "oom 1\noom_kill 2\n",
                                          17, 0600, &err),
                     0);
        cr_expect(cgroup_ran_out(&cgroup, "group"));
}

Test(cgroup, is_not_taken_from_whom_it_does_not_belong_to)
{
        struct error err = ERROR_INIT;
        int fd = -1;

        if (geteuid() == 0)
                cr_skip_test("root may do all");
        if (cgroup_prepare(&fd, &err) == 0)
                close(fd);
        else
                cr_expect(error_is_set(&err), "it says why");
}
