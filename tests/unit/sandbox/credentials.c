#include "credentials.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ids ids_of(uint32_t real, uint32_t effective, uint32_t saved)
{
        return (struct ids){ real, effective, saved, effective };
}

static void expect_ids(const struct ids *ids, uint32_t real, uint32_t effective, uint32_t saved)
{
        cr_expect_eq(ids->real, real);
        cr_expect_eq(ids->effective, effective);
        cr_expect_eq(ids->saved, saved);
        cr_expect_eq(ids->fs, effective);
}

Test(credentials, root_sets_all_ids_at_once_and_a_user_between_his_own)
{
        struct ids ids = ids_of(0, 0, 0);

        cr_assert_eq(ids_set(&ids, true, 33), 0);
        expect_ids(&ids, 33, 33, 33);
        cr_expect_eq(ids_set(&ids, false, 0), -EPERM);
        expect_ids(&ids, 33, 33, 33);
        ids = ids_of(33, 33, 0);
        cr_assert_eq(ids_set(&ids, false, 0), 0);
        expect_ids(&ids, 33, 0, 0);
        cr_expect_eq(ids_set(&ids, true, ID_UNCHANGED), -EINVAL);
}

Test(credentials, the_saved_id_follows_two_as_setreuid_says)
{
        struct ids ids = ids_of(0, 0, 0);

        cr_assert_eq(ids_set_two(&ids, true, ID_UNCHANGED, 5), 0);
        expect_ids(&ids, 0, 5, 5);
        ids = ids_of(5, 0, 0);
        cr_assert_eq(ids_set_two(&ids, true, ID_UNCHANGED, 5), 0);
        expect_ids(&ids, 5, 5, 0);
        cr_expect_eq(ids_set_two(&ids, false, 7, ID_UNCHANGED), -EPERM);
        cr_expect_eq(ids_set_two(&ids, false, 0, ID_UNCHANGED), -EPERM, "the saved id is none");
        cr_assert_eq(ids_set_two(&ids, false, ID_UNCHANGED, 0), 0, "but the effective may be it");
        expect_ids(&ids, 5, 0, 0);
}

Test(credentials, swapping_twice_comes_back)
{
        struct ids ids = ids_of(5, 0, 0);

        cr_assert_eq(ids_set_two(&ids, false, 0, 5), 0);
        expect_ids(&ids, 0, 5, 5);
        cr_assert_eq(ids_set_two(&ids, false, 5, 0), 0);
        expect_ids(&ids, 5, 0, 0);
}

Test(credentials, three_are_set_together_or_not_at_all)
{
        struct ids ids = ids_of(1, 2, 3);

        cr_expect_eq(ids_set_three(&ids, false, 3, 1, 9), -EPERM);
        expect_ids(&ids, 1, 2, 3);
        cr_assert_eq(ids_set_three(&ids, false, 3, 1, 2), 0);
        expect_ids(&ids, 3, 1, 2);
        cr_assert_eq(ids_set_three(&ids, true, ID_UNCHANGED, ID_UNCHANGED, 9), 0);
        expect_ids(&ids, 3, 1, 9);
}

Test(credentials, the_id_for_files_moves_alone)
{
        struct ids ids = ids_of(1, 2, 3);

        ids_set_fs(&ids, false, 9);
        cr_expect_eq(ids.fs, 2);
        ids_set_fs(&ids, false, 3);
        cr_expect_eq(ids.fs, 3);
        ids_set_fs(&ids, true, 9);
        cr_expect_eq(ids.fs, 9);
        cr_expect_eq(ids.effective, 2);
        ids_set_fs(&ids, true, ID_UNCHANGED);
        cr_expect_eq(ids.fs, 9);
}

static void become(struct credentials *credentials, uint32_t real, uint32_t effective,
                   uint32_t saved)
{
        const struct ids before = credentials->user;

        credentials->user = ids_of(real, effective, saved);
        credentials_user_changed(credentials, &before);
}

