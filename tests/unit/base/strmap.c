#include "base/strmap.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(strmap, is_sorted_by_key_whatever_the_order_of_setting)
{
        static const char *const keys[] = { "m", "a", "z", "b", "", "mm", "A" };
        static const char *const sorted[] = { "", "A", "a", "b", "m", "mm", "z" };
        struct strmap map = STRMAP_INIT;

        for (size_t i = 0; i < 7; i++)
                cr_assert_eq(strmap_set(&map, keys[i], "v"), 0);
        cr_assert_eq(map.count, 7);
        for (size_t i = 0; i < 7; i++)
                cr_assert_str_eq(map.items[i].key, sorted[i]);
        strmap_done(&map);
}

Test(strmap, replaces_and_removes_by_key)
{
        struct strmap map = STRMAP_INIT;

        cr_assert_eq(strmap_set(&map, "k", "1"), 0);
        cr_assert_eq(strmap_set(&map, "l", "2"), 0);
        cr_assert_eq(strmap_set(&map, "k", "3"), 0);
        cr_assert_eq(map.count, 2);
        cr_assert_str_eq(strmap_get(&map, "k"), "3");
        strmap_remove(&map, "k");
        strmap_remove(&map, "absent");
        cr_assert_eq(map.count, 1);
        cr_assert_null(strmap_get(&map, "k"));
        cr_assert_str_eq(strmap_get(&map, "l"), "2");
        strmap_done(&map);
}

Test(strmap, takes_all_of_another)
{
        struct strmap a = STRMAP_INIT, b = STRMAP_INIT;
        char key[16];

        for (int i = 0; i < 100; i++) {
                snprintf(key, sizeof(key), "%d", i);
                cr_assert_eq(strmap_set(&a, key, "x"), 0);
        }
        cr_assert_eq(strmap_set(&b, "7", "y"), 0);
        cr_assert_eq(strmap_extend(&b, &a), 0);
        cr_assert_eq(b.count, 100);
        cr_assert_str_eq(strmap_get(&b, "7"), "x");
        cr_assert_str_eq(strmap_get(&b, "99"), "x");
        strmap_done(&a);
        strmap_done(&b);
}
