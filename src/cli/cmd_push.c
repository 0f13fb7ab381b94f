#include "base/cleanup.h"
#include "commands.h"
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const struct command *command, int argc, char **argv)
{
        const char *progress = NULL;
        bool quiet = false, insecure = false;
        const struct option_spec options[] = {
                INSECURE_OPTION(&insecure),
                { OPTION_STRING, 0, "progress", &progress, "STYLE",
                  "auto (the default), tty, plain, json or quiet" },
                { OPTION_FLAG, 'q', "quiet", &quiet, NULL, "Print the digest alone" },
        };
        struct push_options push_options = { .insecure = false };
        struct error err = ERROR_INIT;
        char text[DIGEST_TEXT_MAX];
        struct arguments arguments;
        struct transfer_view view;
        struct digest digest;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 2, &arguments, &store,
                       &status))
                return status;
        if (!cli_guard(store, NULL, &status))
                return status;
        push_options.insecure = insecure;
        push_options.watcher = (struct transfer_watcher){ transfer_view_event, &view };
        r = transfer_view_init(&view, progress, quiet, &err);
        if (r == 0)
                r = image_push(store, arguments.items[0],
                               arguments.count > 1 ? arguments.items[1] : NULL, &push_options,
                               &digest, &err);
        if (r == 0) {
                digest_format(&digest, text);
                printf("%s\n", text);
        } else {
                store_explain_full(store, &err);
                status = cli_fail(&err, EXIT_FAILURE);
        }
        transfer_view_done(&view);
        store_free(store);
        return status;
}

const struct command cmd_push = {
        .name = "push",
        .arguments = "[OPTIONS] IMAGE [NAME]",
        .summary = "Put an image into a registry",
        .details =
                "What the registry has is not sent; what another repository of it has is mounted\n"
                "from there. Prints the digest that the image has there.\n\n"
                "Examples:\n"
                "  varve push registry.example:5000/team/app:2\n"
                "  varve push app registry.example:5000/team/app",
        .run = run,
};
