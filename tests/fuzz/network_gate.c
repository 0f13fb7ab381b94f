/*
 * The gate of the private network: no bytes make it read past their end, and none that pass are a
 * packet that the host would take for its own. Nor is any an answer to a client who has not asked.
 */
#include "../../sandbox/network/datagram.h"
#include "../../sandbox/network/gate.h"

#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With a port that leads to the sandbox, which nobody has asked. */
static struct datagrams *listening(void)
{
        const struct sockaddr_storage any = { .ss_family = AF_INET };
        struct datagrams *datagrams = datagrams_new();

        if (!datagrams || datagrams_listen(datagrams, &any, sizeof(struct sockaddr_in), 53) < 0)
                abort();
        return datagrams;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct datagrams *datagrams;
        struct ether_header ethernet;
        struct ip6_hdr ip6;
        struct ip ip;

        if (!datagrams)
                datagrams = listening();
        if (datagrams_answer(datagrams, data, size))
                abort();
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
