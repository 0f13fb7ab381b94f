/*
 * The gate of the private network: no bytes make it read past their end, and none that pass are a
 * packet that the host would take for its own.
 */
#include "../../sandbox/network/gate.h"

#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct ether_header ethernet;
        struct ip6_hdr ip6;
        struct ip ip;

        if (!gate_passes(data, size))
                return 0;
        memcpy(&ethernet, data, sizeof(ethernet));
        if (ntohs(ethernet.ether_type) == ETHERTYPE_IP) {
                memcpy(&ip, data + sizeof(ethernet), sizeof(ip));
                if (ntohl(ip.ip_dst.s_addr) >> 24 == IN_LOOPBACKNET ||
                    ip.ip_dst.s_addr == INADDR_ANY)
                        abort();
        } else if (ntohs(ethernet.ether_type) == ETHERTYPE_IPV6) {
                memcpy(&ip6, data + sizeof(ethernet), sizeof(ip6));
                if (IN6_IS_ADDR_LOOPBACK(&ip6.ip6_dst) || IN6_IS_ADDR_UNSPECIFIED(&ip6.ip6_dst) ||
                    IN6_IS_ADDR_V4MAPPED(&ip6.ip6_dst))
                        abort();
        }
        return 0;
}
