#include "explain.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static char directory[] = "/tmp/varve-test-XXXXXX";

static void enter_settings(void)
{
        struct error err = ERROR_INIT;

        cr_assert_not_null(mkdtemp(directory));
        cr_assert_eq(chdir(directory), 0);
        cr_assert_eq(io_mkdir_parents("user", &err), 0);
        cr_assert_eq(io_mkdir_parents("kernel", &err), 0);
}

static void leave_settings(void)
{
        struct error err = ERROR_INIT;

        io_remove_tree(AT_FDCWD, directory, &err);
}

TestSuite(explain, .init = enter_settings, .fini = leave_settings);

static void set(const char *name, const char *value)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(io_write_file_atomic(AT_FDCWD, name, value, strlen(value), 0600, &err), 0);
}

Test(explain, names_the_setting_that_switches_user_namespaces_off)
{
        _cleanup_close_ int settings = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct error err = ERROR_INIT;

        set("user/max_user_namespaces", "0\n");
        cr_assert_eq(explain_user_namespace(-ENOSPC, settings, &err), -ENOSPC);
        cr_expect_not_null(strstr(err.hint, "sysctl -w user.max_user_namespaces"), "%s", err.hint);
}

Test(explain, names_the_setting_that_keeps_user_namespaces_for_root)
{
        _cleanup_close_ int settings = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct error err = ERROR_INIT;

        set("user/max_user_namespaces", "96365\n");
        set("kernel/unprivileged_userns_clone", "0\n");
        cr_assert_eq(explain_user_namespace(-EPERM, settings, &err), -EPERM);
        cr_expect_not_null(strstr(err.hint, "sysctl -w kernel.unprivileged_userns_clone=1"), "%s",
                           err.hint);
}

Test(explain, takes_a_user_namespace_without_rights_for_apparmors_restriction)
{
        _cleanup_close_ int settings = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct error err = ERROR_INIT;

        set("kernel/apparmor_restrict_unprivileged_userns", "1\n");
        cr_assert_eq(explain_mount(-EACCES, "the root filesystem", settings, &err), -EACCES);
        cr_expect_not_null(strstr(err.message, "cannot mount the root filesystem"));
        cr_expect_not_null(strstr(err.hint, "apparmor_restrict_unprivileged_userns=0"), "%s",
                           err.hint);
}

Test(explain, does_not_blame_apparmor_where_it_restricts_nothing)
{
        _cleanup_close_ int settings = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct error err = ERROR_INIT;

        set("kernel/apparmor_restrict_unprivileged_userns", "0\n");
        cr_assert_eq(explain_mount(-EPERM, "the root filesystem", settings, &err), -EPERM);
        cr_expect_null(strstr(err.hint, "apparmor"));
        cr_expect_neq(err.hint[0], '\0');
}

Test(explain, says_something_without_any_setting_to_read)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(explain_user_namespace(-EPERM, -1, &err), -EPERM);
        cr_expect_neq(err.hint[0], '\0');
}

Test(explain, gives_one_command_for_each_way_that_fuse_is_closed)
{
        struct error closed = ERROR_INIT, missing = ERROR_INIT, container = ERROR_INIT;

        cr_assert_eq(explain_fuse_open(-EACCES, &closed), -EACCES);
        cr_expect_not_null(strstr(closed.hint, "sudo chmod 0666 /dev/fuse"));
        cr_assert_eq(explain_fuse_open(-ENOENT, &missing), -ENOENT);
        cr_expect_not_null(strstr(missing.hint, "sudo modprobe fuse"));
        cr_assert_eq(explain_fuse_open(-EPERM, &container), -EPERM);
        cr_expect_not_null(strstr(container.hint, "--device /dev/fuse"));
}
