#include "base/cleanup.h"
#include "base/whole_file.h"
#include "build/archives.h"
#include "commands.h"

#include <errno.h>
#include <stdio.h>
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
        *ret = IMAGE_OCI_DIRECTORY;
        if (strcmp(text, "oci-dir") == 0)
                return 0;
        return error_set(err, -EINVAL, "--format is docker-archive, oci-archive or oci-dir, not %s",
                         text);
}

/* What is written; without a target standard output. */
struct place {
        struct whole_file file;           /* of archives */
        struct whole_directory directory; /* of an OCI layout */
};

static void place_done(struct place *place)
{
        whole_file_done(&place->file);
        whole_directory_done(&place->directory);
}

static int find_place(const char *output, enum image_format format, struct place *ret,
                      struct error *err)
{
        if (format != IMAGE_OCI_DIRECTORY)
                return output ? whole_file_plan(output, &ret->file, err) : cli_check_stdout(err);
        if (!output)
                return error_set(err, -EINVAL, "--format oci-dir wants a directory, with -o");
        return whole_directory_plan(output, true, &ret->directory, err);
}

static int save_to_directory(struct store *store, const struct strv *names,
                             struct whole_directory *directory, struct error *err)
{
        struct save_target target = { .format = IMAGE_OCI_DIRECTORY };
        int r = whole_directory_open(directory, err);

        if (r < 0)
                return r;
        target.dir_fd = directory->fd;
        r = images_save(store, names, &target, err);
        return r < 0 ? r : whole_directory_finish(directory, "index.json", err);
}

static int save_to_fd(struct store *store, const struct strv *names, enum image_format format,
                      int fd, const char *name, struct error *err)
{
        struct fd_stream stream = { .fd = fd, .name = name };
        struct byte_sink sink = byte_sink_of_fd(&stream);

        struct save_target target = { .format = format, .out = &sink, .dir_fd = -1 };

        return images_save(store, names, &target, err);
}

static int save_to_file(struct store *store, const struct strv *names, enum image_format format,
                        struct whole_file *file, struct error *err)
{
        int r = whole_file_open(file, err);

        if (r == 0)
                r = save_to_fd(store, names, format, file->fd, file->target, err);
        return r < 0 ? r : whole_file_finish(file, err);
}

static int save(struct store *store, const struct arguments *arguments, struct place *place,
                enum image_format format, struct error *err)
{
        struct strv names = STRV_INIT;
        int r = 0;

        for (size_t i = 0; i < arguments->count && r == 0; i++)
                if (strv_add(&names, arguments->items[i]) < 0)
                        r = error_set_oom(err);
        if (r == 0 && place->directory.target)
                r = save_to_directory(store, &names, &place->directory, err);
        else if (r == 0 && place->file.target)
                r = save_to_file(store, &names, format, &place->file, err);
        else if (r == 0)
                r = save_to_fd(store, &names, format, STDOUT_FILENO, "standard output", err);
        strv_done(&names);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        _cleanup_(place_done) struct place place = { .file = WHOLE_FILE_INIT,
                                                     .directory = WHOLE_DIRECTORY_INIT };
        const char *output = NULL, *format_text = NULL;
        const struct option_spec options[] = {
                { OPTION_STRING, 'o', "output", &output, "FILE", "Write here (standard output)" },
                { OPTION_STRING, 0, "format", &format_text, "FORMAT",
                  "docker-archive (the default), oci-archive or oci-dir" },
        };
        const char *leftovers[] = { NULL, NULL };
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
                r = find_place(output, format, &place, &err);
        if (r < 0) {
                store_free(store);
                return cli_fail(&err, EXIT_FAILURE);
        }
        leftovers[0] = place.directory.target ? place.directory.temporary : place.file.temporary;
        if (!cli_guard(store, leftovers, &status))
                return status;
        if (save(store, &arguments, &place, format, &err) < 0) {
                cli_hint_full(&err);
                status = cli_fail(&err, EXIT_FAILURE);
        }
        store_free(store);
        return status;
}

const struct command cmd_save = {
        .name = "save",
        .arguments = "[OPTIONS] IMAGE...",
        .summary = "Write images to an archive or a directory",
        .details = "Examples:\n"
                   "  varve save -o app.tar app\n"
                   "  varve save app | docker load\n"
                   "  varve save --format oci-archive -o app.oci app",
        .run = run,
};
