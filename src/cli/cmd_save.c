#include "base/cleanup.h"
#include "base/whole_file.h"
#include "build/archives.h"
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int choose_format(const char *text, enum image_format *ret, struct error *err)
{
        *ret = IMAGE_DOCKER_ARCHIVE;
        if (!text || strcmp(text, "docker-archive") == 0)
                return 0;
        *ret = IMAGE_OCI_ARCHIVE;
        if (strcmp(text, "oci-archive") == 0)
                return 0;
        return error_set(err, -EINVAL, "--format is docker-archive or oci-archive, not %s", text);
}

static int save_to_fd(struct store *store, const struct strv *names, enum image_format format,
                      int fd, const char *name, struct error *err)
{
        struct fd_stream stream = { .fd = fd, .name = name };
        struct byte_sink sink = byte_sink_of_fd(&stream);

        return images_save(store, names, format, &sink, err);
}

static int save_to_file(struct store *store, const struct strv *names, enum image_format format,
                        struct whole_file *file, struct error *err)
{
        int r = whole_file_open(file, err);

        if (r == 0)
                r = save_to_fd(store, names, format, file->fd, file->target, err);
        return r < 0 ? r : whole_file_finish(file, err);
}

static int save(struct store *store, const struct arguments *arguments, struct whole_file *file,
                enum image_format format, struct error *err)
{
        struct strv names = STRV_INIT;
        int r = 0;

        for (size_t i = 0; i < arguments->count && r == 0; i++)
                if (strv_add(&names, arguments->items[i]) < 0)
                        r = error_set_oom(err);
        if (r == 0 && file->target)
                r = save_to_file(store, &names, format, file, err);
        else if (r == 0)
                r = save_to_fd(store, &names, format, STDOUT_FILENO, "standard output", err);
        strv_done(&names);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        _cleanup_(whole_file_done) struct whole_file file = WHOLE_FILE_INIT;
        const char *output = NULL, *format_text = NULL;
        const struct option_spec options[] = {
                { OPTION_STRING, 'o', "output", &output, "FILE", "Write here (standard output)" },
                { OPTION_STRING, 0, "format", &format_text, "FORMAT",
                  "docker-archive (the default) or oci-archive" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        enum image_format format;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, SIZE_MAX, &arguments,
                       &store, &status))
                return status;
        r = choose_format(format_text, &format, &err);
        if (r == 0)
                r = output ? whole_file_plan(output, &file, &err) : cli_check_stdout(&err);
        if (r < 0) {
                store_free(store);
                return cli_fail(&err, EXIT_FAILURE);
        }
        if (!cli_guard(store, file.temporary, &status))
                return status;
        if (save(store, &arguments, &file, format, &err) < 0) {
                cli_hint_full(&err);
                status = cli_fail(&err, EXIT_FAILURE);
        }
        store_free(store);
        return status;
}

const struct command cmd_save = {
        .name = "save",
        .arguments = "[OPTIONS] IMAGE...",
        .summary = "Write images to an archive",
        .details = "Examples:\n"
                   "  varve save -o app.tar app\n"
                   "  varve save app | docker load\n"
                   "  varve save --format oci-archive -o app.oci app",
        .run = run,
};
