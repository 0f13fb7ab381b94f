/*
 * Published ports of UDP: datagrams between sockets of the host and a sandbox: private to the
 * network's program.
 *
 * libslirp listens for them, too, but shows a client of the host's loopback as the gateway, and
 * what is sent to the gateway it throws away, as it must. So they are made frames here, and the
 * answers are taken out before libslirp sees them. What goes to a client goes through the socket
 * that the client has asked, and to nobody who has not asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct datagrams;

/* Returns NULL when memory ran out. */
struct datagrams *datagrams_new(void);
void datagrams_free(struct datagrams *datagrams);

/* Lets datagrams to this address of the host go to a port of the sandbox. Returns 0 or -1. */
int datagrams_listen(struct datagrams *datagrams, const struct sockaddr_storage *host,
                     socklen_t len, uint16_t port);

/* The sockets, for poll(). */
size_t datagrams_count(const struct datagrams *datagrams);
int datagrams_fd(const struct datagrams *datagrams, size_t index);

/*
 * Takes a datagram from a socket and makes a frame of NETWORK_FRAME_MAX bytes at most: IPv4 (RFC
 * 791) without options, UDP (RFC 768) without a checksum. An IPv4 client beyond this host is shown
 * as what it is, all others as the gateway. Returns the frame's length, 0 where nothing is there.
 */
size_t datagrams_take(struct datagrams *datagrams, size_t index, uint8_t *frame);

/* Whether a frame of the sandbox is an answer to a client, which it was then sent to. */
bool datagrams_answer(struct datagrams *datagrams, const uint8_t *frame, size_t len);
