/*
 * The private network of a sandbox: who is who in it: floor 2.
 *
 * One interface, NETWORK_INTERFACE, in a network namespace of the sandbox's own. What it sends goes
 * to a process outside (sandbox/network/), which makes ordinary connections of the user's of it.
 * The ranges are such that hardly any host is in a network of the same numbers: what lies in them
 * is not reached from inside.
 */
#pragma once

#define NETWORK_INTERFACE "eth0"

#define NETWORK_CIDR      "10.118.97.0/24"
#define NETWORK_PREFIX    24
#define NETWORK_BASE      "10.118.97.0"
#define NETWORK_MASK      "255.255.255.0"
#define NETWORK_GATEWAY   "10.118.97.2"
#define NETWORK_FORWARDER "10.118.97.3" /* DNS queries to it go to the host's own resolver */
#define NETWORK_ADDRESS   "10.118.97.100"

#define NETWORK_PREFIX6    64
#define NETWORK_BASE6      "fd76:6172:7665::"
#define NETWORK_GATEWAY6   "fd76:6172:7665::2"
#define NETWORK_FORWARDER6 "fd76:6172:7665::3"
#define NETWORK_ADDRESS6   "fd76:6172:7665::64"

/* A frame holds as much as the protocols can say: each costs the same. */
#define NETWORK_MTU       65520
#define NETWORK_FRAME_MAX (NETWORK_MTU + 14)
