#include "repository.h"

#include "base/cleanup.h"
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void locations_done(struct locations *locations)
{
        for (size_t i = 0; i < locations->count; i++)
                free(locations->items[i].path);
        locations->count = 0;
}

static int add_location(struct locations *locations, struct endpoint *endpoint, const char *path,
                        struct error *err)
{
        struct location *location = &locations->items[locations->count];

        location->endpoint = endpoint;
        location->path = strdup(path);
        if (!location->path)
                return error_set_oom(err);
        locations->count++;
        return 0;
}

/* `rest` is what follows the prefix that the mirror stands for: "" or "/path". */
static int add_mirror(struct registry *registry, struct locations *locations, const char *mirror,
                      const char *rest, struct error *err)
{
        _cleanup_free_ char *whole = NULL;
        struct error failed = ERROR_INIT;
        struct endpoint *endpoint;
        char *slash;
        int r;

        if (asprintf(&whole, "%s%s", mirror, rest) < 0) {
                whole = NULL;
                return error_set_oom(err);
        }
        slash = strchr(whole, '/');
        if (!slash)
                return 0;
        *slash = '\0';
        r = endpoint_get_mirror(registry, whole, &endpoint, &failed);
        if (r == 0 && !atomic_load(&endpoint->unreachable))
                r = add_location(locations, endpoint, slash + 1, &failed);
        if (r == -ENOMEM)
                return error_set_oom(err);
        if (r < 0)
                registry_notice(registry, "the mirror %s: %s", mirror, failed.message);
        return 0;
}

int locations_of(struct registry *registry, const struct reference *reference,
                 struct locations *ret, struct error *err)
{
        const struct strv *mirrors = &registry->settings.mirrors;
        _cleanup_free_ char *written = reference_format_repository(reference);
        _cleanup_free_ char *name = written ? host_normalize(written) : NULL;
        _cleanup_free_ char *host = host_normalize(reference->host);
        /* What is blocked is not to be had from elsewhere. */
        bool blocked = host && strv_contains(&registry->settings.block, host);
        struct endpoint *own;
        int r = name && host ? 0 : error_set_oom(err);

        *ret = (struct locations){ .count = 0 };
        for (size_t i = 0; r == 0 && !blocked && i + 1 < mirrors->count; i += 2) {
                size_t len = strlen(mirrors->items[i]);

                if (ret->count + 1 < LOCATIONS_MAX && strncmp(name, mirrors->items[i], len) == 0 &&
                    (name[len] == '/' || name[len] == '\0'))
                        r = add_mirror(registry, ret, mirrors->items[i + 1], name + len, err);
        }
        if (r == 0)
                r = endpoint_get(registry, reference->host, &own, err);
        if (r == 0)
                r = add_location(ret, own, reference->path, err);
        if (r < 0)
                locations_done(ret);
        return r;
}

bool locations_go_on(struct registry *registry, const struct locations *locations, size_t at, int r,
                     const struct error *failed, struct error *err)
{
        if (at + 1 < locations->count && r != -ECANCELED && r != -ENOMEM) {
                if (r != -ENOENT)
                        registry_notice(registry, "the mirror %s: %s",
                                        locations->items[at].endpoint->host, failed->message);
                return true;
        }
        *err = *failed;
        return false;
}
