#include "build/network.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

void network_options_done(struct network_options *options)
{
        strv_done(&options->hosts);
        strv_done(&options->dns);
}

int network_options_set_mode(struct network_options *options, const char *text, struct error *err)
{
        static const struct {
                const char *name;
                enum sandbox_network mode;
                bool or_host;
        } modes[] = {
                { "default", SANDBOX_NETWORK_PRIVATE, true },
                { "private", SANDBOX_NETWORK_PRIVATE, false },
                { "bridge", SANDBOX_NETWORK_PRIVATE, false }, /* as Docker calls it */
                { "host", SANDBOX_NETWORK_HOST, false },
                { "none", SANDBOX_NETWORK_NONE, false },
                { "pasta", SANDBOX_NETWORK_PASTA, false },
                { "slirp4netns", SANDBOX_NETWORK_SLIRP4NETNS, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                if (strcmp(text ? text : "default", modes[i].name) != 0)
                        continue;
                options->mode = modes[i].mode;
                options->or_host = modes[i].or_host;
                return 0;
        }
        return error_set(err, -EINVAL,
                         "--network is private, host, none, pasta or slirp4netns, not %s", text);
}

static bool is_address(const char *text)
{
        struct in6_addr bytes;

        return inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1;
}

/* What a line of /etc/hosts would not be broken by. */
static bool is_host_name(const char *name)
{
        if (!*name)
                return false;
        for (; *name; name++)
                if ((unsigned char)*name <= ' ' || *name == '#' || *name == 0x7f)
                        return false;
        return true;
}

/* The address by which the host goes out; nothing is sent for it (the address is of RFC 5737). */
static int find_own_address(char ret[static INET_ADDRSTRLEN])
{
        struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(9) };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t len = sizeof(where);

        where.sin_addr.s_addr = inet_addr("192.0.2.1");
        if (fd < 0 || connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
            getsockname(fd, (struct sockaddr *)&where, &len) < 0)
                return -errno;
        return inet_ntop(AF_INET, &where.sin_addr, ret, INET_ADDRSTRLEN) ? 0 : -errno;
}

int network_options_add_host(struct network_options *options, const char *text, struct error *err)
{
        _cleanup_free_ char *name = strdup(text);
        char *address, *end, own[INET_ADDRSTRLEN];

        if (!name)
                return error_set_oom(err);
        address = name + strcspn(name, ":=");
        if (*address)
                *address++ = '\0';
        end = address + strlen(address);
        /* IPv6 as in URLs */
        if (*address == '[' && end[-1] == ']') {
                address++;
                end[-1] = '\0';
        }
        if (strcmp(address, "host-gateway") == 0) {
                if (find_own_address(own) < 0) {
                        error_set(err, -EADDRNOTAVAIL,
                                  "--add-host %s: the host has no address but its loopback's",
                                  text);
                        return error_hint(err, "With --network=host that one is 127.0.0.1.");
                }
                address = own;
        }
        if (!is_host_name(name) || !is_address(address)) {
                error_set(err, -EINVAL, "--add-host %s is not a name and an address", text);
                return error_hint(err, "Write it as --add-host mirror.example:192.0.2.7");
        }
        return strv_addf(&options->hosts, "%s %s", address, name) < 0 ? error_set_oom(err) : 0;
}

int network_options_add_dns(struct network_options *options, const char *text, struct error *err)
{
        if (!is_address(text))
                return error_set(err, -EINVAL, "--dns %s is no IP address", text);
        return strv_add(&options->dns, text) < 0 ? error_set_oom(err) : 0;
}
