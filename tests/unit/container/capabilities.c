#include "container/capabilities.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>

static struct strv add, drop;

static void end(void)
{
        strv_done(&add);
        strv_done(&drop);
}

TestSuite(capabilities, .fini = end);

static int parse(uint64_t *ret_add, uint64_t *ret_drop)
{
        struct error err = ERROR_INIT;

        return capabilities_parse(&add, &drop, ret_add, ret_drop, &err);
}

Test(capabilities, are_known_with_and_without_their_prefix)
{
        uint64_t added, dropped;

        cr_assert_eq(strv_add(&add, "NET_ADMIN") + strv_add(&add, "cap_sys_nice") +
                             strv_add(&drop, "CAP_CHOWN"),
                     0);
        cr_assert_eq(parse(&added, &dropped), 0);
        cr_expect_eq(added, UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_SYS_NICE);
        cr_expect_eq(dropped, UINT64_C(1) << CAP_CHOWN);
}

Test(capabilities, are_all_dropped_but_those_that_are_added)
{
        uint64_t added, dropped;

        cr_assert_eq(strv_add(&drop, "ALL") + strv_add(&add, "CHOWN"), 0);
        cr_assert_eq(parse(&added, &dropped), 0);
        cr_expect_eq(dropped, ~(UINT64_C(1) << CAP_CHOWN));
}

Test(capabilities, that_open_the_walls_are_refused)
{
        uint64_t added, dropped;

        cr_assert_eq(strv_add(&add, "SYS_ADMIN"), 0);
        cr_expect_eq(parse(&added, &dropped), -EPERM);
        strv_done(&add);
        cr_assert_eq(strv_add(&add, "ALL"), 0);
        cr_expect_eq(parse(&added, &dropped), -EPERM);
        strv_done(&add);
        cr_assert_eq(strv_add(&add, "NO_SUCH"), 0);
        cr_expect_eq(parse(&added, &dropped), -EINVAL);
}
