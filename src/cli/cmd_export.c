#include "base/cleanup.h"
#include "base/stream.h"
#include "base/whole_file.h"
#include "build/tree_source.h"
#include "commands.h"
#include "trees.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int write_tree(struct store *store, const char *name, int fd, const char *file_name,
                      struct error *err)
{
        struct fd_stream stream = { .fd = fd, .name = file_name };
        struct byte_sink sink = byte_sink_of_fd(&stream);
        struct tree *tree;
        int r = cli_open_tree(store, name, &tree, err);

        if (r < 0)
                return r;
        r = tree_write_tar(tree, &sink, err);
        tree_free(tree);
        return r;
}

static int write_file(struct store *store, const char *name, struct whole_file *file,
                      struct error *err)
{
        int r = whole_file_open(file, err);

        if (r == 0)
                r = write_tree(store, name, file->fd, file->target, err);
        return r < 0 ? r : whole_file_finish(file, err);
}

static int run(const struct command *command, int argc, char **argv)
{
        _cleanup_(whole_file_done) struct whole_file file = WHOLE_FILE_INIT;
        const char *output = NULL;
        const struct option_spec options[] = {
                { OPTION_STRING, 'o', "output", &output, "FILE", "Write here (standard output)" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r = 0;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 1, &arguments, &store,
                       &status))
                return status;
        if (output)
                r = whole_file_plan(output, &file, &err);
        else
                r = cli_check_stdout(&err);
        if (r < 0) {
                store_free(store);
                return cli_fail(&err, EXIT_FAILURE);
        }
        if (!cli_guard(store, (const char *const[]){ file.temporary, NULL }, &status))
                return status;
        r = output ? write_file(store, arguments.items[0], &file, &err)
                   : write_tree(store, arguments.items[0], STDOUT_FILENO, "standard output", &err);
        if (r < 0) {
                cli_hint_full(&err);
                status = cli_fail(&err, EXIT_FAILURE);
        }
        whole_file_done(&file);
        store_free(store);
        return status;
}

const struct command cmd_export = {
        .name = "export",
        .arguments = "[OPTIONS] CONTAINER|IMAGE",
        .summary = "Write the files of a container or an image as a tar",
        .details = "The layers are merged; of the image's config there is nothing.\n\n"
                   "Examples:\n"
                   "  varve export -o rootfs.tar app\n"
                   "  varve export app | tar -x -C rootfs",
        .run = run,
};
