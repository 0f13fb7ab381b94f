#include "../../../sandbox/network/gate.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#define FRAME_BYTES 100

/* A frame of this type, with a packet whose protocol and destination are these. */
static size_t make_frame(uint8_t frame[static FRAME_BYTES], const char *to, uint8_t protocol)
{
        const bool ipv6 = strchr(to, ':');

        memset(frame, 0, FRAME_BYTES);
        frame[12] = ipv6 ? 0x86 : 0x08;
        frame[13] = ipv6 ? 0xdd : 0x00;
        frame[14] = ipv6 ? 0x60 : 0x45;
        frame[ipv6 ? 20 : 23] = protocol;
        cr_assert_eq(inet_pton(ipv6 ? AF_INET6 : AF_INET, to, frame + (ipv6 ? 38 : 30)), 1);
        return FRAME_BYTES;
}

static bool passes(const char *to, uint8_t protocol)
{
        uint8_t frame[FRAME_BYTES];

        return gate_passes(frame, make_frame(frame, to, protocol));
}

Test(gate, lets_what_goes_to_other_hosts_pass)
{
        static const char *const addresses[] = {
                "192.0.2.1", "10.118.97.3",     "1.0.0.0",     "126.255.255.255",
                "128.0.0.0", "223.255.255.255", "2001:db8::1", "fd76:6172:7665::3",
                "fe80::1",   "::1:0:0:1",       "64:ff9b::1",
        };

        for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                cr_expect(passes(addresses[i], IPPROTO_TCP), "%s", addresses[i]);
                cr_expect(passes(addresses[i], IPPROTO_UDP), "%s", addresses[i]);
        }
        cr_expect(passes("192.0.2.1", IPPROTO_ICMP));
        cr_expect(passes("2001:db8::1", IPPROTO_ICMPV6));
}

Test(gate, lets_nothing_reach_the_host_itself)
{
        static const char *const addresses[] = {
                "127.0.0.1",  "127.0.0.53",       "127.255.255.255",
                "0.0.0.0",    "0.1.2.3",          "::",
                "::1",        "::ffff:127.0.0.1", "::7f00:1",
                "::ffff:0:0", "::ffff:192.0.2.1",
        };

        for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                cr_expect_not(passes(addresses[i], IPPROTO_TCP), "%s", addresses[i]);
                cr_expect_not(passes(addresses[i], IPPROTO_UDP), "%s", addresses[i]);
                cr_expect_not(passes(addresses[i], IPPROTO_ICMP), "%s", addresses[i]);
                cr_expect_not(passes(addresses[i], IPPROTO_ICMPV6), "%s", addresses[i]);
        }
}

Test(gate, lets_nothing_reach_several_hosts)
{
        cr_expect_not(passes("224.0.0.251", IPPROTO_UDP));
        cr_expect_not(passes("255.255.255.255", IPPROTO_UDP));
        cr_expect_not(passes("240.0.0.1", IPPROTO_TCP));
        cr_expect_not(passes("ff02::fb", IPPROTO_UDP));
        cr_expect(passes("ff02::1:ff00:2", IPPROTO_ICMPV6), "neighbours are found so");
}

Test(gate, knows_few_protocols)
{
        uint8_t frame[FRAME_BYTES];

        cr_expect_not(passes("192.0.2.1", IPPROTO_SCTP));
        cr_expect_not(passes("2001:db8::1", IPPROTO_HOPOPTS));
        cr_expect_not(passes("2001:db8::1", IPPROTO_ROUTING));
        make_frame(frame, "192.0.2.1", IPPROTO_TCP);
        frame[13] = 0x06; /* ARP */
        cr_expect(gate_passes(frame, sizeof(frame)));
        frame[12] = 0x81; /* VLAN */
        frame[13] = 0x00;
        cr_expect_not(gate_passes(frame, sizeof(frame)));
}

Test(gate, lets_a_packet_of_another_version_than_its_frame_says_not_pass)
{
        uint8_t frame[FRAME_BYTES];

        make_frame(frame, "192.0.2.1", IPPROTO_TCP);
        frame[14] = 0x60;
        cr_expect_not(gate_passes(frame, sizeof(frame)));
        make_frame(frame, "2001:db8::1", IPPROTO_TCP);
        frame[14] = 0x45;
        cr_expect_not(gate_passes(frame, sizeof(frame)));
}

Test(gate, lets_no_frame_pass_that_ends_within_its_header)
{
        uint8_t frame[FRAME_BYTES];

        make_frame(frame, "192.0.2.1", IPPROTO_TCP);
        for (size_t len = 0; len < 14 + 20; len++)
                cr_expect_not(gate_passes(frame, len), "%zu", len);
        cr_expect(gate_passes(frame, 14 + 20));
        make_frame(frame, "2001:db8::1", IPPROTO_TCP);
        for (size_t len = 0; len < 14 + 40; len++)
                cr_expect_not(gate_passes(frame, len), "%zu", len);
        cr_expect(gate_passes(frame, 14 + 40));
}

Test(gate, knows_the_frames_that_tell_an_address)
{
        uint8_t frame[FRAME_BYTES];

        make_frame(frame, "192.0.2.1", IPPROTO_TCP);
        cr_expect_not(gate_resolves(frame, sizeof(frame)));
        frame[12] = 0x08;
        frame[13] = 0x06;
        cr_expect(gate_resolves(frame, sizeof(frame)));
        make_frame(frame, "2001:db8::1", IPPROTO_ICMPV6);
        cr_expect(gate_resolves(frame, sizeof(frame)));
        make_frame(frame, "2001:db8::1", IPPROTO_UDP);
        cr_expect_not(gate_resolves(frame, sizeof(frame)));
}
