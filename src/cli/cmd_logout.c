#include "base/cleanup.h"
#include "commands.h"
#include "registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const struct command *command, int argc, char **argv)
{
        bool all = false, any;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'a', "all", &all, NULL, "Log out of all registries" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        const char *host;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 1, &arguments, NULL,
                       &status))
                return status;
        host = arguments.count > 0 ? arguments.items[0] : "docker.io";
        if (registry_logout(all ? NULL : host, &any, &err) < 0)
                return cli_fail(&err, EXIT_FAILURE);
        printf("%s\n", any ? "Logged out." : "Nobody was logged in.");
        return EXIT_SUCCESS;
}

const struct command cmd_logout = {
        .name = "logout",
        .arguments = "[OPTIONS] [HOST]",
        .summary = "Forget the credentials for a registry",
        .details = "HOST left out is Docker Hub.\n\n"
                   "Example:\n  varve logout registry.example:5000",
        .run = run,
};
