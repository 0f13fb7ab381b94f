#include "datagram.h"

#include "base/cleanup.h"
#include "sandbox/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

/* Who has asked last is remembered: as many as these. */
#define CLIENTS_MAX 256

#define HEADERS_SIZE (sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct udphdr))

#define FRAGMENT_BITS (IP_MF | IP_OFFMASK)

struct socket_port {
        int fd;
        uint16_t port; /* of the sandbox */
};

/* A client as the sandbox sees it, and as it is. */
struct client {
        in_addr_t address; /* these in network order */
        in_port_t port;
        in_port_t inner_port;
        size_t socket;
        struct sockaddr_storage real;
        socklen_t real_len;
        uint64_t used; /* 0: a free place */
};

struct datagrams {
        struct socket_port *sockets; /* owned */
        size_t count;
        struct client clients[CLIENTS_MAX];
        uint64_t clock;
        uint8_t sandbox[ETH_ALEN]; /* its hardware address; broadcast until it has sent a frame */
};

struct datagrams *datagrams_new(void)
{
        struct datagrams *datagrams = calloc(1, sizeof(*datagrams));

        if (datagrams)
                memset(datagrams->sandbox, 0xff, sizeof(datagrams->sandbox));
        return datagrams;
}

void datagrams_free(struct datagrams *datagrams)
{
        if (!datagrams)
                return;
        for (size_t i = 0; i < datagrams->count; i++)
                close(datagrams->sockets[i].fd);
        free(datagrams->sockets);
        free(datagrams);
}

int datagrams_listen(struct datagrams *datagrams, const struct sockaddr_storage *host,
                     socklen_t len, uint16_t port)
{
        _cleanup_close_ int fd =
                socket(host->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct socket_port *sockets =
                reallocarray(datagrams->sockets, datagrams->count + 1, sizeof(*sockets));
        const int on = 1;

        if (!sockets)
                return -1;
        datagrams->sockets = sockets;
        if (fd < 0)
                return -1;
        if (host->ss_family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (bind(fd, (const struct sockaddr *)host, len) < 0)
                return -1;
        sockets[datagrams->count++] = (struct socket_port){ TAKE_FD(fd), port };
        return 0;
}

size_t datagrams_count(const struct datagrams *datagrams)
{
        return datagrams->count;
}

int datagrams_fd(const struct datagrams *datagrams, size_t index)
{
        return datagrams->sockets[index].fd;
}

/* ---- clients ---- */

static bool is_same(const struct client *client, size_t socket_index,
                    const struct sockaddr_storage *real, socklen_t len)
{
        return client->used && client->socket == socket_index && client->real_len == len &&
               memcmp(&client->real, real, len) == 0;
}

static struct client *find_shown(struct datagrams *datagrams, in_addr_t address, in_port_t port,
                                 in_port_t inner_port)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *client = &datagrams->clients[i];

                if (client->used && client->address == address && client->port == port &&
                    client->inner_port == inner_port)
                        return client;
        }
        return NULL;
}

/* The sandbox's own network and what means this host cannot be shown. */
static in_addr_t shown_address(const struct sockaddr_storage *real)
{
        const struct sockaddr_in *narrow = (const struct sockaddr_in *)real;

        if (real->ss_family != AF_INET || ntohl(narrow->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET ||
            (narrow->sin_addr.s_addr & inet_addr(NETWORK_MASK)) == inet_addr(NETWORK_BASE))
                return inet_addr(NETWORK_GATEWAY);
        return narrow->sin_addr.s_addr;
}

/* Finds who has asked before; or takes the place of whoever has not for longest. */
static struct client *note_client(struct datagrams *datagrams, size_t socket_index,
                                  const struct sockaddr_storage *real, socklen_t len)
{
        const in_port_t inner_port = htons(datagrams->sockets[socket_index].port);
        const in_addr_t address = shown_address(real);
        struct client *oldest = &datagrams->clients[0];
        /* Both kinds of address have it in the same place. */
        uint16_t port = ntohs(((const struct sockaddr_in *)real)->sin_port);

        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *client = &datagrams->clients[i];

                if (is_same(client, socket_index, real, len))
                        return client;
                if (client->used < oldest->used)
                        oldest = client;
        }
        oldest->used = 0;
        while (port == 0 || find_shown(datagrams, address, htons(port), inner_port))
                port++;
        *oldest = (struct client){ .address = address,
                                   .port = htons(port),
                                   .inner_port = inner_port,
                                   .socket = socket_index,
                                   .real = *real,
                                   .real_len = len };
        return oldest;
}

