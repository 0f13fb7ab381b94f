#include "dockerfile/value.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

Test(signal, is_a_name_or_a_number)
{
        static const struct {
                const char *text;
                int number;
        } cases[] = {
                { "SIGTERM", SIGTERM }, { "term", SIGTERM }, { "SigKill", SIGKILL },
                { "WINCH", SIGWINCH },  { "9", 9 },          { "99", 99 },
                { "SIGRTMIN", 34 },     { "rtmin+3", 37 },   { "SIGRTMIN+15", 49 },
                { "RTMAX-14", 50 },     { "RTMAX", 64 },     { "SIGIOT", SIGABRT },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int number;

                cr_assert_eq(value_parse_signal(cases[i].text, &number), 0, "%s", cases[i].text);
                cr_assert_eq(number, cases[i].number, "%s", cases[i].text);
        }
}

Test(signal, that_is_none_is_refused)
{
        static const char *const bad[] = { "",       "0",          "SIG",      "SIGSIGTERM",
                                           "TERM ",  "RTMIN+16",   "RTMIN-1",  "RTMIN+0",
                                           "RTMIN+", "RTMIN+01",   "RTMAX-15", "RTMAX+1",
                                           "1.5",    "99999999999" };
        int number;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_assert_eq(value_parse_signal(bad[i], &number), -EINVAL, "%s", bad[i]);
}
