#include "network_files.h"

#include "sandbox/network.h"

#include <criterion/criterion.h>
#include <string.h>

static void assert_converts_with(const struct network_options *options, const char *host,
                                 const char *resolv_conf, const char *resolvers)
{
        struct buf converted = BUF_INIT, behind = BUF_INIT;
        struct error err = ERROR_INIT;

        cr_assert_eq(network_files_convert(options, host, &converted, &behind, &err), 0);
        cr_expect_str_eq(buf_str(&converted), resolv_conf);
        cr_expect_str_eq(buf_str(&behind), resolvers);
        buf_done(&converted);
        buf_done(&behind);
}

static void assert_converts(const char *host, const char *resolv_conf, const char *resolvers)
{
        const struct network_options options = { .mode = SANDBOX_NETWORK_PRIVATE };

        assert_converts_with(&options, host, resolv_conf, resolvers);
}

Test(network_files, keep_resolvers_that_can_be_reached_and_what_else_is_said)
{
        static const char text[] = "# of the host\nsearch example\nnameserver 192.0.2.53\n"
                                   "nameserver\t2001:db8::53\noptions ndots:2\n";

        assert_converts(text,
                        "# of the host\nsearch example\nnameserver 192.0.2.53\n"
                        "nameserver 2001:db8::53\noptions ndots:2\n",
                        "");
}

Test(network_files, put_the_forwarder_in_the_place_of_a_resolver_on_loopback)
{
        assert_converts("nameserver 127.0.0.53\noptions edns0 trust-ad\n",
                        "nameserver " NETWORK_FORWARDER "\noptions edns0 trust-ad\n",
                        "nameserver 127.0.0.53\n");
        assert_converts("nameserver ::1\nnameserver 192.0.2.53\n",
                        "nameserver " NETWORK_FORWARDER6 "\nnameserver 192.0.2.53\n",
                        "nameserver ::1\n");
        assert_converts("nameserver 0.0.0.0", "nameserver " NETWORK_FORWARDER "\n",
                        "nameserver 0.0.0.0\n");
}

Test(network_files, name_the_forwarder_once)
{
        assert_converts("nameserver 127.0.0.1\nnameserver 127.0.0.2\nnameserver 192.0.2.53\n",
                        "nameserver " NETWORK_FORWARDER "\nnameserver 192.0.2.53\n",
                        "nameserver 127.0.0.1\n");
}

Test(network_files, ask_the_host_itself_where_it_names_nobody)
{
        assert_converts("", "nameserver " NETWORK_FORWARDER "\n", "nameserver 127.0.0.1\n");
        assert_converts("search example", "search example\nnameserver " NETWORK_FORWARDER "\n",
                        "nameserver 127.0.0.1\n");
        assert_converts("nameservers 192.0.2.1\n",
                        "nameservers 192.0.2.1\nnameserver " NETWORK_FORWARDER "\n",
                        "nameserver 127.0.0.1\n");
}

Test(network_files, leave_out_who_has_an_address_on_a_link_alone)
{
        assert_converts("nameserver fe80::1%eth0\nnameserver 192.0.2.53\n",
                        "nameserver 192.0.2.53\n", "");
        assert_converts("nameserver fe80::1\nnameserver 192.0.2.53\n", "nameserver 192.0.2.53\n",
                        "");
}

Test(network_files, name_whom_the_command_line_names_instead_of_the_hosts)
{
        struct network_options options = { .mode = SANDBOX_NETWORK_PRIVATE };

        cr_assert_eq(strv_add(&options.dns, "192.0.2.1"), 0);
        cr_assert_eq(strv_add(&options.dns, "127.0.0.9"), 0);
        assert_converts_with(&options, "nameserver 192.0.2.53\nsearch example\n",
                             "nameserver 192.0.2.1\nnameserver " NETWORK_FORWARDER
                             "\nsearch example\n",
                             "nameserver 127.0.0.9\n");
        network_options_done(&options);
}

Test(network_files, of_the_hosts_network_are_the_hosts)
{
        const struct network_options options = { .mode = SANDBOX_NETWORK_HOST };
        struct network_files files = { .hosts = BUF_INIT };
        struct error err = ERROR_INIT;

        cr_assert_eq(network_files_make(&options, "box", &files, &err), 0);
        cr_expect_null(strstr(buf_str(&files.resolv_conf), NETWORK_FORWARDER));
        cr_expect_not_null(strstr(buf_str(&files.hosts), "127.0.0.1 box\n"));
        cr_expect_str_eq(buf_str(&files.hostname), "box\n");
        network_files_done(&files);
}

Test(network_files, begin_with_the_hosts_of_the_command_line)
{
        struct network_options options = { .mode = SANDBOX_NETWORK_NONE };
        struct network_files files = { .hosts = BUF_INIT };
        struct error err = ERROR_INIT;

        cr_assert_eq(strv_add(&options.hosts, "192.0.2.7 localhost"), 0);
        cr_assert_eq(network_files_make(&options, "box", &files, &err), 0);
        cr_expect_eq(strncmp(buf_str(&files.hosts), "192.0.2.7 localhost\n", 20), 0);
        network_files_done(&files);
        network_options_done(&options);
}
