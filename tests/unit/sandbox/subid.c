#include "subid.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(subid, takes_the_lines_of_a_user_by_name_and_by_number)
{
        struct subid_ranges ranges = { .count = 0 };

        subid_parse_file("other:1:2\nann:100000:65536\n1000:300000:10\nanna:5:5\n10000:1:1\n",
                         "ann", 1000, &ranges);
        cr_assert_eq(ranges.count, 2);
        cr_expect_eq(ranges.items[0].start, 100000);
        cr_expect_eq(ranges.items[0].count, 65536);
        cr_expect_eq(ranges.items[1].start, 300000);
        cr_expect_eq(ranges.items[1].count, 10);
        cr_expect_eq(subid_total(&ranges), 65546);
}

Test(subid, leaves_out_lines_that_make_no_sense)
{
        struct subid_ranges ranges = { .count = 0 };

        subid_parse_file("ann\nann:\nann:1\nann:1:\nann:-1:5\nann: 1:5\nann:1:0\nann:1:5x\n"
                         "ann:4294967295:2\nann:99999999999999999999:1\nann:1:4294967296\n:1:1\n"
                         "ann:7:8",
                         "ann", 1000, &ranges);
        cr_assert_eq(ranges.count, 1);
        cr_expect_eq(ranges.items[0].start, 7);
        cr_expect_eq(ranges.items[0].count, 8);
}

Test(subid, stops_at_the_number_of_ranges_that_the_kernel_takes)
{
        struct subid_ranges ranges = { .count = 0 };

        for (int i = 0; i < 2 * SUBID_RANGES_MAX; i++)
                subid_parse_file("ann:100:1\n", "ann", 1000, &ranges);
        cr_expect_eq(ranges.count, SUBID_RANGES_MAX);
}

Test(subid, reads_what_getsubids_prints)
{
        struct subid_ranges ranges = { .count = 0 };

        subid_parse_output("0: ann 100000 65536\n1: ann 200000 5\n", &ranges);
        cr_assert_eq(ranges.count, 2);
        cr_expect_eq(ranges.items[1].start, 200000);
        cr_expect_eq(ranges.items[1].count, 5);
}

Test(subid, reads_nothing_out_of_other_output)
{
        struct subid_ranges ranges = { .count = 0 };

        subid_parse_output("Error fetching ranges\n0:\n0: \n0: ann\n0: ann 1\n0: ann x 1\n1 2 3\n",
                           &ranges);
        cr_expect_eq(ranges.count, 0);
}

Test(subid, offers_ids_behind_those_of_all_users)
{
        cr_expect_eq(subid_next_free(""), 100000);
        cr_expect_eq(subid_next_free("root:1:65536\n"), 100000);
        cr_expect_eq(subid_next_free("ann:100000:65536\nbob:300000:65536\ncy:165536:65536\n"),
                     365536);
        cr_expect_eq(subid_next_free("ann:200000\nann\n:x:1\nann:99999999999:1\nbob:150000:10"),
                     150010);
}

Test(subid, ranges_that_a_container_does_not_have_are_left_out)
{
        struct subid_ranges ranges = { .items = { { 100, 10 }, { 1000, 65536 }, { 70000, 5 } },
                                       .count = 3 };

        subid_keep_mapped(&ranges, "         0       1000          1\n"
                                   "      1000     100000      65536\n      70000 5 4\n");
        cr_assert_eq(ranges.count, 1);
        cr_expect_eq(ranges.items[0].start, 1000);
        subid_keep_mapped(&ranges, "         0          0 4294967295\n");
        cr_expect_eq(ranges.count, 1);
        subid_keep_mapped(&ranges, "");
        cr_expect_eq(ranges.count, 0);
}
