/*
 * The files that tell a command of its network. Private to src/build/.
 */
#pragma once

#include "base/buf.h"
#include "build/network.h"

struct network_files {
        struct buf resolv_conf;
        struct buf hosts;
        struct buf hostname;
        struct buf resolvers; /* of the sandbox's specification: who is behind the forwarder */
};

void network_files_done(struct network_files *files);

/* Makes all of them, out of the host's. */
int network_files_make(const struct network_options *options, const char *hostname,
                       struct network_files *ret, struct error *err);

/*
 * Makes the command's resolv.conf(5) of the host's. A private network leads to every resolver but
 * one that listens on the host's loopback, as systemd-resolved does: its place is taken by the
 * network's forwarder, and `ret_resolvers` says who that is. One that has no address but on its
 * link is left out.
 */
int network_files_convert(const struct network_options *options, const char *host,
                          struct buf *ret_resolv_conf, struct buf *ret_resolvers,
                          struct error *err);
