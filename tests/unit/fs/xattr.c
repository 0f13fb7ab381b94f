#include "xattr.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

/* "name=value ..." */
static void assert_set(const struct xattr_set *set, const char *expected)
{
        struct entry_xattr xattr;
        char found[256] = "";
        size_t at = 0;

        while (xattr_set_next(set, &at, &xattr)) {
                size_t len = strlen(found);

                snprintf(found + len, sizeof(found) - len, "%s%s=%.*s", len ? " " : "", xattr.name,
                         (int)xattr.value_len, (const char *)xattr.value);
        }
        cr_assert_str_eq(found, expected);
}

/* Replaces `*set` by one with the change. */
static void change(const struct xattr_set **set, const char *name, const char *value)
{
        const struct xattr_set *changed;

        cr_assert_eq(xattr_set_with(*set, name, value, value ? strlen(value) : 0, &changed), 0);
        xattr_set_unref(*set);
        *set = changed;
}

Test(xattr, set_stays_sorted_whatever_is_added_and_taken)
{
        const struct xattr_set *set = NULL;

        change(&set, "user.m", "middle");
        change(&set, "user.z", "");
        change(&set, "user.a", "1");
        assert_set(set, "user.a=1 user.m=middle user.z=");
        change(&set, "user.m", "changed");
        assert_set(set, "user.a=1 user.m=changed user.z=");
        change(&set, "user.none", NULL);
        change(&set, "user.m", NULL);
        assert_set(set, "user.a=1 user.z=");
        change(&set, "user.a", NULL);
        change(&set, "user.z", NULL);
        cr_assert_null(set);
}

Test(xattr, set_that_is_shared_is_not_changed)
{
        const struct xattr_set *set = NULL, *other;

        change(&set, "user.a", "1");
        other = xattr_set_ref(set);
        change(&set, "user.a", "2");
        assert_set(other, "user.a=1");
        assert_set(set, "user.a=2");
        xattr_set_unref(set);
        xattr_set_unref(other);
}

Test(xattr, set_of_an_index_is_never_counted)
{
        static const union {
                struct xattr_set set;
                char bytes[sizeof(struct xattr_set)];
        } still = { .set = { .size = sizeof(struct xattr_set) } };

        /* It lies in read-only memory: to count it would crash. */
        cr_assert_eq(xattr_set_ref(&still.set), &still.set);
        xattr_set_unref(&still.set);
        xattr_set_unref(&still.set);
        xattr_set_unref(NULL);
        cr_assert_null(xattr_set_ref(NULL));
}

Test(xattr, values_hold_any_bytes)
{
        static const char bytes[] = "a\0b\xff";
        const struct entry_xattr one = { .name = "user.x",
                                         .value = bytes,
                                         .value_len = sizeof(bytes) };
        struct xattr_set *set = xattr_set_new(&one, 1);
        struct entry_xattr found;

        cr_assert_not_null(set);
        cr_assert(xattr_set_find(set, "user.x", &found));
        cr_assert_eq(found.value_len, sizeof(bytes));
        cr_assert_eq(memcmp(found.value, bytes, sizeof(bytes)), 0);
        cr_assert(!xattr_set_find(set, "user.xy", &found));
        cr_assert(!xattr_set_find(NULL, "user.x", &found));
        xattr_set_unref(set);
}

Test(xattr, sets_are_equal_by_what_they_hold)
{
        const struct xattr_set *a = NULL, *b = NULL, *c = NULL;

        change(&a, "user.a", "1");
        change(&a, "user.b", "2");
        change(&b, "user.b", "2");
        change(&b, "user.a", "1");
        change(&c, "user.a", "2");
        change(&c, "user.b", "1");
        cr_assert(xattr_set_equal(a, b));
        cr_assert(!xattr_set_equal(a, c));
        cr_assert(!xattr_set_equal(a, NULL));
        cr_assert(!xattr_set_equal(NULL, a));
        cr_assert(xattr_set_equal(NULL, NULL));
        xattr_set_unref(a);
        xattr_set_unref(b);
        xattr_set_unref(c);
}
