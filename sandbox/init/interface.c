/*
 * The interfaces of a network namespace of the sandbox's own. All of this is done inside it, by the
 * builder; the descriptor that frames come out of goes to the process outside (network.c).
 */
#include "explain.h"
#include "helper.h"
#include "rtnetlink.h"

#include "base/cleanup.h"
#include "sandbox/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <netinet/ip6.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* The end of a pair that is not the sandbox's. */
#define PEER_NAME "varve"

/* What a helper program of the host has to say when it fails; the rest is not read. */
#define PROGRAM_OUTPUT_MAX 512

/* ---- links ---- */

static int find_index(const char *name, int *ret)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = { .ifr_ifindex = 0 };

        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        if (fd < 0 || ioctl(fd, SIOCGIFINDEX, &request) < 0)
                return -errno;
        *ret = request.ifr_ifindex;
        return 0;
}

static int bring_up(int netlink, int index, uint32_t mtu)
{
        const struct ifinfomsg link = { .ifi_index = index,
                                        .ifi_flags = IFF_UP,
                                        .ifi_change = IFF_UP };
        struct rtnetlink_request request;

        rtnetlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
        if (mtu > 0)
                rtnetlink_add(&request, IFLA_MTU, &mtu, sizeof(mtu));
        return rtnetlink_send(netlink, &request);
}

static int bring_up_loopback(void)
{
        _cleanup_close_ int netlink = rtnetlink_open();
        int index, r;

        if (netlink < 0)
                return netlink;
        r = find_index("lo", &index);
        return r < 0 ? r : bring_up(netlink, index, 0);
}

/* An address of the link alone would be looked for on it, and announced: frames of a network that
 * nobody uses yet. */
static void avoid_link_address(int netlink, int index)
{
        const struct ifinfomsg link = { .ifi_index = index };
        const uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
        struct rtnetlink_request request;
        size_t families, inet6;

        rtnetlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
        families = rtnetlink_nest(&request, IFLA_AF_SPEC);
        inet6 = rtnetlink_nest(&request, AF_INET6);
        rtnetlink_add(&request, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
        rtnetlink_unnest(&request, inet6);
        rtnetlink_unnest(&request, families);
        rtnetlink_send(netlink, &request);
}

static int add_address(int netlink, int index, uint8_t family, const char *text, uint8_t prefix)
{
        const struct ifaddrmsg address = {
                .ifa_family = family,
                .ifa_prefixlen = prefix,
                .ifa_flags = IFA_F_NODAD,
                .ifa_index = (uint32_t)index,
        };
        const size_t len = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
        struct rtnetlink_request request;
        struct in6_addr bytes;

        inet_pton(family, text, &bytes);
        rtnetlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &address,
                        sizeof(address));
        rtnetlink_add(&request, IFA_LOCAL, &bytes, len);
        rtnetlink_add(&request, IFA_ADDRESS, &bytes, len);
        return rtnetlink_send(netlink, &request);
}

static int add_default_route(int netlink, int index, uint8_t family, const char *gateway)
{
        const struct rtmsg route = {
                .rtm_family = family,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_BOOT,
                .rtm_scope = RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_UNICAST,
        };
        const size_t len = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
        struct rtnetlink_request request;
        struct in6_addr bytes;

        inet_pton(family, gateway, &bytes);
        rtnetlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof(route));
        rtnetlink_add(&request, RTA_GATEWAY, &bytes, len);
        rtnetlink_add(&request, RTA_OIF, &index, sizeof(index));
        return rtnetlink_send(netlink, &request);
}

