/*
 * Which frames of a sandbox may go out: private to the network's program.
 *
 * libslirp keeps a sandbox from the host's loopback only where that is addressed as the gateway.
 * But a command with CAP_NET_RAW sends what it likes, a packet to 127.0.0.1 too, and libslirp would
 * connect to that. So each frame passes here first. Fragments and options make no difference: the
 * destination stands at the same place in all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether libslirp may see the frame: ARP; IPv4 (RFC 791) of TCP, UDP and ICMP to unicast
 * addresses; IPv6 (RFC 8200) of TCP, UDP and ICMPv6 to unicast addresses, and ICMPv6 to the
 * multicast ones, which libslirp answers itself. Never to an address that means this host:
 * 0.0.0.0/8, 127.0.0.0/8, ::/96 (with :: and ::1) and ::ffff:0:0/96.
 */
bool gate_passes(const uint8_t *frame, size_t len);

/* Whether a frame that passes may tell the hardware's address for another (ARP, ICMPv6). */
bool gate_resolves(const uint8_t *frame, size_t len);
