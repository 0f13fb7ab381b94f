#include "container/port.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DEFAULT_ADDRESS "0.0.0.0"

/* ---- sockets ---- */

static socklen_t make_address(const char *text, unsigned port, struct sockaddr_storage *ret)
{
        struct sockaddr_in6 *wide = (struct sockaddr_in6 *)ret;
        struct sockaddr_in *narrow = (struct sockaddr_in *)ret;

        *ret = (struct sockaddr_storage){ .ss_family = strchr(text, ':') ? AF_INET6 : AF_INET };
        if (ret->ss_family == AF_INET6) {
                wide->sin6_port = htons((uint16_t)port);
                return inet_pton(AF_INET6, text, &wide->sin6_addr) == 1 ? sizeof(*wide) : 0;
        }
        narrow->sin_port = htons((uint16_t)port);
        return inet_pton(AF_INET, text, &narrow->sin_addr) == 1 ? sizeof(*narrow) : 0;
}

/* Binds for a moment. Port 0 is any that is free. Returns the port, or a negative errno. */
static int try_port(const char *address, unsigned port, bool udp)
{
        struct sockaddr_storage where;
        socklen_t len = make_address(address, port, &where);
        _cleanup_close_ int fd =
                socket(where.ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
        const int on = 1;

        if (fd < 0)
                return -errno;
        if (!udp)
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (where.ss_family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (bind(fd, (const struct sockaddr *)&where, len) < 0 || (!udp && listen(fd, 1) < 0) ||
            getsockname(fd, (struct sockaddr *)&where, &len) < 0)
                return -errno;
        return ntohs(where.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&where)->sin6_port
                                                 : ((struct sockaddr_in *)&where)->sin_port);
}

static int explain_port(const char *address, unsigned port, int code, struct error *err)
{
        const bool ipv6 = strchr(address, ':');

        if (code == -EADDRINUSE)
                return error_set(err, code, "Bind for %s%s%s:%u failed: port is already allocated",
                                 ipv6 ? "[" : "", address, ipv6 ? "]" : "", port);
        error_set_errno(err, code, "cannot listen on %s%s%s:%u", ipv6 ? "[" : "", address,
                        ipv6 ? "]" : "", port);
        if (code == -EACCES)
                return error_hint(err,
                                  "Ports below 1024 are root's; its administrator can lower "
                                  "that: sudo sysctl -w net.ipv4.ip_unprivileged_port_start=%u",
                                  port);
        return code;
}

/* ---- parsing ---- */

struct range {
        unsigned first;
        unsigned last;
};

/* "80" or "80-90". */
static bool parse_range(const char *text, size_t len, struct range *ret)
{
        unsigned long first, last;
        char copy[16], *end;

        if (len == 0 || len >= sizeof(copy) || text[0] < '0' || text[0] > '9')
                return false;
        memcpy(copy, text, len);
        copy[len] = '\0';
        first = last = strtoul(copy, &end, 10);
        if (*end == '-' && end[1] >= '0' && end[1] <= '9')
                last = strtoul(end + 1, &end, 10);
        if (*end || first == 0 || last > UINT16_MAX || last < first)
                return false;
        *ret = (struct range){ (unsigned)first, (unsigned)last };
        return true;
}

static int refuse(const char *text, struct error *err)
{
        error_set(err, -EINVAL, "invalid publish specification: %s", text);
        return error_hint(err, "Ports are written as 8080:80, 127.0.0.1:8080:80, 8000-8010:80-90, "
                               "53:53/udp.");
}

static int add_ports(const char *address, struct range host, struct range inner, bool udp,
                     bool has_host, struct strv *ret, struct error *err)
{
        for (unsigned i = 0; i <= inner.last - inner.first; i++) {
                int port = has_host ? (int)(host.first + i) : try_port(address, 0, udp);

                if (port < 0)
                        return explain_port(address, 0, port, err);
                if (strv_addf(ret, "%s %s %d %u", udp ? "udp" : "tcp", address, port,
                              inner.first + i) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

/* One port of the sandbox is led to by the first of a range that is free. */
static int add_first_free(const char *address, struct range host, unsigned inner, bool udp,
                          struct strv *ret, struct error *err)
{
        int port = -EADDRINUSE;

        for (unsigned i = host.first; i <= host.last && port == -EADDRINUSE; i++)
                port = try_port(address, i, udp);
        if (port < 0)
                return explain_port(address, host.last, port, err);
        return add_ports(address, (struct range){ (unsigned)port, (unsigned)port },
                         (struct range){ inner, inner }, udp, true, ret, err);
}

int ports_parse(const char *text, struct strv *ret, struct error *err)
{
        const char *slash = strrchr(text, '/'), *end = slash ? slash : text + strlen(text);
        const char *inner_at = memrchr(text, ':', (size_t)(end - text)), *host_at = NULL;
        char address[INET6_ADDRSTRLEN] = DEFAULT_ADDRESS;
        struct range inner, host = { 0, 0 };
        struct sockaddr_storage ignored;
        size_t len;
        bool has_host = false, udp;

        if (slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0)
                return refuse(text, err);
        if (!parse_range(inner_at ? inner_at + 1 : text,
                         (size_t)(end - (inner_at ? inner_at + 1 : text)), &inner))
                return refuse(text, err);
        if (inner_at) {
                host_at = memrchr(text, ':', (size_t)(inner_at - text));
                host_at = host_at ? host_at + 1 : text;
                has_host = host_at < inner_at;
                if (has_host && !parse_range(host_at, (size_t)(inner_at - host_at), &host))
                        return refuse(text, err);
        }
        if (host_at && host_at > text) {
                const char *begin = text + (*text == '[');

                len = (size_t)(host_at - 1 - begin) - (*text == '[');
                if (len >= sizeof(address) || (*text == '[' && begin[len] != ']'))
                        return refuse(text, err);
                memcpy(address, begin, len);
                address[len] = '\0';
                if (make_address(address, 1, &ignored) == 0)
                        return refuse(text, err);
        }
        udp = slash && strcmp(slash, "/udp") == 0;
        if (has_host && inner.first == inner.last && host.first < host.last)
                return add_first_free(address, host, inner.first, udp, ret, err);
        if (has_host && host.last - host.first != inner.last - inner.first)
                return refuse(text, err);
        return add_ports(address, host, inner, udp, has_host, ret, err);
}

int ports_publish_all(const struct strv *exposed, struct strv *ret, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < exposed->count && r == 0; i++)
                r = ports_parse(exposed->items[i], ret, err);
        return r;
}

/* ---- using ---- */

static bool parse_port(const char *text, struct sandbox_port *ret)
{
        unsigned host, inner;
        char protocol[4];

        *ret = (struct sandbox_port){ .udp = strncmp(text, "udp", 3) == 0 };
        if (sscanf(text, "%3s %45s %u %u", protocol, ret->host, &host, &inner) != 4 ||
            host > UINT16_MAX || inner > UINT16_MAX)
                return false;
        ret->host_port = (uint16_t)host;
        ret->port = (uint16_t)inner;
        return true;
}

int ports_to_sandbox(const struct strv *ports, struct sandbox_port **ret, size_t *ret_count,
                     struct error *err)
{
        struct sandbox_port *list = calloc(ports->count + 1, sizeof(*list));

        if (!list)
                return error_set_oom(err);
        for (size_t i = 0; i < ports->count; i++)
                if (!parse_port(ports->items[i], &list[i])) {
                        free(list);
                        return error_set(err, -EBADMSG, "%s is no port", ports->items[i]);
                }
        *ret = list;
        *ret_count = ports->count;
        return 0;
}

int ports_check(const struct sandbox_port *ports, size_t count, struct error *err)
{
        for (size_t i = 0; i < count; i++) {
                int r = try_port(ports[i].host, ports[i].host_port, ports[i].udp);

                if (r < 0)
                        return explain_port(ports[i].host, ports[i].host_port, r, err);
        }
        return 0;
}

static bool is_published(const struct strv *ports, const char *exposed)
{
        for (size_t i = 0; i < ports->count; i++) {
                struct sandbox_port port;
                char text[16];

                if (!parse_port(ports->items[i], &port))
                        continue;
                snprintf(text, sizeof(text), "%u/%s", port.port, port.udp ? "udp" : "tcp");
                if (strcmp(text, exposed) == 0)
                        return true;
        }
        return false;
}

int ports_describe(const struct strv *ports, const struct strv *exposed, struct buf *ret)
{
        const size_t begin = ret->len;
        int r = 0;

        for (size_t i = 0; i < exposed->count && r == 0; i++)
                if (!is_published(ports, exposed->items[i]))
                        r = buf_appendf(ret, "%s%s", ret->len > begin ? ", " : "",
                                        exposed->items[i]);
        for (size_t i = 0; i < ports->count && r == 0; i++) {
                struct sandbox_port port;

                if (!parse_port(ports->items[i], &port))
                        continue;
                r = buf_appendf(ret, strchr(port.host, ':') ? "%s[%s]:%u->%u/%s" : "%s%s:%u->%u/%s",
                                ret->len > begin ? ", " : "", port.host, port.host_port, port.port,
                                port.udp ? "udp" : "tcp");
        }
        return r;
}
