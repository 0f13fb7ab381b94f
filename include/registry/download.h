/*
 * Files by their URLs, with what a client of registries has for it: floor 2.
 *
 * Proxies are those of the environment (http_proxy and its like), certificates are the system's,
 * and what breaks off is tried again as with registries.
 */
#pragma once

#include "registry/registry.h"

#include <stdint.h>
#include <time.h>

struct registry_download {
        uint64_t size;
        time_t modified; /* by Last-Modified; -1 where that says nothing */
};

/*
 * Gets a URL of http or https into `fd`, a file, from its beginning. Redirects are followed, but
 * from https to http. -ENOENT, -EACCES: the server says so, or a redirect that is not followed;
 * -EFBIG: it is larger than `max_bytes`; -EKEYREJECTED, -EIO, -ECANCELED, -ENOMEM as registry.h
 * has them. No error names the URL, which may have a password.
 */
int registry_download(struct registry *registry, const char *url, uint64_t max_bytes, int fd,
                      struct registry_download *ret, struct error *err);
