#include "base/cleanup.h"
#include "build/archives.h"
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const struct command *command, int argc, char **argv)
{
        struct descriptor image = DESCRIPTOR_INIT;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct stored_image stored;
        struct store *store;
        char id[DIGEST_TEXT_MAX];
        int status, r;

        if (!cli_begin(command, NULL, 0, argc, argv, 1, 2, &arguments, &store, &status))
                return status;
        if (!cli_guard(store, NULL, &status))
                return status;
        r = image_import(store, arguments.items[0], arguments.count > 1 ? arguments.items[1] : NULL,
                         &image, &err);
        if (r == 0) {
                r = store_image_load(store, &image, NULL, &stored, &err);
                descriptor_done(&image);
        }
        if (r == 0) {
                digest_format(&stored.parsed.config.digest, id);
                printf("%s\n", id);
                stored_image_done(&stored);
        }
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_import = {
        .name = "import",
        .arguments = "FILE [NAME[:TAG]]",
        .summary = "Make an image of a root filesystem's tar",
        .details =
                "FILE is plain or compressed (gzip, zstd, xz, bzip2); \"-\" is standard input.\n\n"
                "Example:\n"
                "  mmdebstrap --variant=minbase bookworm - | varve import - debian:12",
        .makes_store = true,
        .run = run,
};
