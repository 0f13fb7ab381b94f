/*
 * The walls around the network's program: private to it.
 *
 * It parses what a hostile command sends, so it is taken to be in that command's hands. What it
 * then has: an empty root with one file, no privilege, no other process that it could see, start or
 * signal, sockets of TCP, UDP and ICMP echo and no others, 2,048 descriptors and 1 GiB of memory.
 * What it keeps is what it is there for: connections from where the user is.
 */
#pragma once

/* Confines this process, of one thread, for ever. `resolvers` becomes /etc/resolv.conf of its root.
 * Returns 0 or -1. */
int jail_enter(const char *resolvers);
