#include "oci/reference.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEX  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void assert_reads(const char *text, const char *whole, const char *familiar)
{
        struct reference reference, back;
        struct error err = ERROR_INIT;
        char *formatted;

        cr_assert_eq(reference_parse(text, &reference, &err), 0, "%s: %s", text, err.message);
        formatted = reference_format(&reference);
        cr_assert_str_eq(formatted, whole, "%s is %s", text, formatted);
        free(formatted);
        formatted = reference_format_familiar(&reference);
        cr_assert_str_eq(formatted, familiar, "%s is %s", text, formatted);

        /* What people are shown is read back as the same image. */
        cr_assert_eq(reference_parse(formatted, &back, &err), 0);
        free(formatted);
        formatted = reference_format(&back);
        cr_assert_str_eq(formatted, whole);
        free(formatted);
        reference_done(&reference);
        reference_done(&back);
}

Test(reference, completes_short_names_as_docker_hubs)
{
        assert_reads("debian", "docker.io/library/debian:latest", "debian:latest");
        assert_reads("debian:12", "docker.io/library/debian:12", "debian:12");
        assert_reads("docker.io/debian", "docker.io/library/debian:latest", "debian:latest");
        assert_reads("index.docker.io/a/b:1", "docker.io/a/b:1", "a/b:1");
        assert_reads("a/b", "docker.io/a/b:latest", "a/b:latest");
        assert_reads("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest");
        assert_reads("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000");
        assert_reads("docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest");
}

Test(reference, takes_hosts_with_dots_ports_capitals_and_addresses)
{
        assert_reads("localhost/a", "localhost/a:latest", "localhost/a:latest");
        assert_reads("localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c");
        assert_reads("quay.io/a", "quay.io/a:latest", "quay.io/a:latest");
        assert_reads("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "127.0.0.1:5000/a:latest");
        assert_reads("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest");
        assert_reads("[2001:db8::1]/a", "[2001:db8::1]/a:latest", "[2001:db8::1]/a:latest");
        assert_reads("Host/a", "Host/a:latest", "Host/a:latest");
        assert_reads("xn--n3h.com/a", "xn--n3h.com/a:latest", "xn--n3h.com/a:latest");
}

Test(reference, takes_separators_tags_and_digests)
{
        assert_reads("a.b_c__d-e---f", "docker.io/library/a.b_c__d-e---f:latest",
                     "a.b_c__d-e---f:latest");
        assert_reads("a:_x.Y-1", "docker.io/library/a:_x.Y-1", "a:_x.Y-1");
        assert_reads("a@sha256:" HEX, "docker.io/library/a@sha256:" HEX, "a@sha256:" HEX);
        assert_reads("a:t@sha256:" HEX, "docker.io/library/a:t@sha256:" HEX, "a:t@sha256:" HEX);
        assert_reads("a:" LONG LONG, "docker.io/library/a:" LONG LONG, "a:" LONG LONG);
}

Test(reference, refuses_what_the_grammar_does_not_have)
{
        static const char *const bad[] = {
                "",
                ":a",
                "@sha256:" HEX,
                "/a",
                "a/",
                "a//b",
                "Debian",
                "a/B",
                "a:",
                "a:.x",
                "a:-x",
                "a: b",
                "a b",
                "a:b:c",
                "a@",
                "a@md5:00",
                "-a",
                "a-",
                "a..b",
                "a___b",
                "a._b",
                "http://a",
                "h:/a",
                "h:x/a",
                "h:123456/a",
                "[::1/a",
                "[]/a",
                "[::1%l]/a",
                "::1/a",
                "-h.com/a",
                "h..com/a",
                "h_.com/a",
                HEX,
                "../a",
                "a/../b",
                "a\n",
                "a:" LONG LONG "a",
                "a@sha256:" HEX "0",
                "a@sha512:" HEX HEX,
        };
        struct reference reference;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(reference_parse(bad[i], &reference, &err), -EINVAL, "%s", bad[i]);
                cr_assert(error_is_set(&err));
        }
}

Test(reference, counts_the_length_of_the_path_as_completed)
{
        char text[400] = "h.com/";
        struct reference reference;
        struct error err = ERROR_INIT;

        memset(text + 6, 'a', REFERENCE_PATH_MAX);
        cr_assert_eq(reference_parse(text, &reference, &err), 0);
        reference_done(&reference);
        cr_assert_eq(reference_parse(text + 6, &reference, &err), -EINVAL, "library/ counts");
        strcat(text, "a");
        cr_assert_eq(reference_parse(text, &reference, &err), -EINVAL);
}

