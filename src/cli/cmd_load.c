#include "base/cleanup.h"
#include "build/archives.h"
#include "commands.h"
#include "store/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As people write it; an ID as it is. */
static void print_name(const struct store *store, const char *name)
{
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        _cleanup_free_ char *familiar = NULL;

        if (strncmp(name, "sha256:", 7) != 0 && reference_parse(name, &reference, &ignored) == 0)
                familiar = store_name_show(store, &reference);
        reference_done(&reference);
        printf("Loaded image: %s\n", familiar ? familiar : name);
}

static int run(const struct command *command, int argc, char **argv)
{
        const char *input = NULL;
        bool quiet = false;
        const struct option_spec options[] = {
                { OPTION_STRING, 'i', "input", &input, "FILE",
                  "Archive or OCI layout directory (standard input)" },
                { OPTION_FLAG, 'q', "quiet", &quiet, NULL, "Print no names" },
        };
        struct strv names = STRV_INIT;
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 1, &arguments, &store,
                       &status))
                return status;
        if (!cli_guard(store, NULL, &status))
                return status;
        if (!input && arguments.count > 0)
                input = arguments.items[0];
        if (!input && isatty(STDIN_FILENO)) {
                r = error_set(&err, -EINVAL, "there is nothing to load");
                error_hint(&err, "Name the archive with -i FILE, or send it to standard input.");
        } else {
                r = images_load(store, input ? input : "-", &names, &err);
        }
        for (size_t i = 0; i < names.count && !quiet; i++)
                print_name(store, names.items[i]);
        strv_done(&names);
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_load = {
        .name = "load",
        .arguments = "[OPTIONS] [FILE]",
        .summary = "Take images in from an archive or an OCI layout",
        .details = "Archives of `docker save` and of OCI layouts, plain or compressed, and OCI "
                   "layout\n"
                   "directories are told apart by what they hold.\n\n"
                   "Examples:\n"
                   "  varve load -i app.tar\n"
                   "  docker save app | varve load",
        .makes_store = true,
        .run = run,
};
