/*
 * What network a command gets: floor 3.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "sandbox/sandbox.h"

#include <stdbool.h>

struct network_options {
        enum sandbox_network mode;
        bool or_host; /* PRIVATE: where the host allows none, the host's own is used, and told */
        struct strv hosts; /* lines for /etc/hosts, before all others */
        struct strv dns;   /* addresses of resolvers, instead of the host's */
};

void network_options_done(struct network_options *options);

/*
 * Each takes what a person has written: "private" (or "bridge"), "host", "none", "pasta",
 * "slirp4netns" (also "default", which is what NULL is: private, or else the host's);
 * "NAME:ADDRESS" or "NAME=ADDRESS", where "host-gateway" is an address of the host's; an address.
 * Returns 0; -EINVAL for what is nothing of the kind, -EADDRNOTAVAIL where the host has none.
 */
int network_options_set_mode(struct network_options *options, const char *text, struct error *err);
int network_options_add_host(struct network_options *options, const char *text, struct error *err);
int network_options_add_dns(struct network_options *options, const char *text, struct error *err);
