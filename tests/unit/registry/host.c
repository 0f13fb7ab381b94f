#include "host.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void assert_text(char *found, const char *expected)
{
        cr_assert_str_eq(found, expected);
        free(found);
}

Test(host, has_one_spelling)
{
        assert_text(host_normalize("Registry.Example:443/Team"), "registry.example/Team");
        assert_text(host_normalize("h:4430"), "h:4430");
        assert_text(host_normalize("index.docker.io"), "docker.io");
        assert_text(host_normalize("registry-1.docker.io:443/a/b"), "docker.io/a/b");
        assert_text(host_normalize(":443"), ":443");
        assert_text(host_normalize(""), "");
}

Test(host, is_taken_out_of_an_address)
{
        assert_text(host_of_address("https://h:5000/v2/"), "h:5000");
        assert_text(host_of_address("h/"), "h");
        assert_text(host_of_address("https://index.docker.io/v1/"), "docker.io");
        assert_text(host_of_address("https://"), "");
}

Test(host, of_the_loopback_network_is_known)
{
        cr_assert(host_is_loopback("localhost"));
        cr_assert(host_is_loopback("127.3.2.1"));
        cr_assert(host_is_loopback("[::1]"));
        cr_assert(!host_is_loopback("128.0.0.1"));
        cr_assert(!host_is_loopback("localhost.example"));
        cr_assert(!host_is_loopback("127.0.0.1.example"));
}