Test(credentials, who_gives_root_up_cannot_take_it_back)
{
        struct credentials credentials;

        credentials_begin(&credentials, 0, 0);
        cr_expect(credentials.effective);
        become(&credentials, 33, 33, 33);
        cr_expect_not(credentials.effective);
        cr_expect_not(credentials.permitted);
}

Test(credentials, who_only_steps_aside_gets_root_back)
{
        struct credentials credentials;

        credentials_begin(&credentials, 0, 0);
        become(&credentials, 0, 33, 0);
        cr_expect_not(credentials.effective);
        become(&credentials, 0, 0, 0);
        cr_expect(credentials.effective);
}

Test(credentials, kept_capabilities_survive_the_change_and_not_an_execve)
{
        struct credentials credentials;

        credentials_begin(&credentials, 0, 0);
        credentials.keep = 1;
        become(&credentials, 33, 33, 33);
        cr_expect(credentials.permitted);
        cr_expect_not(credentials.effective);
        credentials_execute(&credentials, false, 0, false, 0);
        cr_expect_not(credentials.permitted);
        cr_expect_not(credentials.keep);
}

Test(credentials, a_setuid_file_gives_its_owner_and_all_that_root_may)
{
        struct credentials credentials;

        credentials_begin(&credentials, 1000, 1000);
        cr_expect_not(credentials.effective);
        credentials_execute(&credentials, true, 0, true, 42);
        cr_expect_eq(credentials.user.real, 1000);
        cr_expect_eq(credentials.user.effective, 0);
        cr_expect_eq(credentials.user.saved, 0);
        cr_expect_eq(credentials.group.fs, 42);
        cr_expect(credentials.effective);
        credentials_execute(&credentials, true, 33, false, 0);
        cr_expect_eq(credentials.user.saved, 33);
        cr_expect_not(credentials.effective);
}

Test(credentials, groups_are_those_for_files_and_the_supplementary)
{
        static struct credentials credentials;

        credentials_begin(&credentials, 5, 6);
        credentials.groups[credentials.group_count++] = 7;
        cr_expect(credentials_have_group(&credentials, 6));
        cr_expect(credentials_have_group(&credentials, 7));
        cr_expect_not(credentials_have_group(&credentials, 8));
}

Test(credentials, the_table_keeps_each_combination_once)
{
        static struct credentials_table table;
        static struct credentials credentials;
        int number;

        credentials_begin(&credentials, 0, 0);
        cr_assert_eq(credentials_table_init(&table, &credentials), 0);
        cr_expect_eq(credentials_table_number(&table, &credentials), 0);
        credentials.groups[credentials.group_count++] = 7;
        number = credentials_table_number(&table, &credentials);
        cr_expect_eq(number, 1);
        credentials.groups[0] = 8;
        cr_expect_eq(credentials_table_number(&table, &credentials), 2);
        credentials.groups[0] = 7;
        cr_expect_eq(credentials_table_number(&table, &credentials), 1);
        cr_expect_eq(credentials_table_get(&table, 2)->groups[0], 8);
        cr_expect_eq(credentials_table_get(&table, 99)->group_count, 0, "what is not there is 0");
        cr_expect_eq(credentials_table_get(&table, UINT64_MAX)->group_count, 0);
        credentials_table_done(&table);
}

Test(credentials, the_table_has_an_end)
{
        static struct credentials_table table;
        static struct credentials credentials;
        int number = 0;

        credentials_begin(&credentials, 0, 0);
        cr_assert_eq(credentials_table_init(&table, &credentials), 0);
        for (uint32_t id = 1; id < CREDENTIALS_MAX; id++) {
                /* Filled by hand: looking each up among the others would take minutes. */
                table.items[id] = malloc(sizeof(credentials));
                credentials.user.fs = id;
                credentials_copy(table.items[id], &credentials);
                table.count++;
        }
        credentials.user.fs = CREDENTIALS_MAX;
        number = credentials_table_number(&table, &credentials);
        cr_expect_eq(number, -EAGAIN);
        credentials_table_done(&table);
}
