#include "stack.h"

#include "datagram.h"
#include "gate.h"

#include "base/cleanup.h"
#include "sandbox/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Frames that are taken before sockets are looked at again. */
#define BATCH 64

/* A sandbox that takes nothing loses frames after this while, as on a cable. */
#define FULL_LINK_TIMEOUT_MS 100

/* The first two of what is polled. */
enum { POLL_LINK, POLL_LIFELINE, POLL_OWN_COUNT };

struct stack {
        Slirp *slirp;
        int link_fd;
        int lifeline_fd;
        struct datagrams *datagrams; /* owned */
        struct pollfd *polled;       /* owned */
        size_t polled_count;
        size_t polled_cap;
        bool resolved; /* the sandbox has told an address that packets may wait for */
        uint8_t frame[NETWORK_FRAME_MAX];
};

/* ---- what libslirp asks for ---- */

static ssize_t send_frame(const void *frame, size_t len, void *opaque)
{
        const struct stack *stack = opaque;
        struct pollfd link = { .fd = stack->link_fd, .events = POLLOUT };
        ssize_t n = write(stack->link_fd, frame, len);

        if (n < 0 && errno == EAGAIN && poll(&link, 1, FULL_LINK_TIMEOUT_MS) > 0)
                n = write(stack->link_fd, frame, len);
        return n;
}

static void ignore_error(const char *message, void *opaque)
{
        (void)message;
        (void)opaque;
}

