#include "settings.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(settings, are_read_by_line)
{
        struct settings settings;
        struct error err = ERROR_INIT;

        cr_assert_eq(settings_parse("# a comment\n\n insecure localhost:5000 # another\n"
                                    "mirror docker.io mirror.example/hub\r\nsearch quay.io\n"
                                    "block evil.example\nstall 5",
                                    "file", &settings, &err),
                     0, "%s", err.message);
        cr_assert(strv_contains(&settings.insecure, "localhost:5000"));
        cr_assert_eq(settings.mirrors.count, 2);
        cr_assert_str_eq(settings.mirrors.items[1], "mirror.example/hub");
        cr_assert(strv_contains(&settings.search, "quay.io"));
        cr_assert(strv_contains(&settings.block, "evil.example"));
        cr_assert_eq(settings.stall_s, 5);
        settings_done(&settings);
}

static void assert_refused(const char *text, const char *said)
{
        struct settings settings;
        struct error err = ERROR_INIT;

        cr_assert_eq(settings_parse(text, "file", &settings, &err), -EINVAL, "%s", text);
        cr_assert(strstr(err.message, said), "%s", err.message);
}

Test(settings, that_are_none_are_told_by_their_line)
{
        assert_refused("\nmirror one\n", "file:2");
        assert_refused("insecure a b", "insecure");
        assert_refused("block a b c d e", "block");
        assert_refused("stall soon", "stall");
        assert_refused("stall 0", "stall");
        assert_refused("what ever", "what");
}
