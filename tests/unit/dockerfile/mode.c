#include "dockerfile/mode.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static void assert_mode(const char *text, mode_t before, bool is_directory, mode_t after)
{
        struct mode_change change;
        struct error err = ERROR_INIT;

        cr_assert_eq(mode_parse(text, &change, &err), 0, "%s", text);
        cr_assert_eq(mode_apply(&change, before, is_directory), after, "%s of %o is %o", text,
                     before, mode_apply(&change, before, is_directory));
}

Test(mode, takes_octal_digits)
{
        assert_mode("755", 0, false, 0755);
        assert_mode("0644", 07777, true, 0644);
        assert_mode("7777", 0, false, 07777);
        assert_mode("0", 0777, false, 0);
}

Test(mode, adds_removes_and_sets_permissions)
{
        assert_mode("u+x", 0644, false, 0744);
        assert_mode("go-rwx", 0777, false, 0700);
        assert_mode("a=r", 0751, false, 0444);
        assert_mode("+x", 0600, false, 0711);
        assert_mode("=", 0777, false, 0);
        assert_mode("u=rwx,go=rx", 0, false, 0755);
        assert_mode("u+w-x", 0555, false, 0655);
        assert_mode("o=", 04755, false, 04750);
}

Test(mode, makes_only_what_can_be_executed_executable)
{
        assert_mode("u=rwX,go=rX", 0600, false, 0644);
        assert_mode("u=rwX,go=rX", 0700, false, 0755);
        assert_mode("u=rwX,go=rX", 0700, true, 0755);
        assert_mode("u=rwX,go=rX", 0600, true, 0755);
        assert_mode("a+X", 0640, false, 0640);
        assert_mode("a+X", 0610, false, 0711);
        assert_mode("a-X", 0755, false, 0644);
}

Test(mode, copies_permissions)
{
        assert_mode("g=u", 0740, false, 0770);
        assert_mode("go=u-w", 0700, false, 0755);
        assert_mode("o+g", 0751, false, 0755);
        assert_mode("u-o", 0755, false, 0255);
}

Test(mode, knows_set_id_and_sticky)
{
        assert_mode("u+s", 0755, false, 04755);
        assert_mode("g+s", 0755, true, 02755);
        assert_mode("+t", 0777, true, 01777);
        assert_mode("o+s", 0755, false, 0755);
        assert_mode("o+t", 0755, true, 0755);
        assert_mode("-s", 06755, false, 0755);
        assert_mode("u=rwx", 04755, false, 0755);
}

Test(mode, refuses_what_is_none)
{
        static const char *const bad[] = { "",  "8",    "10000", "0o755", "u",    "rwx",
                                           ",", "u+x,", "z+r",   "u+q",   "755x", "u+x;g+x" };
        struct mode_change change;
        struct error err = ERROR_INIT;
        char longer[512] = "u";

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                cr_assert_eq(mode_parse(bad[i], &change, &err), -EINVAL, "%s", bad[i]);
                cr_assert_neq(err.hint[0], '\0');
                err = ERROR_INIT;
        }
        for (int i = 0; i < 200; i++)
                strcat(longer, "+x");
        cr_assert_eq(mode_parse(longer, &change, &err), -EINVAL);
}
