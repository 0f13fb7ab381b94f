#include "key.h"

#include <criterion/criterion.h>
#include <string.h>

static struct key begin(const char *kind)
{
        struct error err = ERROR_INIT;
        struct key key;

        cr_assert_eq(key_begin(&key, kind, &err), 0);
        return key;
}

static struct digest finish(struct key *key)
{
        struct error err = ERROR_INIT;
        struct digest digest;

        cr_assert_eq(key_finish(key, &digest, &err), 0);
        return digest;
}

/* Of two texts, each a part. */
static struct digest of_two(const char *a, const char *b)
{
        struct key key = begin("test");

        key_add_text(&key, a);
        key_add_text(&key, b);
        return finish(&key);
}

Test(key, is_the_same_for_the_same_parts)
{
        struct digest one = of_two("a", "b"), other = of_two("a", "b");

        cr_assert(digest_equal(&one, &other));
}

Test(key, tells_apart_what_joins_to_the_same_bytes)
{
        struct digest one = of_two("ab", "c"), other = of_two("a", "bc"), third = of_two("abc", "");

        cr_assert(!digest_equal(&one, &other));
        cr_assert(!digest_equal(&one, &third));
}

Test(key, tells_nothing_from_the_empty_text)
{
        struct digest none = of_two(NULL, "b"), empty = of_two("", "b");

        cr_assert(!digest_equal(&none, &empty));
}

Test(key, tells_kinds_apart)
{
        struct key run = begin("run"), copy = begin("copy");
        struct digest a = finish(&run), b = finish(&copy);

        cr_assert(!digest_equal(&a, &b));
}

Test(key, counts_the_strings_of_a_list)
{
        struct strv list = STRV_INIT, none = STRV_INIT;
        struct key one = begin("test"), other = begin("test");
        struct digest a, b;

        cr_assert_eq(strv_add(&list, "x"), 0);
        key_add_strv(&one, &list);
        key_add_strv(&one, &none);
        key_add_strv(&other, &none);
        key_add_strv(&other, &list);
        a = finish(&one);
        b = finish(&other);
        cr_assert(!digest_equal(&a, &b));
        strv_done(&list);
}

Test(key, of_layers_depends_on_each_and_their_order)
{
        struct layer items[2] = { { .diff_id = { { 1 } } }, { .diff_id = { { 2 } } } };
        struct layer swapped[2] = { { .diff_id = { { 2 } } }, { .diff_id = { { 1 } } } };
        struct layers both = { items, 2 }, first = { items, 1 }, other = { swapped, 2 };
        struct digest a, b, c, again;
        struct error err = ERROR_INIT;

        cr_assert_eq(key_of_layers(&both, &a, &err), 0);
        cr_assert_eq(key_of_layers(&first, &b, &err), 0);
        cr_assert_eq(key_of_layers(&other, &c, &err), 0);
        cr_assert_eq(key_of_layers(&both, &again, &err), 0);
        cr_assert(digest_equal(&a, &again));
        cr_assert(!digest_equal(&a, &b));
        cr_assert(!digest_equal(&a, &c));
}

Test(key, that_is_given_up_leaks_nothing)
{
        struct key key = begin("test");

        key_done(&key);
        key_done(&key);
        cr_assert_null(key.hasher);
}
