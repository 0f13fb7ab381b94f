/*
 * Names of hosts. Private to src/registry/.
 */
#pragma once

#include <stdbool.h>

/*
 * The one spelling of "HOST" or "HOST/PATH", for comparing: the host in lower case, without https's
 * own port, and docker.io for the names that Docker Hub's servers have. The caller frees it; NULL
 * when memory ran out.
 */
char *host_normalize(const char *name);

/* The host of what a person may write for a registry, "https://HOST/v2/": the caller frees it; NULL
 * when memory ran out. */
char *host_of_address(const char *address);

/* Whether a host, as URLs have it, is this machine by its very name: localhost, 127.0.0.0/8, [::1].
 */
bool host_is_loopback(const char *host);
