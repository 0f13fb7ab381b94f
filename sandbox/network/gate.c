#include "gate.h"

#include <string.h>

#define ETHERNET_HEADER 14
#define ETHERNET_TYPE   12 /* where it stands */

#define TYPE_IPV4 0x0800
#define TYPE_ARP  0x0806
#define TYPE_IPV6 0x86dd

#define PROTOCOL_ICMP   1
#define PROTOCOL_TCP    6
#define PROTOCOL_UDP    17
#define PROTOCOL_ICMPV6 58

#define IPV4_HEADER_MIN  20
#define IPV4_PROTOCOL    9
#define IPV4_DESTINATION 16

#define IPV6_HEADER      40
#define IPV6_NEXT_HEADER 6
#define IPV6_DESTINATION 24

static bool passes_ipv4(const uint8_t *packet, size_t len)
{
        const uint8_t *to = packet + IPV4_DESTINATION;

        if (len < IPV4_HEADER_MIN || packet[0] >> 4 != 4)
                return false;
        if (packet[IPV4_PROTOCOL] != PROTOCOL_TCP && packet[IPV4_PROTOCOL] != PROTOCOL_UDP &&
            packet[IPV4_PROTOCOL] != PROTOCOL_ICMP)
                return false;
        /* From 224 on: multicast, what is reserved, and broadcast. */
        return to[0] != 0 && to[0] != 127 && to[0] < 224;
}

static bool passes_ipv6(const uint8_t *packet, size_t len)
{
        static const uint8_t zeros[12] = { 0 };
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
        const uint8_t *to = packet + IPV6_DESTINATION;

        if (len < IPV6_HEADER || packet[0] >> 4 != 6)
                return false;
        if (packet[IPV6_NEXT_HEADER] == PROTOCOL_ICMPV6 && to[0] == 0xff)
                return true;
        if (packet[IPV6_NEXT_HEADER] != PROTOCOL_TCP && packet[IPV6_NEXT_HEADER] != PROTOCOL_UDP &&
            packet[IPV6_NEXT_HEADER] != PROTOCOL_ICMPV6)
                return false;
        return memcmp(to, zeros, sizeof(zeros)) != 0 && memcmp(to, mapped, sizeof(mapped)) != 0 &&
               to[0] != 0xff;
}

bool gate_passes(const uint8_t *frame, size_t len)
{
        unsigned int type;

        if (len < ETHERNET_HEADER)
                return false;
        type = (unsigned int)frame[ETHERNET_TYPE] << 8 | frame[ETHERNET_TYPE + 1];
        if (type == TYPE_ARP)
                return true;
        if (type == TYPE_IPV4)
                return passes_ipv4(frame + ETHERNET_HEADER, len - ETHERNET_HEADER);
        return type == TYPE_IPV6 && passes_ipv6(frame + ETHERNET_HEADER, len - ETHERNET_HEADER);
}

bool gate_resolves(const uint8_t *frame, size_t len)
{
        unsigned int type = (unsigned int)frame[ETHERNET_TYPE] << 8 | frame[ETHERNET_TYPE + 1];

        return type == TYPE_ARP || (type == TYPE_IPV6 && len > ETHERNET_HEADER + IPV6_NEXT_HEADER &&
                                    frame[ETHERNET_HEADER + IPV6_NEXT_HEADER] == PROTOCOL_ICMPV6);
}