static int configure(int index, struct error *err)
{
        _cleanup_close_ int netlink = rtnetlink_open();
        int r = netlink;

        if (r >= 0) {
                avoid_link_address(netlink, index);
                r = bring_up(netlink, index, NETWORK_MTU);
        }
        if (r == 0)
                r = add_address(netlink, index, AF_INET, NETWORK_ADDRESS, NETWORK_PREFIX);
        if (r == 0)
                r = add_default_route(netlink, index, AF_INET, NETWORK_GATEWAY);
        if (r < 0)
                return error_set_errno(err, r, "cannot set the sandbox's network up");
        /* A kernel without IPv6 has none for the sandbox either. */
        if (add_address(netlink, index, AF_INET6, NETWORK_ADDRESS6, NETWORK_PREFIX6) == 0)
                add_default_route(netlink, index, AF_INET6, NETWORK_GATEWAY6);
        return 0;
}

/* The kernel reports multicast groups by itself, by IPv6 packets with a hop-by-hop header, which
 * nobody outside is interested in. They do not get there, so that a first frame is the command's.
 */
static const struct sock_filter wanted[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct ethhdr, h_proto)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 2),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
                 sizeof(struct ethhdr) + offsetof(struct ip6_hdr, ip6_nxt)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_HOPOPTS, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
};

static const struct sock_fprog wanted_program = { ARRAY_SIZE(wanted),
                                                  (struct sock_filter *)wanted };

/* ---- a tap ---- */

/* Returns its descriptor, or a negative errno. */
static int open_tap(void)
{
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        struct ifreq request = { .ifr_name = NETWORK_INTERFACE, .ifr_flags = IFF_TAP | IFF_NO_PI };

        if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ||
            ioctl(fd, TUNATTACHFILTER, &wanted_program) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* ---- where there is no tap: a pair of interfaces, and a packet socket on the other one ---- */

/* Makes the pair: the peer here, the sandbox's end in the namespace `theirs`. */
static int make_pair(int theirs)
{
        const struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
        const uint32_t mtu = NETWORK_MTU;
        _cleanup_close_ int netlink = rtnetlink_open();
        struct rtnetlink_request request;
        size_t info, data, peer;

        if (netlink < 0)
                return netlink;
        rtnetlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
        rtnetlink_add(&request, IFLA_IFNAME, PEER_NAME, sizeof(PEER_NAME));
        rtnetlink_add(&request, IFLA_MTU, &mtu, sizeof(mtu));
        info = rtnetlink_nest(&request, IFLA_LINKINFO);
        rtnetlink_add(&request, IFLA_INFO_KIND, "veth", strlen("veth"));
        data = rtnetlink_nest(&request, IFLA_INFO_DATA);
        peer = rtnetlink_nest(&request, VETH_INFO_PEER);
        /* The peer's description begins with a header of its own, not with an attribute. */
        memcpy((char *)&request + request.header.nlmsg_len, &link, sizeof(link));
        request.header.nlmsg_len += sizeof(link);
        rtnetlink_add(&request, IFLA_IFNAME, NETWORK_INTERFACE, sizeof(NETWORK_INTERFACE));
        rtnetlink_add(&request, IFLA_NET_NS_FD, &theirs, sizeof(theirs));
        rtnetlink_unnest(&request, peer);
        rtnetlink_unnest(&request, data);
        rtnetlink_unnest(&request, info);
        return rtnetlink_send(netlink, &request);
}

/* In the peer's namespace. Returns the packet socket or a negative errno. */
static int open_peer(void)
{
        const uint16_t all = htons(ETH_P_ALL);
        struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = all };
        _cleanup_close_ int fd = -1, netlink = rtnetlink_open();
        int index, size = NETWORK_FRAME_MAX * 16, r;

        if (netlink < 0)
                return netlink;
        r = find_index(PEER_NAME, &index);
        if (r == 0) {
                avoid_link_address(netlink, index);
                r = bring_up(netlink, index, 0);
        }
        if (r < 0)
                return r;
        fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
        address.sll_ifindex = index;
        if (fd < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &wanted_program, sizeof(wanted_program)) <
                    0 ||
            bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        return TAKE_FD(fd);
}

