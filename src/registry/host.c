#include "host.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HTTPS_PORT ":443"
#define HUB_HOST   "docker.io"

char *host_normalize(const char *name)
{
        static const char *const hub[] = { "index.docker.io", "registry-1.docker.io" };
        size_t len = strcspn(name, "/"), port = strlen(HTTPS_PORT);
        _cleanup_free_ char *host = strndup(name, len);
        char *ret;

        if (!host)
                return NULL;
        for (char *c = host; *c; c++)
                *c = (char)tolower((unsigned char)*c);
        if (len > port && strcmp(host + len - port, HTTPS_PORT) == 0)
                host[len - port] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(hub); i++)
                if (strcmp(host, hub[i]) == 0)
                        strcpy(host, HUB_HOST);
        return asprintf(&ret, "%s%s", host, name + len) < 0 ? NULL : ret;
}

char *host_of_address(const char *address)
{
        const char *scheme = strstr(address, "://"), *begin = scheme ? scheme + 3 : address;
        _cleanup_free_ char *host = strndup(begin, strcspn(begin, "/"));

        return host ? host_normalize(host) : NULL;
}

bool host_is_loopback(const char *host)
{
        struct in_addr address;

        if (inet_pton(AF_INET, host, &address) == 1)
                return ntohl(address.s_addr) >> 24 == 127;
        return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}
