#include "dockerfile/value.h"

#include <criterion/criterion.h>
#include <errno.h>

static void assert_port(const char *text, unsigned int from, unsigned int to, const char *protocol)
{
        struct error err = ERROR_INIT;
        struct port_range range;

        cr_assert_eq(value_parse_port(text, &range, &err), 0, "%s: %s", text, err.message);
        cr_assert_eq(range.first, from, "%s", text);
        cr_assert_eq(range.last, to, "%s", text);
        cr_assert_str_eq(range.protocol, protocol);
}

Test(port, is_one_or_a_range_with_a_protocol)
{
        assert_port("80", 80, 80, "tcp");
        assert_port("80/", 80, 80, "tcp");
        assert_port("53/UDP", 53, 53, "udp");
        assert_port("7000-8000/sctp", 7000, 8000, "sctp");
        assert_port("0-65535", 0, 65535, "tcp");
        assert_port("0080", 80, 80, "tcp");
}

Test(port, may_have_an_address_and_a_host_port_that_do_not_count)
{
        assert_port("8080:80", 80, 80, "tcp");
        assert_port("127.0.0.1:8080:80/udp", 80, 80, "udp");
        assert_port("[::1]:8080:80", 80, 80, "tcp");
        assert_port("::1:8080:80", 80, 80, "tcp");
        assert_port("8000-8002:80-82", 80, 82, "tcp");
        assert_port("8000-8010:80", 80, 80, "tcp");
        assert_port("127.0.0.1::80", 80, 80, "tcp");
}

Test(port, that_is_none_is_refused)
{
        static const char *const bad[] = {
                "",
                "http",
                "65536",
                "-1",
                "80-79",
                "80-",
                "-80",
                "80/icmp",
                "/tcp",
                "80/tcp/x",
                "x:80",
                "80:",
                "300.0.0.1:80:80",
                "host:80:80",
                "8000-8001:80-82",
                "99999999999",
        };
        struct error err = ERROR_INIT;
        struct port_range range;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                cr_assert_eq(value_parse_port(bad[i], &range, &err), -EINVAL, "%s", bad[i]);
                err = ERROR_INIT;
        }
}
