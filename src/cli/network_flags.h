/*
 * The options by which build and run say what network a command has. Private to src/cli/.
 */
#pragma once

#include "build/network.h"
#include "cli.h"

struct network_flags {
        const char *mode;
        struct strv hosts;
        struct strv dns;
};

/* Lines for a command's table of options. */
/* clang-format off */
#define NETWORK_OPTIONS(flags) \
        { OPTION_STRING, 0, "network", &(flags)->mode, "MODE", \
          "private or bridge (the default), host, none, pasta or slirp4netns" }, \
        { OPTION_LIST, 0, "add-host", &(flags)->hosts, "NAME:ADDRESS", \
          "Add a line to /etc/hosts; may be repeated" }, \
        { OPTION_LIST, 0, "dns", &(flags)->dns, "ADDRESS", \
          "Ask this resolver, not the host's; may be repeated" }
/* clang-format on */

void network_flags_done(struct network_flags *flags);

/* Reads them. `ret` begins empty and is to be freed, also on an error: -EINVAL for what cannot be
 * understood. */
int network_flags_parse(const struct network_flags *flags, struct network_options *ret,
                        struct error *err);
