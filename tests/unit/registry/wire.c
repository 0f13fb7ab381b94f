#include "wire.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>

static void assert_challenge(const char *text, enum challenge_scheme scheme, const char *realm,
                             const char *service)
{
        struct challenge challenge = CHALLENGE_INIT;

        cr_assert_eq(challenge_read(text, &challenge), 0);
        cr_assert_eq(challenge.scheme, scheme, "%s", text);
        if (realm)
                cr_assert_str_eq(challenge.realm, realm);
        else
                cr_assert_null(challenge.realm);
        if (service)
                cr_assert_str_eq(challenge.service, service);
        else
                cr_assert_null(challenge.service);
        challenge_done(&challenge);
}

Test(wire, reads_what_registries_ask_for)
{
        assert_challenge("Bearer realm=\"https://a/token\",service=\"s\",scope=\"x:y:pull,push\"",
                         CHALLENGE_BEARER, "https://a/token", "s");
        assert_challenge("bearer Realm = https://a , error=\"invalid_token\"", CHALLENGE_BEARER,
                         "https://a", NULL);
        assert_challenge("Basic realm=\"a, \\\"b\\\"\"", CHALLENGE_BASIC, NULL, NULL);
}

Test(wire, prefers_bearer_among_several_challenges)
{
        assert_challenge("Negotiate abc==, Basic realm=\"x\", Bearer realm=\"https://t\"",
                         CHALLENGE_BEARER, "https://t", NULL);
        assert_challenge("Bearer realm=\"https://t\", Basic realm=\"x\"", CHALLENGE_BEARER,
                         "https://t", NULL);
}

Test(wire, takes_no_challenge_that_it_cannot_meet)
{
        assert_challenge("", CHALLENGE_NONE, NULL, NULL);
        assert_challenge("Bearer service=\"s\"", CHALLENGE_NONE, NULL, NULL);
        assert_challenge("Digest realm=\"x\"", CHALLENGE_NONE, NULL, NULL);
        assert_challenge("\"Bearer\" realm=\"x\"", CHALLENGE_NONE, NULL, NULL);
        assert_challenge("Bearer realm=\"unterminated", CHALLENGE_BEARER, "unterminated", NULL);
}

Test(wire, finds_the_next_page)
{
        char *link;

        cr_assert_eq(
                wire_read_next_link("</v2/a>; rel=\"first\", </v2/b?n=1>; rel=\"next\"", &link), 0);
        cr_assert_str_eq(link, "/v2/b?n=1");
        free(link);
        cr_assert_eq(wire_read_next_link("</v2/a>; rel=prev", &link), 0);
        cr_assert_null(link);
        cr_assert_eq(wire_read_next_link("<unterminated; rel=next", &link), 0);
        cr_assert_null(link);
}

Test(wire, reads_how_much_an_upload_has)
{
        uint64_t size;

        cr_assert_eq(wire_read_range("0-99", &size), 0);
        cr_assert_eq(size, 100);
        cr_assert_eq(wire_read_range("bytes=0-0", &size), 0);
        cr_assert_eq(size, 1);
        cr_assert_eq(wire_read_range("1-99", &size), -EBADMSG);
        cr_assert_eq(wire_read_range("0-99,200-300", &size), -EBADMSG);
        cr_assert_eq(wire_read_range("0-99999999999999999999", &size), -EBADMSG);
        cr_assert_eq(wire_read_range("-5", &size), -EBADMSG);
}

Test(wire, reads_which_part_has_come)
{
        uint64_t first, total;

        cr_assert_eq(wire_read_content_range("bytes 10-19/20", &first, &total), 0);
        cr_assert_eq(first, 10);
        cr_assert_eq(total, 20);
        cr_assert_eq(wire_read_content_range("bytes 0-0/*", &first, &total), 0);
        cr_assert_eq(total, UINT64_MAX);
        cr_assert_eq(wire_read_content_range("bytes 10-20/20", &first, &total), -EBADMSG);
        cr_assert_eq(wire_read_content_range("bytes */20", &first, &total), -EBADMSG);
        cr_assert_eq(wire_read_content_range("items 0-1/2", &first, &total), -EBADMSG);
}

Test(wire, reads_how_long_to_wait)
{
        uint64_t seconds;

        cr_assert_eq(wire_read_retry_after("120", 0, &seconds), 0);
        cr_assert_eq(seconds, 120);
        cr_assert_eq(wire_read_retry_after("Thu, 01 Jan 1970 00:02:00 GMT", 60, &seconds), 0);
        cr_assert_eq(seconds, 60);
        cr_assert_eq(wire_read_retry_after("Thu, 01 Jan 1970 00:02:00 GMT", 600, &seconds), 0);
        cr_assert_eq(seconds, 0);
        cr_assert_eq(wire_read_retry_after("soon", 0, &seconds), -EBADMSG);
        cr_assert_eq(wire_read_retry_after("-1", 0, &seconds), -EBADMSG);
}

Test(wire, shows_what_an_error_document_says)
{
        static const char text[] = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"},"
                                   "{\"code\":\"TWO\"},{\"detail\":1}]}";
        struct buf said = BUF_INIT;

        cr_assert_eq(wire_read_errors(text, strlen(text), &said), 0);
        cr_assert_str_eq(buf_str(&said), "no (DENIED); TWO");
        buf_clear(&said);
        cr_assert_eq(wire_read_errors("<html>", 6, &said), 0);
        cr_assert_eq(said.len, 0);
        buf_done(&said);
}

Test(wire, reads_warnings_of_code_299_alone)
{
        struct buf text = BUF_INIT;

        cr_assert_eq(wire_read_warning("299 - \"mind the \\\"gap\\\"\"", &text), 0);
        cr_assert_str_eq(buf_str(&text), "mind the \"gap\"");
        cr_assert_eq(wire_read_warning("199 - \"x\"", &text), -EBADMSG);
        cr_assert_eq(wire_read_warning("299 - x", &text), -EBADMSG);
        buf_done(&text);
}

Test(wire, shows_control_characters_of_a_server_as_question_marks)
{
        static const char text[] =
                "{\"errors\":[{\"message\":\"no\\nvarve: all is well\\u001b[2J\"}]}";
        struct buf said = BUF_INIT;

        cr_assert_eq(wire_read_errors(text, strlen(text), &said), 0);
        cr_assert_str_eq(buf_str(&said), "no?varve: all is well?[2J");
        buf_clear(&said);
        cr_assert_eq(wire_read_warning("299 - \"a\tb\"", &said), 0);
        cr_assert_str_eq(buf_str(&said), "a?b");
        buf_done(&said);
}

Test(wire, reads_lengths_of_digits_alone)
{
        uint64_t length;

        cr_assert_eq(wire_read_length("0", &length), 0);
        cr_assert_eq(length, 0);
        cr_assert_eq(wire_read_length("1234", &length), 0);
        cr_assert_eq(length, 1234);
        cr_assert_eq(wire_read_length("", &length), -EBADMSG);
        cr_assert_eq(wire_read_length("-1", &length), -EBADMSG);
        cr_assert_eq(wire_read_length("12, 12", &length), -EBADMSG);
        cr_assert_eq(wire_read_length("99999999999999999999", &length), -EBADMSG);
}
