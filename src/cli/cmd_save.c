#include "base/cleanup.h"
#include "build/archives.h"
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* Whether a file is written beside and renamed: a device or a pipe is written as it is. */
static bool is_replaceable(const char *path)
{
        struct stat st;

        return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

static int save_to_fd(struct store *store, const struct strv *names, enum image_format format,
                      int fd, const char *name, struct error *err)
{
        struct fd_stream stream = { .fd = fd, .name = name };
        struct byte_sink sink = byte_sink_of_fd(&stream);

        return images_save(store, names, format, &sink, err);
}

/* The file is there as a whole or not at all. */
static int save_to_file(struct store *store, const struct strv *names, enum image_format format,
                        const char *path, struct error *err)
{
        bool replace = is_replaceable(path);
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (asprintf(&temporary, replace ? "%s.tmp-%d" : "%s", path, (int)getpid()) < 0) {
                temporary = NULL;
                return error_set_oom(err);
        }
        fd = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_EXCL : 0), 0666);
        if (fd < 0)
                return error_set_errno(err, -errno, "cannot write %s", path);
        r = save_to_fd(store, names, format, fd, path, err);
        if (r == 0 && replace && (fsync(fd) < 0 || rename(temporary, path) < 0))
                r = error_set_errno(err, -errno, "cannot write %s", path);
        if (r < 0 && replace)
                unlink(temporary);
        return r;
}

static int save(struct store *store, const struct arguments *arguments, const char *output,
                const char *format_text, struct error *err)
{
        struct strv names = STRV_INIT;
        enum image_format format;
        int r = choose_format(format_text, &format, err);

        for (size_t i = 0; i < arguments->count && r == 0; i++)
                if (strv_add(&names, arguments->items[i]) < 0)
                        r = error_set_oom(err);
        if (r == 0 && output) {
                r = save_to_file(store, &names, format, output, err);
        } else if (r == 0 && isatty(STDOUT_FILENO)) {
                r = error_set(err, -EINVAL, "an archive is not written to a terminal");
                error_hint(err, "Name a file with -o FILE, or redirect standard output.");
        } else if (r == 0) {
                r = save_to_fd(store, &names, format, STDOUT_FILENO, "standard output", err);
        }
        strv_done(&names);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        const char *output = NULL, *format = NULL;
        const struct option_spec options[] = {
                { OPTION_STRING, 'o', "output", &output, "FILE", "Write here (standard output)" },
                { OPTION_STRING, 0, "format", &format, "FORMAT",
                  "docker-archive (the default) or oci-archive" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, SIZE_MAX, &arguments,
                       &store, &status))
                return status;
        if (save(store, &arguments, output, format, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
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
