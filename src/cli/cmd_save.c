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

/* Finds the file that `path` leads to, which is not the symlink itself. The caller frees it. */
static int find_target(const char *path, char **ret, struct error *err)
{
        struct stat st;

        *ret = realpath(path, NULL);
        if (*ret)
                return 0;
        if (errno != ENOENT)
                return error_set_errno(err, -errno, "cannot write %s", path);
        if (lstat(path, &st) == 0)
                return error_set(err, -ENOENT, "cannot write %s: it is a link that leads nowhere",
                                 path);
        *ret = strdup(path);
        return *ret ? 0 : error_set_oom(err);
}

/* Where a file is written before it is renamed; NULL for a device or a pipe, which is written as it
 * is. */
static int choose_temporary(const char *path, char **ret, struct error *err)
{
        struct stat st;

        *ret = NULL;
        if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
                return 0;
        if (asprintf(ret, "%s.tmp-%d", path, (int)getpid()) < 0) {
                *ret = NULL;
                return error_set_oom(err);
        }
        return 0;
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
                        const char *path, const char *temporary, struct error *err)
{
        _cleanup_close_ int fd = -1;
        int r;

        fd = open(temporary ? temporary : path,
                  O_WRONLY | O_CREAT | O_CLOEXEC | (temporary ? O_EXCL : 0), 0666);
        if (fd < 0)
                return error_set_errno(err, -errno, "cannot write %s", path);
        r = save_to_fd(store, names, format, fd, path, err);
        if (r == 0 && temporary && (fsync(fd) < 0 || rename(temporary, path) < 0))
                r = error_set_errno(err, -errno, "cannot write %s", path);
        if (r == -ENOSPC || r == -EDQUOT)
                error_hint(err, "Free some room there, or write to another filesystem.");
        if (r < 0 && temporary)
                unlink(temporary);
        return r;
}

static int save(struct store *store, const struct arguments *arguments, const char *output,
                const char *temporary, const char *format_text, struct error *err)
{
        struct strv names = STRV_INIT;
        enum image_format format;
        int r = choose_format(format_text, &format, err);

        for (size_t i = 0; i < arguments->count && r == 0; i++)
                if (strv_add(&names, arguments->items[i]) < 0)
                        r = error_set_oom(err);
        if (r == 0 && output) {
                r = save_to_file(store, &names, format, output, temporary, err);
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
        _cleanup_free_ char *target = NULL, *temporary = NULL;
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
        if (output && (find_target(output, &target, &err) < 0 ||
                       choose_temporary(target, &temporary, &err) < 0)) {
                store_free(store);
                return cli_fail(&err, EXIT_FAILURE);
        }
        if (!cli_guard(store, temporary, &status))
                return status;
        if (save(store, &arguments, target, temporary, format, &err) < 0)
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
