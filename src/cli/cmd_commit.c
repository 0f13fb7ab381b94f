#include "commands.h"
#include "container/commit.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const struct command *command, int argc, char **argv)
{
        struct strv changes = STRV_INIT;
        struct commit_options commit = { .changes = &changes };
        const struct option_spec options[] = {
                { OPTION_STRING, 'a', "author", &commit.author, "NAME", "Who has made it" },
                { OPTION_LIST, 'c', "change", &changes, "INSTRUCTION",
                  "Carry out an instruction such as \"CMD [\\\"sh\\\"]\"; may be repeated" },
                { OPTION_STRING, 'm', "message", &commit.message, "TEXT", "What was changed" },
        };
        struct container container = CONTAINER_INIT;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        char text[DIGEST_TEXT_MAX];
        struct store *store;
        struct digest id;
        int status, r;

        if (!cli_begin(command, options, sizeof(options) / sizeof(options[0]), argc, argv, 1, 2,
                       &arguments, &store, &status))
                return status;
        commit.name = arguments.count > 1 ? arguments.items[1] : NULL;
        r = container_find(store, arguments.items[0], &container, &err);
        if (r == 0)
                r = container_commit(store, &container, &commit, &id, &err);
        if (r < 0) {
                status = cli_fail(&err, EXIT_FAILURE);
        } else {
                digest_format(&id, text);
                printf("%s\n", text);
        }
        container_done(&container);
        strv_done(&changes);
        store_free(store);
        return status;
}

const struct command cmd_commit = {
        .name = "commit",
        .arguments = "[OPTIONS] CONTAINER [NAME[:TAG]]",
        .summary = "Make an image of what a container has changed",
        .details = "A container that runs goes on meanwhile. The layer is not compressed, so that "
                   "it takes\nno time.\n\n"
                   "Examples:\n"
                   "  varve commit web app:2.0\n"
                   "  varve commit -m 'with tools' -c 'CMD [\"sh\"]' web app:debug",
        .run = run,
};
