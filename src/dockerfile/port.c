#include "port.h"
#include "dockerfile/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* "80" or "80-90". */
static int port_range_parse(const char *text, size_t len, uint16_t *ret_first, uint16_t *ret_last)
{
        const char *dash = memchr(text, '-', len);
        size_t first_len = dash ? (size_t)(dash - text) : len;
        char number[2][8] = { "", "" };
        uint64_t first, last;

        if (first_len >= sizeof(number[0]) || len - first_len > sizeof(number[1]))
                return -EINVAL;
        memcpy(number[0], text, first_len);
        if (value_parse_number(number[0], 10, UINT16_MAX, &first) < 0)
                return -EINVAL;
        last = first;
        if (dash) {
                memcpy(number[1], dash + 1, len - first_len - 1);
                if (value_parse_number(number[1], 10, UINT16_MAX, &last) < 0 || last < first)
                        return -EINVAL;
        }
        *ret_first = (uint16_t)first;
        *ret_last = (uint16_t)last;
        return 0;
}

static bool port_ip_is_valid(const char *text, size_t len)
{
        char ip[INET6_ADDRSTRLEN + 2];
        struct in6_addr address;

        if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
                text++;
                len -= 2;
        }
        if (len >= sizeof(ip))
                return false;
        memcpy(ip, text, len);
        ip[len] = '\0';
        return inet_pton(AF_INET, ip, &address) == 1 || inet_pton(AF_INET6, ip, &address) == 1;
}

void port_split(const char *text, struct port_parts *ret)
{
        const char *colon = strrchr(text, ':'), *before;

        *ret = (struct port_parts){ .port = colon ? colon + 1 : text };
        if (!colon)
                return;
        before = memrchr(text, ':', (size_t)(colon - text));
        ret->host_port = before ? before + 1 : text;
        ret->host_port_len = (size_t)(colon - ret->host_port);
        ret->ip = text;
        ret->ip_len = before ? (size_t)(before - text) : 0;
}

static const char *port_protocol(const char *text)
{
        static const char *const protocols[] = { "tcp", "udp", "sctp" };

        if (!*text)
                return protocols[0];
        for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
                if (strcasecmp(text, protocols[i]) == 0)
                        return protocols[i];
        return NULL;
}

int value_parse_port(const char *text, struct port_range *ret, struct error *err)
{
        struct port_range range, host;
        struct port_parts parts;
        const char *slash;
        size_t len;

        port_split(text, &parts);
        slash = strchrnul(parts.port, '/');
        len = (size_t)(slash - parts.port);
        range.protocol = port_protocol(*slash ? slash + 1 : "");
        if (!range.protocol)
                return error_set(err, -EINVAL,
                                 "the port \"%s\" has a protocol that is none of tcp, udp, sctp",
                                 text);
        if (port_range_parse(parts.port, len, &range.first, &range.last) < 0)
                return error_set(err, -EINVAL,
                                 "\"%s\" is no port between 0 and 65535, nor a range of ports",
                                 text);
        if (parts.ip_len > 0 && !port_ip_is_valid(parts.ip, parts.ip_len))
                return error_set(err, -EINVAL, "the port \"%s\" has an invalid IP address", text);
        if (parts.host_port_len > 0) {
                if (port_range_parse(parts.host_port, parts.host_port_len, &host.first,
                                     &host.last) < 0)
                        return error_set(err, -EINVAL, "the port \"%s\" has an invalid host port",
                                         text);
                if (range.first != range.last && host.last - host.first != range.last - range.first)
                        return error_set(err, -EINVAL,
                                         "the port \"%s\" has two ranges of different length",
                                         text);
        }
        *ret = range;
        return 0;
}
