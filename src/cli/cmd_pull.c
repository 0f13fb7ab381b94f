#include "base/cleanup.h"
#include "commands.h"
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>

static int pull(struct store *store, const char *name, const char *platform,
                const struct pull_options *given, struct error *err)
{
        struct pull_options options = *given;
        struct platform wanted = PLATFORM_INIT;
        char digest[DIGEST_TEXT_MAX];
        struct stored_image image;
        int r = 0;

        if (platform) {
                r = platform_parse(platform, &wanted, err);
                options.platform = &wanted;
        }
        if (r == 0)
                r = image_pull(store, name, &options, &image, err);
        if (r == 0) {
                digest_format(&image.root.digest, digest);
                printf("%s\n", digest);
                stored_image_done(&image);
        }
        platform_done(&wanted);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        const char *platform = NULL, *progress = NULL, *policy = "always";
        bool quiet = false, insecure = false;
        const struct option_spec options[] = {
                { OPTION_STRING, 0, "platform", &platform, "OS/ARCH[/VARIANT]",
                  "The image for this platform (this machine's)" },
                { OPTION_STRING, 0, "policy", &policy, "WHEN",
                  "always (the default), missing, newer or never" },
                INSECURE_OPTION(&insecure),
                { OPTION_STRING, 0, "progress", &progress, "STYLE",
                  "auto (the default), tty, plain, json or quiet" },
                { OPTION_FLAG, 'q', "quiet", &quiet, NULL, "Print the digest alone" },
        };
        struct pull_options pull_options = { .policy = PULL_ALWAYS };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct transfer_view view;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 1, &arguments, &store,
                       &status))
                return status;
        if (!cli_guard(store, NULL, &status))
                return status;
        pull_options.insecure = insecure;
        pull_options.watcher = (struct transfer_watcher){ transfer_view_event, &view };
        r = transfer_view_init(&view, progress, quiet, &err);
        if (r == 0)
                r = pull_policy_parse(policy, &pull_options.policy, &err);
        if (r == 0)
                r = pull(store, arguments.items[0], platform, &pull_options, &err);
        if (r < 0) {
                store_explain_full(store, &err);
                store_abandon(store);
                status = cli_fail(&err, EXIT_FAILURE);
        }
        transfer_view_done(&view);
        store_free(store);
        return status;
}

const struct command cmd_pull = {
        .name = "pull",
        .arguments = "[OPTIONS] NAME",
        .summary = "Take an image in from a registry",
        .details = "Layers arrive several at a time. What has broken off is gone on with by the\n"
                   "next pull of the layer. Prints the digest of what the name means there.\n\n"
                   "Examples:\n"
                   "  varve pull debian:12\n"
                   "  varve pull --platform linux/arm64 registry.example:5000/team/app",
        .makes_store = true,
        .run = run,
};
