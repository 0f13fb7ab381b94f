#include "base/strv.h"

#include <criterion/criterion.h>

Test(strv, is_a_terminated_vector_for_execve)
{
        struct strv strv = STRV_INIT;

        for (int i = 0; i < 100; i++)
                cr_assert_eq(strv_addf(&strv, "%d", i), 0);
        cr_assert_eq(strv.count, 100);
        cr_assert_str_eq(strv.items[99], "99");
        cr_assert_null(strv.items[100]);
        strv_done(&strv);
}

Test(strv, sets_environment_variables_in_place)
{
        struct strv env = STRV_INIT;

        cr_assert_eq(strv_env_set(&env, "A", "1"), 0);
        cr_assert_eq(strv_env_set(&env, "AB", "2"), 0);
        cr_assert_eq(strv_env_set(&env, "A", "3"), 0);
        cr_assert_eq(env.count, 2);
        cr_assert_str_eq(env.items[0], "A=3");
        cr_assert_str_eq(strv_env_get(&env, "AB"), "2");
        cr_assert_null(strv_env_get(&env, "B"));
        strv_done(&env);
}

Test(strv, merges_and_unsets_environment_variables)
{
        struct strv env = STRV_INIT, other = STRV_INIT;

        cr_assert_eq(strv_add(&env, "A=1"), 0);
        cr_assert_eq(strv_add(&env, "AB=2"), 0);
        cr_assert_eq(strv_add(&other, "C=3=c"), 0);
        cr_assert_eq(strv_add(&other, "A=4"), 0);
        cr_assert_eq(strv_env_merge(&env, &other), 0);
        cr_assert_eq(env.count, 3);
        cr_assert_str_eq(env.items[0], "A=4");
        cr_assert_str_eq(strv_env_get(&env, "C"), "3=c");
        strv_env_unset(&env, "A=whatever");
        strv_env_unset(&env, "A");
        strv_env_unset(&env, "C");
        cr_assert_eq(env.count, 1);
        cr_assert_str_eq(env.items[0], "AB=2");
        cr_assert_null(env.items[1]);
        strv_done(&other);
        strv_done(&env);
}
