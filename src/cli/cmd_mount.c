/*
 * The files of an image as a mount, which varve-fs serves until it is unmounted.
 */
#include "base/buf.h"
#include "base/cleanup.h"
#include "build/layers.h"
#include "commands.h"
#include "fs/tree.h"
#include "log.h"
#include "store/images.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM   "varve-fs"
#define UNMOUNTER "umount.fuse.varve-fs" /* what that program is called for the other thing */

/* Executes varve-fs, which lies beside this program or in $PATH. Returns where it cannot. */
static int execute_server(const char *const *argv, struct error *err)
{
        char path[PATH_MAX];
        ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof(PROGRAM));

        path[len > 0 ? len : 0] = '\0';
        if (strrchr(path, '/')) {
                strcpy(strrchr(path, '/') + 1, PROGRAM);
                execv(path, (char *const *)(uintptr_t)argv);
        }
        execvp(PROGRAM, (char *const *)(uintptr_t)argv);
        error_set_errno(err, -errno, "cannot execute " PROGRAM);
        return error_hint(err, "It is installed beside varve.");
}

/* ---- mount ---- */

/* The options of varve-fs part at ":" and ",". */
static int append_escaped(struct buf *ret, const char *path)
{
        int r = 0;

        for (; *path && r == 0; path++) {
                if (strchr(":,\\", *path))
                        r = buf_append_char(ret, '\\');
                if (r == 0)
                        r = buf_append_char(ret, *path);
        }
        return r;
}

/* "ro,lowerdir=...", the topmost layer first. */
static int make_options(struct store *store, const struct image_config *config, struct buf *ret)
{
        int r = buf_append_str(ret, "ro,lowerdir=");

        for (size_t i = config->diff_id_count; i-- > 0 && r == 0;) {
                char hex[DIGEST_HEX_MAX];

                digest_format_hex(&config->diff_ids[i], hex);
                r = append_escaped(ret, store_root(store));
                if (r == 0)
                        r = buf_appendf(ret, "/layers/%s.tar%s", hex, i > 0 ? ":" : "");
        }
        return r;
}

/* Makes sure that all layers lie there, each with its index. */
static int provide_layers(struct store *store, const char *name, struct stored_image *image,
                          struct error *err)
{
        struct tree *tree;
        int r = layers_open_image(store, image, &tree, err);

        if (r < 0)
                return r;
        tree_free(tree);
        if (image->config.diff_id_count == 0)
                return error_set(err, -EINVAL, "the image %s has no files", name);
        return 0;
}

/* Whether a filesystem begins at a directory; one whose server is gone cannot be looked at. */
static bool is_mounted_on(const char *path)
{
        _cleanup_free_ char *above = NULL;
        struct stat inner, outer;

        if (stat(path, &inner) < 0)
                return errno == ENOTCONN;
        return asprintf(&above, "%s/..", path) >= 0 && stat(above, &outer) == 0 &&
               inner.st_dev != outer.st_dev;
}

static int check_directory(const char *path, struct error *err)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return error_set_errno(err, -errno, "cannot mount on %s", path);
        if (!S_ISDIR(st.st_mode))
                return error_set(err, -ENOTDIR, "cannot mount on %s: it is no directory", path);
        if (is_mounted_on(path)) {
                error_set(err, -EBUSY, "cannot mount on %s: something is mounted there", path);
                return error_hint(err, "Take it away before: varve umount %s", path);
        }
        return 0;
}

static int mount_image(struct store *store, const char *name, const char *directory,
                       struct error *err)
{
        struct stored_image image;
        struct buf options = BUF_INIT;
        int r = check_directory(directory, err);

        if (r == 0)
                r = store_image_find(store, name, NULL, &image, err);
        if (r < 0) {
                store_free(store);
                return r;
        }
        r = provide_layers(store, name, &image, err);
        if (r == 0 && make_options(store, &image.config, &options) < 0)
                r = error_set_oom(err);
        stored_image_done(&image);
        store_free(store);
        if (r == 0) {
                const char *const argv[] = { PROGRAM,   "-o", buf_str(&options), "--", name,
                                             directory, NULL };

                r = execute_server(argv, err);
        }
        buf_done(&options);
        return r;
}

static int run_mount(const struct command *command, int argc, char **argv)
{
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, NULL, 0, argc, argv, 2, 2, &arguments, &store, &status))
                return status;
        mount_image(store, arguments.items[0], arguments.items[1], &err);
        return cli_fail(&err, EXIT_FAILURE);
}

const struct command cmd_mount = {
        .name = "mount",
        .arguments = "IMAGE DIRECTORY",
        .summary = "Show the files of an image in a directory, to be read",
        .details = "They stay until `varve umount DIRECTORY`, or umount(8). Owners are those of "
                   "the image,\n"
                   "and only who has mounted it gets in.\n\n"
                   "Example:\n"
                   "  varve mount debian:12 /tmp/debian && ls /tmp/debian && varve umount "
                   "/tmp/debian",
        .run = run_mount,
};

/* ---- umount ---- */

static int run_umount(const struct command *command, int argc, char **argv)
{
        struct error err = ERROR_INIT;
        struct arguments arguments;
        int status;

        if (!cli_begin(command, NULL, 0, argc, argv, 1, 1, &arguments, NULL, &status))
                return status;
        const char *const words[] = { UNMOUNTER, arguments.items[0], NULL };

        if (access(arguments.items[0], F_OK) < 0 && errno != ENOTCONN)
                error_set_errno(&err, -errno, "cannot unmount %s", arguments.items[0]);
        else if (!is_mounted_on(arguments.items[0]))
                error_set(&err, -EINVAL, "nothing is mounted on %s", arguments.items[0]);
        else
                execute_server(words, &err);
        return cli_fail(&err, EXIT_FAILURE);
}

const struct command cmd_umount = {
        .name = "umount",
        .arguments = "DIRECTORY",
        .summary = "Take the files of an image out of a directory again",
        .details = "Example:\n  varve umount /tmp/debian",
        .run = run_umount,
};
