#include "commands.h"
#include "container/container.h"
#include "container/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `wanted` is "80", "80/tcp", or NULL for all. */
static int print_ports(const struct container *container, const char *wanted, struct error *err)
{
        struct sandbox_port *ports;
        size_t count, printed = 0;
        int r = ports_to_sandbox(&container->spec.ports, &ports, &count, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < count; i++) {
                const char *address = ports[i].host;
                const bool ipv6 = strchr(address, ':');
                char inner[16];

                snprintf(inner, sizeof(inner), "%u/%s", ports[i].port,
                         ports[i].udp ? "udp" : "tcp");
                if (wanted && strcmp(wanted, inner) != 0 &&
                    (strchr(wanted, '/') || ports[i].udp ||
                     strncmp(inner, wanted, strlen(wanted)) != 0 || inner[strlen(wanted)] != '/'))
                        continue;
                if (!wanted)
                        printf("%s -> ", inner);
                printf("%s%s%s:%u\n", ipv6 ? "[" : "", address, ipv6 ? "]" : "",
                       ports[i].host_port);
                printed++;
        }
        free(ports);
        return wanted && printed == 0
                       ? error_set(err, -ENOENT, "Error: No public port '%s%s' published for %s",
                                   wanted, strchr(wanted, '/') ? "" : "/tcp", container->spec.name)
                       : 0;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct container container = CONTAINER_INIT;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        if (!cli_begin(command, NULL, 0, argc, argv, 1, 2, &arguments, &store, &status))
                return status;
        r = container_find(store, arguments.items[0], &container, &err);
        if (r == 0 && container.state.status == CONTAINER_RUNNING)
                r = print_ports(&container, arguments.count > 1 ? arguments.items[1] : NULL, &err);
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        container_done(&container);
        store_free(store);
        return status;
}

const struct command cmd_port = {
        .name = "port",
        .arguments = "CONTAINER [PORT[/PROTOCOL]]",
        .summary = "List the ports of the host that lead to a container",
        .details = "Examples:\n"
                   "  varve port web\n"
                   "  varve port web 80/tcp",
        .run = run,
};
