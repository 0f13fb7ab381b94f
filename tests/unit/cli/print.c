#include "cli.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>

Test(print, gives_sizes_in_powers_of_a_thousand)
{
        static const struct {
                uint64_t bytes;
                const char *text;
        } cases[] = {
                { 0, "0B" },
                { 999, "999B" },
                { 1000, "1kB" },
                { 1234, "1.23kB" },
                { 12345, "12.3kB" },
                { 123456, "123kB" },
                { 117000000, "117MB" },
                { 1500000000, "1.5GB" },
                { UINT64_C(2000000000000), "2TB" },
                { UINT64_MAX, "18447PB" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[PRINT_SIZE_MAX];

                print_size(cases[i].bytes, text);
                cr_assert_str_eq(text, cases[i].text, "%s", text);
        }
}

Test(print, gives_ages_in_words)
{
        static const struct {
                time_t age;
                const char *text;
        } cases[] = {
                { -100, "Less than a second ago" },
                { 1, "1 second ago" },
                { 59, "59 seconds ago" },
                { 70, "About a minute ago" },
                { 150, "2 minutes ago" },
                { 59 * 60 + 40, "59 minutes ago" },
                { 80 * 60, "About an hour ago" },
                { 100 * 60, "2 hours ago" },
                { 5 * 3600 + 60, "5 hours ago" },
                { 36 * 3600 + 60, "36 hours ago" },
                { 10 * 24 * 3600 + 60, "10 days ago" },
                { 3 * 24 * 3600 + 60, "3 days ago" },
                { 20 * 24 * 3600 + 60, "2 weeks ago" },
                { 100 * 24 * 3600 + 60, "3 months ago" },
                { 1000 * (time_t)24 * 3600 + 60, "2 years ago" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[PRINT_AGE_MAX];
                time_t before, after;

                /* A second may end meanwhile. */
                do {
                        before = time(NULL);
                        print_age(before - cases[i].age, text);
                        after = time(NULL);
                } while (before != after);
                cr_assert_str_eq(text, cases[i].text, "%s", text);
        }
}

Test(print, makes_columns_as_wide_as_their_widest_cell)
{
        static const char *const cells[] = { "NAME", "TAG", "SIZE", "a", "long-tag", "1kB" };
        struct table table = { .columns = 3 };

        cr_redirect_stdout();
        for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
                cr_assert_eq(table_add(&table, cells[i]), 0);
        table_print(&table);
        fflush(stdout);
        cr_assert_stdout_eq_str("NAME   TAG        SIZE\n"
                                "a      long-tag   1kB\n");
}

Test(print, gives_an_error_and_what_to_do_about_it)
{
        struct error err = ERROR_INIT;

        cr_redirect_stderr();
        error_set(&err, -1, "there is no image x");
        error_hint(&err, "Import it.");
        cr_assert_eq(cli_fail(&err, 7), 7);
        fflush(stderr);
        cr_assert_stderr_eq_str("varve: there is no image x\nImport it.\n");
}

Test(print, lets_words_of_docker_stand_alone)
{
        struct error err = ERROR_INIT;

        cr_redirect_stderr();
        error_set(&err, -1, "Error: No such container: x");
        cli_fail(&err, 1);
        fflush(stderr);
        cr_assert_stderr_eq_str("Error: No such container: x\n");
}

Test(print, counts_characters_and_not_bytes_for_the_width_of_a_column)
{
        static const char *const cells[] = { "A", "B", "a\xe2\x80\xa6", "b" };
        struct table table = { .columns = 2 };

        cr_redirect_stdout();
        for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
                cr_assert_eq(table_add(&table, cells[i]), 0);
        table_print(&table);
        fflush(stdout);
        cr_assert_stdout_eq_str("A    B\n"
                                "a\xe2\x80\xa6   b\n");
}

Test(print, keeps_a_name_on_its_line)
{
        char name[] = "a\nD  /etc\t\x1b[1m\xc3\xa4";

        print_file_name(name);
        cr_assert_str_eq(name, "a?D  /etc??[1m\xc3\xa4");
}