Test(reference, what_is_accepted_is_no_longer_as_a_whole_than_it_may_be)
{
        struct reference reference;
        struct error err = ERROR_INIT;
        char text[REFERENCE_TEXT_MAX + 1];

        /* A host of as many letters that ":latest" still fits. */
        memset(text, 'a', sizeof(text));
        strcpy(text + REFERENCE_TEXT_MAX - strlen(".b/x:latest"), ".b/x");
        cr_assert_eq(reference_parse(text, &reference, &err), 0, "%s", err.message);
        reference_done(&reference);
        strcpy(text + REFERENCE_TEXT_MAX - strlen(".b/x:latest"), "a.b/x");
        cr_assert_eq(reference_parse(text, &reference, &err), -EINVAL);
}

Test(reference, says_what_is_wrong_and_what_to_do)
{
        struct reference reference;
        struct error err = ERROR_INIT;

        cr_assert_eq(reference_parse("MyApp", &reference, &err), -EINVAL);
        cr_assert_str_eq(err.message,
                         "'MyApp' is no image reference: the name of a repository is lower-case");
        cr_assert_str_eq(err.hint, "write the name without capital letters");
}

Test(reference, remembers_whether_a_tag_was_written)
{
        struct reference reference, copy;
        struct error err = ERROR_INIT;

        cr_assert_eq(reference_parse("a", &reference, &err), 0);
        cr_assert(reference.tag_is_default);
        cr_assert_eq(reference_copy(&reference, &copy), 0);
        reference_done(&reference);
        cr_assert_str_eq(copy.tag, "latest");
        reference_done(&copy);
        cr_assert_eq(reference_parse("a:latest", &reference, &err), 0);
        cr_assert_not(reference.tag_is_default);
        reference_done(&reference);
        cr_assert_eq(reference_parse("a@sha256:" HEX, &reference, &err), 0);
        cr_assert_null(reference.tag);
        cr_assert(reference.has_digest);
        char *repository = reference_format_repository(&reference);
        cr_assert_str_eq(repository, "docker.io/library/a");
        free(repository);
        reference_done(&reference);
}

Test(reference, names_an_image_by_no_digest)
{
        static const char *const bad[] = {
                "debian@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "sha256:1",
                "Debian",
                "",
        };
        char *name = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(reference_parse_name(bad[i], &name, &err), -EINVAL, "%s", bad[i]);
                cr_assert(error_is_set(&err));
                cr_assert_null(name);
        }
        struct error err = ERROR_INIT;

        cr_assert_eq(reference_parse_name("debian:12", &name, &err), 0);
        cr_assert_str_eq(name, "docker.io/library/debian:12");
        free(name);
}

Test(reference, that_is_pinned_has_its_digest_alone)
{
        static const char tagged[] = "h:5000/a:1";
        struct reference reference;
        struct error err = ERROR_INIT;
        char text[200], *name;

        snprintf(text, sizeof(text), "%s@sha256:%064d", tagged, 0);
        cr_assert_eq(reference_parse(text, &reference, &err), 0, "%s", err.message);
        reference_pin(&reference);
        name = reference_format(&reference);
        snprintf(text, sizeof(text), "h:5000/a@sha256:%064d", 0);
        cr_assert_str_eq(name, text);
        free(name);
        reference_done(&reference);
        cr_assert_eq(reference_parse(tagged, &reference, &err), 0);
        reference_pin(&reference);
        cr_assert_str_eq(reference.tag, "1");
        reference_done(&reference);
}

static void expect_candidates(const char *text, const struct strv *hosts, const char *first,
                              const char *second)
{
        struct strv names = STRV_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(reference_candidates(text, hosts, &names, &err), 0, "%s", err.message);
        cr_assert_eq(names.count, second ? 2u : 1u, "%s", text);
        cr_assert_str_eq(names.items[0], first);
        if (second)
                cr_assert_str_eq(names.items[1], second);
        strv_done(&names);
}

Test(reference, without_a_host_may_stand_for_one_of_each_that_is_searched)
{
        struct strv none = STRV_INIT, hosts = STRV_INIT, names = STRV_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(strv_add(&hosts, "[::1]:5000"), 0);
        cr_assert_eq(strv_add(&hosts, "docker.io"), 0);
        expect_candidates("a", &none, "docker.io/library/a:latest", NULL);
        expect_candidates("a:1", &hosts, "[::1]:5000/a:1", "docker.io/library/a:1");
        expect_candidates("team/a", &hosts, "[::1]:5000/team/a:latest", "docker.io/team/a:latest");
        /* What stands before the slash is a host. */
        expect_candidates("localhost/a", &hosts, "localhost/a:latest", NULL);
        expect_candidates("HOST/a", &hosts, "HOST/a:latest", NULL);
        expect_candidates("h.example/a", &hosts, "h.example/a:latest", NULL);
        expect_candidates("h:1/a", &hosts, "h:1/a:latest", NULL);
        cr_assert_eq(reference_candidates("A:1", &hosts, &names, &err), -EINVAL);
        cr_assert_null(strstr(err.message, "5000"), "it is quoted as it was written");
        strv_done(&names);
        strv_done(&hosts);
}