/* ---- frames ---- */

/* RFC 1071. */
static uint16_t checksum(const struct iphdr *header)
{
        uint16_t words[sizeof(*header) / 2];
        uint32_t sum = 0;

        memcpy(words, header, sizeof(words));
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                sum += words[i];
        sum = (sum & 0xffff) + (sum >> 16);
        return (uint16_t) ~(sum + (sum >> 16));
}

static void write_headers(const struct datagrams *datagrams, const struct client *client,
                          size_t payload_len, uint8_t *frame)
{
        /* libslirp's own, which the sandbox knows as its router. */
        static const uint8_t router[ETH_ALEN] = { 0x52, 0x55, 10, 118, 97, 2 };
        struct ether_header ethernet = { .ether_type = htons(ETHERTYPE_IP) };
        struct udphdr udp = { .source = client->port,
                              .dest = client->inner_port,
                              .len = htons((uint16_t)(sizeof(udp) + payload_len)) };
        struct iphdr ip = { .version = 4,
                            .ihl = sizeof(ip) / 4,
                            .tot_len = htons((uint16_t)(sizeof(ip) + sizeof(udp) + payload_len)),
                            .ttl = IPDEFTTL,
                            .protocol = IPPROTO_UDP,
                            .saddr = client->address,
                            .daddr = inet_addr(NETWORK_ADDRESS) };

        memcpy(ethernet.ether_dhost, datagrams->sandbox, ETH_ALEN);
        memcpy(ethernet.ether_shost, router, ETH_ALEN);
        ip.check = checksum(&ip);
        memcpy(frame, &ethernet, sizeof(ethernet));
        memcpy(frame + sizeof(ethernet), &ip, sizeof(ip));
        memcpy(frame + sizeof(ethernet) + sizeof(ip), &udp, sizeof(udp));
}

size_t datagrams_take(struct datagrams *datagrams, size_t index, uint8_t *frame)
{
        struct sockaddr_storage real = { .ss_family = AF_UNSPEC };
        socklen_t len = sizeof(real);
        struct client *client;
        /* A datagram that no frame holds is lost. */
        ssize_t n = recvfrom(datagrams->sockets[index].fd, frame + HEADERS_SIZE,
                             NETWORK_FRAME_MAX - HEADERS_SIZE, MSG_TRUNC, (struct sockaddr *)&real,
                             &len);

        if (n < 0 || n > (ssize_t)(NETWORK_FRAME_MAX - HEADERS_SIZE) || len > sizeof(real))
                return 0;
        client = note_client(datagrams, index, &real, len);
        client->used = ++datagrams->clock;
        write_headers(datagrams, client, (size_t)n, frame);
        return HEADERS_SIZE + (size_t)n;
}

bool datagrams_answer(struct datagrams *datagrams, const uint8_t *frame, size_t len)
{
        const uint8_t *at = frame + sizeof(struct ether_header);
        struct ether_header ethernet;
        struct client *client;
        struct udphdr udp;
        struct iphdr ip;
        size_t header_len;

        if (datagrams->count == 0 || len < sizeof(ethernet))
                return false;
        memcpy(&ethernet, frame, sizeof(ethernet));
        memcpy(datagrams->sandbox, ethernet.ether_shost, ETH_ALEN);
        if (ethernet.ether_type != htons(ETHERTYPE_IP) || len < HEADERS_SIZE)
                return false;
        memcpy(&ip, at, sizeof(ip));
        header_len = (size_t)ip.ihl * 4;
        if (ip.version != 4 || header_len < sizeof(ip) || ip.protocol != IPPROTO_UDP ||
            (ntohs(ip.frag_off) & FRAGMENT_BITS) || ip.saddr != inet_addr(NETWORK_ADDRESS) ||
            ntohs(ip.tot_len) > len - sizeof(ethernet) ||
            ntohs(ip.tot_len) < header_len + sizeof(udp))
                return false;
        memcpy(&udp, at + header_len, sizeof(udp));
        client = find_shown(datagrams, ip.daddr, udp.dest, udp.source);
        if (!client || ntohs(udp.len) < sizeof(udp) ||
            ntohs(udp.len) > ntohs(ip.tot_len) - header_len)
                return false;
        client->used = ++datagrams->clock;
        sendto(datagrams->sockets[client->socket].fd, at + header_len + sizeof(udp),
               ntohs(udp.len) - sizeof(udp), MSG_DONTWAIT, (const struct sockaddr *)&client->real,
               client->real_len);
        return true;
}
