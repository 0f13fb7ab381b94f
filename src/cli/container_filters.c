#include "container_filters.h"

#include "base/cleanup.h"
#include "container/port.h"
#include "dockerfile/value.h"
#include "image_filters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fits_label(const struct container *container, const char *value)
{
        return labels_fit(&container->spec.labels, value);
}

static bool fits_id(const struct container *container, const char *value)
{
        return strncmp(container->spec.id, value, strlen(value)) == 0;
}

static bool fits_name(const struct container *container, const char *value)
{
        return strstr(container->spec.name, value + (*value == '/')) != NULL;
}

static bool fits_status(const struct container *container, const char *value)
{
        return strcmp(container_status_name(container->state.status), value) == 0;
}

static bool fits_exited(const struct container *container, const char *value)
{
        char code[32];

        snprintf(code, sizeof(code), "%lld", (long long)container->state.exit_code);
        return container->state.status == CONTAINER_EXITED && strcmp(code, value) == 0;
}

static bool fits_ancestor(const struct container *container, const char *value)
{
        return strcmp(container->spec.image, value) == 0 ||
               strncmp(strchr(container->spec.image_id, ':') + 1, value, strlen(value)) == 0;
}

static bool fits_volume(const struct container *container, const char *value)
{
        for (size_t i = 0; i < container->spec.mount_count; i++) {
                const struct container_mount *mount = &container->spec.mounts[i];

                if ((mount->source && strcmp(mount->source, value) == 0) ||
                    strcmp(mount->target, value) == 0)
                        return true;
        }
        return false;
}

static bool fits_network(const struct container *container, const char *value)
{
        const char *network = container->spec.network ? container->spec.network : "private";

        return strcmp(network, value) == 0 ||
               (strcmp(value, "bridge") == 0 && strcmp(network, "private") == 0);
}

/* Whether a port, of the host or of the container, lies in "80", "80-90", "80/udp". */
static bool fits_publish(const struct container *container, const char *value)
{
        struct sandbox_port *ports = NULL;
        struct error ignored = ERROR_INIT;
        struct port_range range;
        size_t count = 0;
        bool found = false;

        if (value_parse_port(value, &range, &ignored) < 0 ||
            ports_to_sandbox(&container->spec.ports, &ports, &count, &ignored) < 0)
                return false;
        for (size_t i = 0; i < count; i++)
                found |= strcmp(range.protocol, ports[i].udp ? "udp" : "tcp") == 0 &&
                         ((ports[i].port >= range.first && ports[i].port <= range.last) ||
                          (ports[i].host_port >= range.first && ports[i].host_port <= range.last));
        free(ports);
        return found;
}

static bool fits_expose(const struct container *container, const char *value)
{
        struct error ignored = ERROR_INIT;
        struct port_range range;
        unsigned port;

        for (size_t i = 0;
             i < container->spec.exposed.count && value_parse_port(value, &range, &ignored) == 0;
             i++) {
                const char *exposed = container->spec.exposed.items[i];

                port = (unsigned)strtoul(exposed, NULL, 10);
                if (port >= range.first && port <= range.last && strchr(exposed, '/') &&
                    strcmp(strchr(exposed, '/') + 1, range.protocol) == 0)
                        return true;
        }
        return fits_publish(container, value);
}

/* Nothing watches over it. */
static bool fits_health(const struct container *container, const char *value)
{
        (void)container;
        return strcmp(value, "none") == 0;
}

/* Those that are read before any container is looked at. */
static bool fits_any(const struct container *container, const char *value)
{
        (void)container;
        (void)value;
        return true;
}

