#include "remote.h"

#include "dockerfile/dockerfile.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void assert_shown(const char *url, const char *expected)
{
        char *shown = remote_show(url);

        cr_assert_str_eq(shown, expected);
        free(shown);
}

Test(remote, shows_a_url_without_what_may_be_secret)
{
        assert_shown("https://host/a/b", "https://host/a/b");
        assert_shown("https://user:pass@host:80/a?token=x#y", "https://host:80/a");
        assert_shown("https://u@x:p@ss@host/a", "https://host/a");
        assert_shown("https://host/a@b", "https://host/a@b");
        assert_shown("https://host?user@x", "https://host");
        assert_shown("git@host:a/b.git", "host:a/b.git");
}

/* What is said of the instruction, or "". */
static void assert_check(const char *written, bool expanded, const char *expected)
{
        struct source_position where;
        struct dockerfile *file;
        struct error err = ERROR_INIT;
        struct buf text = BUF_INIT;

        cr_assert_eq(buf_appendf(&text, "FROM scratch\n%s\n", written), 0);
        cr_assert_eq(dockerfile_parse(text.data, text.len, NULL, &file, &where, &err), 0, "%s: %s",
                     written, err.message);
        if (*expected) {
                cr_assert_eq(remote_check(&file->instructions[1], expanded, &err), -EINVAL, "%s",
                             written);
                cr_assert_not_null(strstr(err.message, expected), "%s: %s", written, err.message);
        } else {
                cr_assert_eq(remote_check(&file->instructions[1], expanded, &err), 0, "%s: %s",
                             written, err.message);
        }
        dockerfile_free(file);
        buf_done(&text);
}

Test(remote, COPY_takes_nothing_from_elsewhere)
{
        assert_check("COPY https://host/a /a", false, "COPY takes no URLs");
        assert_check("COPY https://host/a.git /a", false, "COPY takes no URLs");
        assert_check("ADD https://host/a b /a/", false, "");
        assert_check("COPY https:/a /a", false, "");
}

Test(remote, a_checksum_is_for_one_source_from_elsewhere)
{
        assert_check("ADD --checksum=sha256:00 https://host/a /a", false, "--checksum");
        assert_check("ADD --checksum=sha256:"
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
                     "https://host/a /a",
                     false, "");
        assert_check("ADD --checksum=abc a /a", false, "URLs and git repositories");
        assert_check("ADD --checksum=abc https://host/a.git b /a/", false, "one source alone");
        assert_check("ADD --checksum=xyz https://host/a.git /a", false, "is a commit");
        assert_check("ADD --checksum=abc0 https://host/a.git /a", false, "");
        assert_check("ADD --checksum=abc0 https://host/a.git?checksum=abc1 /a", false,
                     "do not agree");
}

Test(remote, what_has_variables_is_looked_at_when_they_are_known)
{
        assert_check("ADD --checksum=$SUM https://host/a /a", false, "");
        assert_check("ADD --checksum=$SUM https://host/a /a", true, "--checksum");
        assert_check("COPY $URL /a", false, "");
}

Test(remote, git_takes_the_keys_of_the_default_agent)
{
        const struct build_agent agents[] = { { .id = "other", .socket = "/o" },
                                              { .id = "default", .socket = "/d" } };
        struct build_options options = { .agents = agents, .agent_count = 2 };

        cr_assert_str_eq(remote_agent(&options), "/d");
        options.agent_count = 1;
        cr_assert_null(remote_agent(&options));
}