/* Frames arrive as they were sent: a sum that the device was to compute would be missing. */
static int compute_sums_early(void)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM, .data = 0 };
        struct ifreq request = { .ifr_name = NETWORK_INTERFACE, .ifr_data = (void *)&value };

        return fd < 0 || ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

/* The peer lives in one more namespace, which the packet socket keeps, and nothing of it is to be
 * seen in the sandbox. Returns the socket or a negative errno. */
static int open_pair(void)
{
        _cleanup_close_ int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int fd = -1;
        int r;

        if (ours < 0 || unshare(CLONE_NEWNET) < 0)
                return -errno;
        r = make_pair(ours);
        if (r == 0)
                r = fd = open_peer();
        if (setns(ours, CLONE_NEWNET) < 0)
                return -errno;
        if (r >= 0)
                r = compute_sums_early();
        return r < 0 ? r : TAKE_FD(fd);
}

static int make_private(const struct helper *helper, struct error *err)
{
        _cleanup_close_ int link = open_tap();
        const int tap = link;
        int index, r;

        if (link < 0)
                link = open_pair();
        if (link < 0) {
                error_set_errno(err, tap,
                                "the sandbox can have no network of its own: "
                                "/dev/net/tun cannot be used");
                err->code = -ENONET;
                return error_hint(err,
                                  "%s; or give it the host's network, --network=host, or none, "
                                  "--network=none",
                                  tap == -EACCES ? "Its administrator can open the device, as "
                                                   "distributions do: sudo chmod 0666 /dev/net/tun"
                                                 : "Load the kernel's module: sudo modprobe tun");
        }
        r = find_index(NETWORK_INTERFACE, &index);
        if (r < 0)
                return error_set_errno(err, r, "cannot find the sandbox's interface");
        r = configure(index, err);
        if (r < 0)
                return r;
        r = wire_send(helper->network_fd, WIRE_LINK, 0, link);
        return r < 0 ? error_set_errno(err, r, "cannot reach the process of the network") : 0;
}

/* ---- pasta, slirp4netns ---- */

static int explain_program(const char *program, int log, struct error *err)
{
        char text[PROGRAM_OUTPUT_MAX];
        ssize_t n = pread(log, text, sizeof(text) - 1, 0);

        while (n > 0 && text[n - 1] == '\n')
                n--;
        text[n > 0 ? n : 0] = '\0';
        error_set(err, -ECHILD, "%s could not make the sandbox's network: %s", program,
                  n > 0 ? text : "it said nothing");
        return error_hint(err, "varve needs no such program: leave --network out");
}

/* Lets a program of the host make the interface. It says when it has, by a byte. */
static int make_by_program(const struct helper *helper, struct error *err)
{
        const char *program = wire_string(helper->spec, helper->spec->network_program);
        _cleanup_close_ int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int userns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int log = memfd_create("log", MFD_CLOEXEC);
        int passed[] = { netns, userns, -1, log }, ready[2], r = 0;
        char byte;

        if (netns < 0 || userns < 0 || log < 0 || pipe2(ready, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot pass the network namespace on");
        passed[2] = ready[1];
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(passed); i++)
                r = wire_send(helper->network_fd, WIRE_LINK, 0, passed[i]);
        close(ready[1]);
        if (r == 0 && read(ready[0], &byte, 1) != 1)
                r = explain_program(program, log, err);
        else if (r < 0)
                error_set_errno(err, r, "cannot reach the process of the network");
        close(ready[0]);
        return r;
}

int interface_make(const struct helper *helper, struct error *err)
{
        int r;

        if (helper->spec->network == SANDBOX_NETWORK_HOST)
                return 0;
        r = bring_up_loopback();
        if (r < 0)
                return error_set_errno(err, r, "cannot bring up the loopback interface");
        if (helper->spec->network == SANDBOX_NETWORK_PRIVATE)
                return make_private(helper, err);
        return helper->spec->network == SANDBOX_NETWORK_NONE ? 0 : make_by_program(helper, err);
}
