#include "build/network.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static int set_mode(struct network_options *options, const char *text)
{
        struct error err = ERROR_INIT;

        *options = (struct network_options){ .or_host = false };
        return network_options_set_mode(options, text, &err);
}

Test(network, is_private_unless_it_is_said_otherwise)
{
        struct network_options options;

        cr_assert_eq(set_mode(&options, NULL), 0);
        cr_assert_eq(options.mode, SANDBOX_NETWORK_PRIVATE);
        cr_assert(options.or_host);
        cr_assert_eq(set_mode(&options, "default"), 0);
        cr_assert(options.or_host);
}

Test(network, is_nothing_else_where_it_is_said)
{
        static const struct {
                const char *text;
                enum sandbox_network mode;
        } modes[] = {
                { "private", SANDBOX_NETWORK_PRIVATE },
                { "host", SANDBOX_NETWORK_HOST },
                { "none", SANDBOX_NETWORK_NONE },
                { "pasta", SANDBOX_NETWORK_PASTA },
                { "slirp4netns", SANDBOX_NETWORK_SLIRP4NETNS },
        };
        struct network_options options;

        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                cr_assert_eq(set_mode(&options, modes[i].text), 0);
                cr_expect_eq(options.mode, modes[i].mode, "%s", modes[i].text);
                cr_expect_not(options.or_host);
        }
        cr_expect_eq(set_mode(&options, "mine"), -EINVAL);
        cr_expect_eq(set_mode(&options, ""), -EINVAL);
}

static void assert_host(const char *text, const char *line)
{
        struct network_options options = { .or_host = false };
        struct error err = ERROR_INIT;

        cr_assert_eq(network_options_add_host(&options, text, &err), 0, "%s", err.message);
        cr_assert_eq(options.hosts.count, 1);
        cr_expect_str_eq(options.hosts.items[0], line);
        network_options_done(&options);
}

Test(network, takes_names_and_addresses_of_hosts)
{
        assert_host("a.example:192.0.2.7", "192.0.2.7 a.example");
        assert_host("a.example=192.0.2.7", "192.0.2.7 a.example");
        assert_host("six:2001:db8::1", "2001:db8::1 six");
        assert_host("six=2001:db8::1", "2001:db8::1 six");
        assert_host("six:[2001:db8::1]", "2001:db8::1 six");
}

Test(network, takes_nothing_that_would_be_another_line_of_the_file)
{
        static const char *const refused[] = {
                "",      ":",           "name",         "name:",       "name:example",
                ":::1",  "a b:1.2.3.4", "a\nb:1.2.3.4", "#:192.0.2.7", "name:192.0.2.7\n::1 x",
                "a:1.2", "a:[",         "a:[]",
        };
        struct network_options options = { .or_host = false };

        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                struct error err = ERROR_INIT;

                cr_expect_eq(network_options_add_host(&options, refused[i], &err), -EINVAL, "%s",
                             refused[i]);
        }
        cr_assert_eq(options.hosts.count, 0);
}

Test(network, calls_an_address_of_the_host_its_gateway)
{
        struct network_options options = { .or_host = false };
        struct error err = ERROR_INIT;
        int r = network_options_add_host(&options, "host.docker.internal:host-gateway", &err);
        unsigned bytes[4];

        if (r < 0) { /* a machine without a network */
                cr_assert_eq(r, -EADDRNOTAVAIL);
                cr_assert_neq(err.hint[0], '\0');
                return;
        }
        cr_assert_eq(sscanf(options.hosts.items[0], "%u.%u.%u.%u host.docker.internal", &bytes[0],
                            &bytes[1], &bytes[2], &bytes[3]),
                     4);
        cr_assert_neq(bytes[0], 127);
        network_options_done(&options);
}

Test(network, takes_addresses_alone_as_resolvers)
{
        struct network_options options = { .or_host = false };
        struct error err = ERROR_INIT;

        cr_assert_eq(network_options_add_dns(&options, "192.0.2.53", &err), 0);
        cr_assert_eq(network_options_add_dns(&options, "2001:db8::53", &err), 0);
        cr_assert_eq(options.dns.count, 2);
        cr_assert_eq(network_options_add_dns(&options, "dns.example", &err), -EINVAL);
        err = ERROR_INIT;
        cr_assert_eq(network_options_add_dns(&options, "192.0.2.53\noptions debug", &err), -EINVAL);
        network_options_done(&options);
}
