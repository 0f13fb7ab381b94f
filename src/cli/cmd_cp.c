#include "base/cleanup.h"
#include "base/stream.h"
#include "build/file_copy.h"
#include "commands.h"
#include "container/changes.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "NAME:PATH" is of a container; what begins with a slash or a dot never is. NULL for a path. */
static const char *path_in_container(const char *text)
{
        const char *colon = strchr(text, ':');

        return *text == '/' || *text == '.' || !colon || colon == text ? NULL : colon + 1;
}

static int find(struct store *store, const char *text, struct container *ret, struct error *err)
{
        _cleanup_free_ char *name = strndup(text, strcspn(text, ":"));

        return name ? container_find(store, name, ret, err) : error_set_oom(err);
}

static int copy_out(struct store *store, const char *from, const char *to, struct error *err)
{
        struct fd_stream stream = { .fd = STDOUT_FILENO, .name = "standard output" };
        struct byte_sink sink = byte_sink_of_fd(&stream);
        struct container container = CONTAINER_INIT;
        struct tree *tree = NULL;
        size_t left_out = 0;
        int r = find(store, from, &container, err);

        if (r == 0)
                r = container_checkpoint(store, &container, err);
        if (r == 0)
                r = container_open_tree(store, &container, &tree, err);
        if (r == 0 && strcmp(to, "-") == 0)
                r = files_copy_to_tar(store, tree, path_in_container(from), &sink, err);
        else if (r == 0)
                r = files_copy_out(store, tree, path_in_container(from), to, &left_out, err);
        if (left_out > 0)
                log_print(LOG_LEVEL_WARNING,
                          "%zu devices and attributes that only root may have were "
                          "left out",
                          left_out);
        tree_free(tree);
        container_done(&container);
        return r;
}

static int copy_in(struct store *store, const char *from, const char *to, struct error *err)
{
        struct container container = CONTAINER_INIT;
        struct store_lock lock = STORE_LOCK_INIT;
        struct tree *tree = NULL;
        int r = find(store, to, &container, err);

        if (r == 0)
                r = container_lock(store, &container, false, &lock, err);
        if (r == -EAGAIN) {
                error_set(err, -EBUSY, "files cannot be copied into a container that runs");
                r = error_hint(err,
                               "Stop it before, or let it unpack them: tar -c FILE | varve exec "
                               "-i %s tar -x -C DIRECTORY",
                               container.spec.name);
        }
        if (r == 0)
                r = container_open_tree(store, &container, &tree, err);
        if (r == 0)
                r = files_copy_in(store, tree, from, path_in_container(to), err);
        if (r == 0)
                r = container_seal(store, &container, tree, container.state.layer_count > 0, err);
        tree_free(tree);
        store_lock_release(store, &lock);
        container_done(&container);
        return r < 0 ? store_explain_full(store, err) : 0;
}

static int run(const struct command *command, int argc, char **argv)
{
        bool quiet = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 'q', "quiet", &quiet, NULL, "Has no effect: it shows no progress" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        const char *from, *to;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 2, 2, &arguments, &store,
                       &status))
                return status;
        from = arguments.items[0];
        to = arguments.items[1];
        if (path_in_container(from) && path_in_container(to))
                r = error_set(&err, -EOPNOTSUPP, "copying between containers is not supported");
        else if (path_in_container(from))
                r = copy_out(store, from, to, &err);
        else if (path_in_container(to))
                r = copy_in(store, from, to, &err);
        else
                r = error_set(&err, -EINVAL,
                              "must specify at least one container source: CONTAINER:PATH");
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_cp = {
        .name = "cp",
        .arguments = "[OPTIONS] CONTAINER:PATH PATH|- | PATH|- CONTAINER:PATH",
        .summary = "Copy files out of a container, or into one that does not run",
        .details =
                "As cp -r does: into a directory that is there, else under the new name; \"DIR/.\" "
                "is what\nis in a directory. A symlink that is named is followed. - is a tar "
                "archive on standard\noutput or input.\n\n"
                "Examples:\n"
                "  varve cp web:/var/log/app.log .\n"
                "  varve cp ./site/. web:/srv\n"
                "  varve cp web:/etc - | tar -t",
        .run = run,
};
