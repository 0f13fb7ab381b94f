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

Test(settings, know_hosts_however_they_are_written)
{
        struct settings settings;
        struct error err = ERROR_INIT;

        cr_assert_eq(settings_parse("block Registry-1.docker.io:443\ninsecure H:5000\n"
                                    "mirror Quay.IO/team M.example/hub",
                                    "file", &settings, &err),
                     0, "%s", err.message);
        cr_assert_str_eq(settings.block.items[0], "docker.io");
        cr_assert_str_eq(settings.insecure.items[0], "h:5000");
        cr_assert_str_eq(settings.mirrors.items[0], "quay.io/team");
        cr_assert_str_eq(settings.mirrors.items[1], "m.example/hub");
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
