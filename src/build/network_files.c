#include "network_files.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "sandbox/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Of the host's resolv.conf and hosts, each. */
#define HOST_FILE_MAX ((size_t)1 << 20)

/* Where a resolver is asked when the host names none: resolv.conf(5). */
#define RESOLVER_DEFAULT "127.0.0.1"

void network_files_done(struct network_files *files)
{
        buf_done(&files->resolv_conf);
        buf_done(&files->hosts);
        buf_done(&files->hostname);
        buf_done(&files->resolvers);
}

/* ---- resolv.conf ---- */

enum resolver_place { RESOLVER_REACHED, RESOLVER_ON_LOOPBACK, RESOLVER_ON_LINK };

static enum resolver_place place_of(const char *address, bool *ret_ipv6)
{
        struct in6_addr ipv6;
        struct in_addr ipv4;

        *ret_ipv6 = strchr(address, ':');
        if (inet_pton(AF_INET, address, &ipv4) == 1)
                return ntohl(ipv4.s_addr) >> 24 == 127 || ipv4.s_addr == INADDR_ANY
                               ? RESOLVER_ON_LOOPBACK
                               : RESOLVER_REACHED;
        if (inet_pton(AF_INET6, address, &ipv6) != 1 || IN6_IS_ADDR_LINKLOCAL(&ipv6))
                return RESOLVER_ON_LINK; /* "fe80::1%eth0" too */
        return IN6_IS_ADDR_LOOPBACK(&ipv6) || IN6_IS_ADDR_UNSPECIFIED(&ipv6) ? RESOLVER_ON_LOOPBACK
                                                                             : RESOLVER_REACHED;
}

struct conversion {
        const struct network_options *options;
        struct buf *resolv_conf;
        struct buf *resolvers;
        bool forwarded[2]; /* of IPv4 and IPv6: the forwarder is there already */
        bool any;
};

static int add_resolver(struct conversion *conversion, const char *address)
{
        static const char *const forwarders[] = { NETWORK_FORWARDER, NETWORK_FORWARDER6 };
        enum resolver_place place;
        bool ipv6;

        place = place_of(address, &ipv6);
        if (place == RESOLVER_ON_LINK)
                return 0;
        if (place == RESOLVER_REACHED) {
                conversion->any = true;
                return buf_appendf(conversion->resolv_conf, "nameserver %s\n", address);
        }
        /* pasta and slirp4netns have a forwarder of IPv4, and ask the first of the host's. */
        if (ipv6 && conversion->options->mode != SANDBOX_NETWORK_PRIVATE)
                return 0;
        /* libslirp asks the first of each kind. */
        if (conversion->forwarded[ipv6])
                return 0;
        conversion->any = conversion->forwarded[ipv6] = true;
        if (buf_appendf(conversion->resolvers, "nameserver %s\n", address) < 0)
                return -ENOMEM;
        return buf_appendf(conversion->resolv_conf, "nameserver %s\n", forwarders[ipv6]);
}

/* The address of a line "nameserver ADDRESS", to be freed; NULL for another line. */
static char *take_nameserver(const char *line, size_t len)
{
        static const char keyword[] = "nameserver";
        const size_t keyword_len = sizeof(keyword) - 1;
        const char *at = line + keyword_len;

        if (len <= keyword_len || strncmp(line, keyword, keyword_len) != 0 ||
            (*at != ' ' && *at != '\t'))
                return NULL;
        at += strspn(at, " \t");
        return strndup(at, strcspn(at, " \t\r\n"));
}

static int convert_line(struct conversion *conversion, const char *line, size_t len)
{
        _cleanup_free_ char *address = take_nameserver(line, len);

        if (address && conversion->options->dns.count > 0)
                return 0;
        if (address)
                return add_resolver(conversion, address);
        if (buf_append(conversion->resolv_conf, line, len) < 0)
                return -ENOMEM;
        return buf_append_char(conversion->resolv_conf, '\n');
}

int network_files_convert(const struct network_options *options, const char *host,
                          struct buf *ret_resolv_conf, struct buf *ret_resolvers, struct error *err)
{
        struct conversion conversion = { .options = options,
                                         .resolv_conf = ret_resolv_conf,
                                         .resolvers = ret_resolvers };
        int r = 0;

        for (size_t i = 0; i < options->dns.count && r == 0; i++)
                r = add_resolver(&conversion, options->dns.items[i]);
        for (const char *line = host; *line && r == 0; line += *line == '\n') {
                size_t len = strcspn(line, "\n");

                r = convert_line(&conversion, line, len);
                line += len;
        }
        if (r == 0 && !conversion.any)
                r = add_resolver(&conversion, RESOLVER_DEFAULT);
        return r < 0 ? error_set_oom(err) : 0;
}

/* With the host's network, or none, there is nothing to convert but what was asked for. */
static int replace_resolvers(const struct network_options *options, struct buf *resolv_conf,
                             struct error *err)
{
        int r = 0;

        if (options->dns.count == 0)
                return 0;
        buf_clear(resolv_conf);
        for (size_t i = 0; i < options->dns.count && r == 0; i++)
                r = buf_appendf(resolv_conf, "nameserver %s\n", options->dns.items[i]);
        return r < 0 ? error_set_oom(err) : 0;
}

/* ---- the others ---- */

/* A file of the host's, or nothing where it is not there. */
static int read_host_file(const char *path, struct buf *ret, struct error *err)
{
        if (access(path, R_OK) < 0)
                return 0;
        return io_read_file(AT_FDCWD, path, HOST_FILE_MAX, ret, err);
}

static int make_resolv_conf(const struct network_options *options, struct network_files *files,
                            struct error *err)
{
        struct buf host = BUF_INIT;
        int r = read_host_file("/etc/resolv.conf", &host, err);

        if (r == 0 &&
            (options->mode == SANDBOX_NETWORK_HOST || options->mode == SANDBOX_NETWORK_NONE)) {
                files->resolv_conf = host;
                return replace_resolvers(options, &files->resolv_conf, err);
        }
        if (r == 0)
                r = network_files_convert(options, buf_str(&host), &files->resolv_conf,
                                          &files->resolvers, err);
        buf_done(&host);
        return r;
}

/* Of several lines with a name, the first counts. */
static int make_hosts(const struct network_options *options, const char *hostname, struct buf *ret,
                      struct error *err)
{
        struct buf host = BUF_INIT;
        int r = read_host_file("/etc/hosts", &host, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < options->hosts.count && r == 0; i++)
                r = buf_appendf(ret, "%s\n", options->hosts.items[i]);
        if (r == 0)
                r = buf_append_str(ret, host.len > 0 ? buf_str(&host)
                                                     : "127.0.0.1 localhost\n::1 localhost\n");
        if (r == 0 && ret->data[ret->len - 1] != '\n')
                r = buf_append_char(ret, '\n');
        if (r == 0)
                r = buf_appendf(ret, "127.0.0.1 %s\n", hostname);
        buf_done(&host);
        return r < 0 ? error_set_oom(err) : 0;
}

int network_files_make(const struct network_options *options, const char *hostname,
                       struct network_files *ret, struct error *err)
{
        int r = make_resolv_conf(options, ret, err);

        if (r == 0)
                r = make_hosts(options, hostname, &ret->hosts, err);
        if (r == 0 && buf_appendf(&ret->hostname, "%s\n", hostname) < 0)
                r = error_set_oom(err);
        return r;
}