static const struct filter {
        const char *key;
        bool (*fits)(const struct container *container, const char *value);
        const char *values; /* between spaces; NULL: any */
} filters_known[] = {
        { "id", fits_id, NULL },
        { "name", fits_name, NULL },
        { "label", fits_label, NULL },
        { "status", fits_status, " created restarting running removing paused exited dead " },
        { "exited", fits_exited, NULL },
        { "ancestor", fits_ancestor, NULL },
        { "volume", fits_volume, NULL },
        { "network", fits_network, NULL },
        { "publish", fits_publish, NULL },
        { "expose", fits_expose, NULL },
        { "health", fits_health, " starting healthy unhealthy none " },
        { "before", fits_any, NULL },
        { "since", fits_any, NULL },
};

static const struct filter *find(const char *written)
{
        const size_t len = strcspn(written, "=");

        for (size_t i = 0; i < ARRAY_SIZE(filters_known) && written[len]; i++)
                if (strlen(filters_known[i].key) == len &&
                    strncmp(filters_known[i].key, written, len) == 0)
                        return &filters_known[i];
        return NULL;
}

static int check_value(const struct filter *filter, const char *value, struct error *err)
{
        _cleanup_free_ char *word = NULL;
        struct port_range range;
        char *end;

        if (filter->values && (asprintf(&word, " %s ", value) < 0 || !strstr(filter->values, word)))
                return error_set(err, -EINVAL, "invalid filter '%s=%s': it is one of%s",
                                 filter->key, value, filter->values);
        if (filter->fits == fits_exited && (strtol(value, &end, 10) < 0 || !*value || *end))
                return error_set(err, -EINVAL, "invalid filter 'exited=%s': it is no exit code",
                                 value);
        if (filter->fits == fits_publish || filter->fits == fits_expose)
                return value_parse_port(value, &range, err);
        return 0;
}

static int find_time(const struct containers *all, const char *name, struct timespec *ret,
                     struct error *err)
{
        for (size_t i = 0; i < all->count; i++)
                if (strcmp(all->items[i].spec.name, name) == 0 ||
                    (*name && strncmp(all->items[i].spec.id, name, strlen(name)) == 0)) {
                        *ret = all->items[i].spec.created;
                        return 0;
                }
        return error_set(err, -ENOENT, "Error: No such container: %s", name);
}

int container_filters_init(struct container_filters *filters, const struct strv *written,
                           const struct containers *all, struct error *err)
{
        int r = 0;

        *filters = (struct container_filters){ .written = written };
        for (size_t i = 0; i < written->count && r == 0; i++) {
                const struct filter *filter = find(written->items[i]);
                const char *value = strchr(written->items[i], '=');

                if (!filter) {
                        error_set(err, -EINVAL, "invalid filter '%s'", written->items[i]);
                        return error_hint(err, "Filters are id=, name=, label=, status=, exited=, "
                                               "ancestor=, volume=, network=, publish=, expose=, "
                                               "health=, before= and since=.");
                }
                r = check_value(filter, ++value, err);
                if (r == 0 && strcmp(filter->key, "before") == 0)
                        r = find_time(all, value, &filters->before, err);
                if (r == 0 && strcmp(filter->key, "since") == 0)
                        r = find_time(all, value, &filters->since, err);
                filters->by_status |= filter->fits == fits_status || filter->fits == fits_exited;
        }
        return r;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

bool container_filters_pass(const struct container_filters *filters,
                            const struct container *container)
{
        const struct timespec *created = &container->spec.created;

        if ((filters->before.tv_sec && !is_older(created, &filters->before)) ||
            (filters->since.tv_sec && !is_older(&filters->since, created)))
                return false;
        for (size_t i = 0; i < filters->written->count; i++) {
                const char *one = filters->written->items[i];
                const struct filter *filter = find(one);
                const size_t len = strlen(filter->key) + 1;
                bool any = false;

                for (size_t j = 0; j < filters->written->count; j++)
                        if (strncmp(filters->written->items[j], one, len) == 0 &&
                            (filter->fits != fits_label || i == j))
                                any |= filter->fits(container, filters->written->items[j] + len);
                if (!any)
                        return false;
        }
        return true;
}