static int64_t get_clock(void *opaque)
{
        struct timespec now;

        (void)opaque;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The one timer that libslirp has announces the router from time to time. The sandbox knows its
 * router, so the timer never goes off. */
static void *new_timer(SlirpTimerCb callback, void *callback_opaque, void *opaque)
{
        (void)callback;
        (void)callback_opaque;
        return opaque;
}

static void free_timer(void *timer, void *opaque)
{
        (void)timer;
        (void)opaque;
}

static void set_timer(void *timer, int64_t expire_time_ms, void *opaque)
{
        (void)timer;
        (void)expire_time_ms;
        (void)opaque;
}

/* What is to be polled is asked for anew each time. */
static void ignore_fd(int fd, void *opaque)
{
        (void)fd;
        (void)opaque;
}

static void ignore_notice(void *opaque)
{
        (void)opaque;
}

static const SlirpCb callbacks = {
        .send_packet = send_frame,
        .guest_error = ignore_error,
        .clock_get_ns = get_clock,
        .timer_new = new_timer,
        .timer_free = free_timer,
        .timer_mod = set_timer,
        .register_poll_fd = ignore_fd,
        .unregister_poll_fd = ignore_fd,
        .notify = ignore_notice,
};

/* ---- polling ---- */

static const struct {
        int slirp;
        short poll;
} event_pairs[] = {
        { SLIRP_POLL_IN, POLLIN },   { SLIRP_POLL_OUT, POLLOUT }, { SLIRP_POLL_PRI, POLLPRI },
        { SLIRP_POLL_ERR, POLLERR }, { SLIRP_POLL_HUP, POLLHUP },
};

/* Returns the index, or -1 where memory ran out: the socket then waits for its next turn. */
static int add_polled(int fd, int events, void *opaque)
{
        struct stack *stack = opaque;
        int wanted = 0;

        if (stack->polled_count == stack->polled_cap) {
                size_t cap = 2 * stack->polled_cap + 64;
                struct pollfd *polled = reallocarray(stack->polled, cap, sizeof(*polled));

                if (!polled)
                        return -1;
                stack->polled = polled;
                stack->polled_cap = cap;
        }
        for (size_t i = 0; i < ARRAY_SIZE(event_pairs); i++)
                if (events & event_pairs[i].slirp)
                        wanted |= event_pairs[i].poll;
        stack->polled[stack->polled_count] = (struct pollfd){ .fd = fd, .events = (short)wanted };
        return (int)stack->polled_count++;
}

static int get_events(int index, void *opaque)
{
        const struct stack *stack = opaque;
        int events = 0;

        if (index < 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(event_pairs); i++)
                if (stack->polled[index].revents & event_pairs[i].poll)
                        events |= event_pairs[i].slirp;
        return events;
}

/* Returns 0, or -1 where the link is no more. */
static int take_frames(struct stack *stack)
{
        for (int i = 0; i < BATCH; i++) {
                ssize_t n = read(stack->link_fd, stack->frame, sizeof(stack->frame));

                /* A packet socket tells so, once, that its interface went down. */
                if (n < 0)
                        return errno == EAGAIN || errno == EINTR || errno == ENETDOWN ? 0 : -1;
                if (!gate_passes(stack->frame, (size_t)n))
                        continue;
                if (datagrams_answer(stack->datagrams, stack->frame, (size_t)n))
                        continue;
                stack->resolved |= gate_resolves(stack->frame, (size_t)n);
                slirp_input(stack->slirp, stack->frame, (int)n);
        }
        return 0;
}

/* They stand behind what is polled at all times. */
static int add_datagrams(struct stack *stack)
{
        for (size_t i = 0; i < datagrams_count(stack->datagrams); i++)
                if (add_polled(datagrams_fd(stack->datagrams, i), SLIRP_POLL_IN, stack) < 0)
                        return -1;
        return 0;
}

static void take_datagrams(struct stack *stack)
{
        for (size_t i = 0; i < datagrams_count(stack->datagrams); i++) {
                size_t len = stack->polled[POLL_OWN_COUNT + i].revents ? 1 : 0;

                for (int j = 0; j < BATCH && len > 0; j++) {
                        len = datagrams_take(stack->datagrams, i, stack->frame);
                        if (len > 0)
                                send_frame(stack->frame, len, stack);
                }
        }
}

int stack_run(struct stack *stack)
{
        for (;;) {
                /* libslirp looks at what waits for an address when it is called next, and throws it
                 * away after a second. */
                uint32_t timeout_ms = stack->resolved ? 0 : UINT32_MAX;
                int r;

                stack->resolved = false;
                stack->polled_count = 0;
                if (add_polled(stack->link_fd, SLIRP_POLL_IN, stack) < 0 ||
                    add_polled(stack->lifeline_fd, 0, stack) < 0 || add_datagrams(stack) < 0)
                        return -1;
                slirp_pollfds_fill(stack->slirp, &timeout_ms, add_polled, stack);
                r = poll(stack->polled, stack->polled_count,
                         timeout_ms > INT32_MAX ? -1 : (int)timeout_ms);
                if (r >= 0 && stack->polled[POLL_LIFELINE].revents)
                        return 0;
                slirp_pollfds_poll(stack->slirp, r < 0, get_events, stack);
                if (r > 0)
                        take_datagrams(stack);
                if (r > 0 && stack->polled[POLL_LINK].revents && take_frames(stack) < 0)
                        return -1;
        }
}

/* ---- beginning and end ---- */

int stack_new(int link_fd, int lifeline_fd, struct stack **ret)
{
        struct stack *stack = calloc(1, sizeof(*stack));
        SlirpConfig config = {
                .version = 4,
                .in_enabled = true,
                .in6_enabled = true,
                .vprefix_len = NETWORK_PREFIX6,
                .if_mtu = NETWORK_MTU,
                .if_mru = NETWORK_MTU,
                .disable_host_loopback = true,
                .disable_dhcp = true,
        };

        if (!stack)
                return -1;
        inet_pton(AF_INET, NETWORK_BASE, &config.vnetwork);
        inet_pton(AF_INET, NETWORK_MASK, &config.vnetmask);
        inet_pton(AF_INET, NETWORK_GATEWAY, &config.vhost);
        inet_pton(AF_INET, NETWORK_FORWARDER, &config.vnameserver);
        inet_pton(AF_INET, NETWORK_ADDRESS, &config.vdhcp_start);
        inet_pton(AF_INET6, NETWORK_BASE6, &config.vprefix_addr6);
        inet_pton(AF_INET6, NETWORK_GATEWAY6, &config.vhost6);
        inet_pton(AF_INET6, NETWORK_FORWARDER6, &config.vnameserver6);
        stack->link_fd = link_fd;
        stack->lifeline_fd = lifeline_fd;
        stack->slirp = slirp_new(&config, &callbacks, stack);
        stack->datagrams = datagrams_new();
        if (!stack->slirp || !stack->datagrams) {
                stack_free(stack);
                return -1;
        }
        *ret = stack;
        return 0;
}

/* The address as the host's, or with NULL the sandbox's own of that kind. Returns its length. */
static socklen_t make_address(const char *text, bool ipv6, unsigned int port,
                              struct sockaddr_storage *ret)
{
        struct sockaddr_in6 *wide = (struct sockaddr_in6 *)ret;
        struct sockaddr_in *narrow = (struct sockaddr_in *)ret;

        *ret = (struct sockaddr_storage){ .ss_family = ipv6 ? AF_INET6 : AF_INET };
        if (ipv6) {
                wide->sin6_port = htons((uint16_t)port);
                return inet_pton(AF_INET6, text ? text : NETWORK_ADDRESS6, &wide->sin6_addr) == 1
                               ? sizeof(*wide)
                               : 0;
        }
        narrow->sin_port = htons((uint16_t)port);
        return inet_pton(AF_INET, text ? text : NETWORK_ADDRESS, &narrow->sin_addr) == 1
                       ? sizeof(*narrow)
                       : 0;
}

int stack_listen(struct stack *stack, const char *port)
{
        struct sockaddr_storage host, guest;
        char protocol[4], address[INET6_ADDRSTRLEN];
        unsigned int from, to;
        socklen_t len, guest_len;
        bool ipv6;

        if (sscanf(port, "%3s %45s %u %u", protocol, address, &from, &to) != 4)
                return -1;
        ipv6 = strchr(address, ':');
        len = make_address(address, ipv6, from, &host);
        guest_len = make_address(NULL, ipv6, to, &guest);
        if (len == 0)
                return -1;
        if (protocol[0] == 'u')
                return datagrams_listen(stack->datagrams, &host, len, (uint16_t)to);
        return slirp_add_hostxfwd(stack->slirp, (const struct sockaddr *)&host, len,
                                  (const struct sockaddr *)&guest, guest_len,
                                  ipv6 ? SLIRP_HOSTFWD_V6ONLY : 0);
}

void stack_free(struct stack *stack)
{
        if (!stack)
                return;
        if (stack->slirp)
                slirp_cleanup(stack->slirp);
        datagrams_free(stack->datagrams);
        free(stack->polled);
        free(stack);
}
