#include "kernel.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/utsname.h>

Test(kernel, has_what_its_version_promises)
{
        struct utsname name;
        int major = 0, minor = 0;

        cr_assert_eq(uname(&name), 0);
        cr_assert_eq(sscanf(name.release, "%d.%d", &major, &minor), 2);
        if (major >= 6) {
                cr_expect(kernel_has_notification());
                cr_expect(kernel_has_killable_notification());
        }
        if (major < 5)
                cr_expect_not(kernel_has_killable_notification());
        cr_expect_geq(kernel_landlock_version(), 0);
}
