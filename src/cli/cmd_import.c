#include "base/cleanup.h"
#include "build/archives.h"
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const struct command *command, int argc, char **argv)
{
        struct strv changes = STRV_INIT;
        struct import_options import = { .changes = &changes };
        const struct option_spec options[] = {
                { OPTION_LIST, 'c', "change", &changes, "INSTRUCTION",
                  "Carry out an instruction such as \"CMD [\\\"sh\\\"]\"; may be repeated" },
                { OPTION_STRING, 'm', "message", &import.message, "TEXT",
                  "What its history says (where it was imported from)" },
        };
        struct descriptor image = DESCRIPTOR_INIT;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct stored_image stored;
        struct store *store;
        char id[DIGEST_TEXT_MAX];
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 2, &arguments, &store,
                       &status))
                return status;
        if (!cli_guard(store, NULL, &status)) {
                strv_done(&changes);
                return status;
        }
        import.name = arguments.count > 1 ? arguments.items[1] : NULL;
        r = image_import(store, arguments.items[0], &import, &image, &err);
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
        strv_done(&changes);
        store_free(store);
        return status;
}

const struct command cmd_import = {
        .name = "import",
        .arguments = "[OPTIONS] FILE [NAME[:TAG]]",
        .summary = "Make an image of a root filesystem's tar",
        .details =
                "FILE is plain or compressed (gzip, zstd, xz, bzip2); \"-\" is standard input.\n\n"
                "Example:\n"
                "  mmdebstrap --variant=minbase bookworm - | varve import - debian:12\n"
                "  varve import -c 'CMD [\"sh\"]' root.tar tools",
        .makes_store = true,
        .run = run,
};
