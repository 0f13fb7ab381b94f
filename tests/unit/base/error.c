#include "base/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, names_the_cause_and_every_context_around_it)
{
        struct error err = ERROR_INIT;

        cr_assert_not(error_is_set(&err));
        cr_assert_eq(error_set_errno(&err, -ENOENT, "cannot open %s", "a"), -ENOENT);
        cr_assert_eq(error_wrap(&err, "step %d", 3), -ENOENT);
        cr_assert_str_eq(err.message, "step 3: cannot open a: No such file or directory");
}

Test(error, keeps_the_first_hint)
{
        struct error err = ERROR_INIT;

        error_set(&err, -EINVAL, "bad");
        error_hint(&err, "do this");
        error_hint(&err, "or that");
        cr_assert_str_eq(err.hint, "do this");
}

Test(error, cuts_what_is_too_long_and_keeps_the_cause)
{
        struct error err = ERROR_INIT;
        char longer[3 * ERROR_MESSAGE_MAX];

        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        error_set(&err, -EIO, "the cause");
        error_wrap(&err, "%s", longer);
        cr_assert_lt(strlen(err.message), (size_t)ERROR_MESSAGE_MAX);
        cr_assert_str_eq(err.message + strlen(err.message) - strlen("the cause"), "the cause");

        error_set(&err, -EIO, "%s", longer);
        error_wrap(&err, "context");
        cr_assert_eq(strncmp(err.message, "context: xxx", 12), 0);
}
