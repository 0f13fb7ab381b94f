#include "base/whole_file.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/strv.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(const char *path, int code, struct error *err)
{
        return error_set_errno(err, code, "cannot write %s", path);
}

/* A name in `directory` that nobody else has: what a process has left that was killed is in
 * nobody's way, not even of one with the same number. */
static int choose_temporary(const char *directory, char **ret, struct error *err)
{
        uint64_t chance;

        if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
                return error_set_errno(err, -errno, "cannot get random bytes");
        if (asprintf(ret, "%s/.varve-%016" PRIx64, directory, chance) < 0) {
                *ret = NULL;
                return error_set_oom(err);
        }
        return 0;
}

/* Whether rename(2) may put another file in the place of what may be there. */
static bool is_replaceable(const char *target, const char *parent)
{
        struct stat directory, file;
        struct statx stx;
        uid_t self = geteuid();

        if (euidaccess(parent, W_OK | X_OK) < 0 || stat(parent, &directory) < 0)
                return false;
        if (statx(AT_FDCWD, target, 0, 0, &stx) == 0 &&
            (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
                return false;
        return !(directory.st_mode & S_ISVTX) || stat(target, &file) < 0 || file.st_uid == self ||
               directory.st_uid == self || self == 0;
}

/* ---- files ---- */

/* The descriptor that a path is by its name, or -1. */
static int find_given(const char *path)
{
        static const char *const roots[] = { "/dev/fd/", "/proc/self/fd/" };

        if (strcmp(path, "/dev/stdout") == 0)
                return STDOUT_FILENO;
        if (strcmp(path, "/dev/stderr") == 0)
                return STDERR_FILENO;
        for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
                size_t len = strlen(roots[i]);

                if (strncmp(path, roots[i], len) == 0 && isdigit((uint8_t)path[len]) &&
                    strspn(path + len, "0123456789") == strlen(path + len) &&
                    strlen(path + len) < 8)
                        return atoi(path + len);
        }
        return -1;
}

static int plan_given(const char *path, struct whole_file *file, struct error *err)
{
        int flags = fcntl(file->given, F_GETFL);

        if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
                return refuse(path, -EBADF, err);
        file->target = strdup(path);
        return file->target ? 0 : error_set_oom(err);
}

/* Where a path leads that nothing is at yet: its directory, without links, and the name. */
static int find_new(const char *path, char **ret, struct error *err)
{
        char parent[PATH_MAX];
        _cleanup_free_ char *directory = NULL;
        const char *name = path_base(path);
        struct stat st;
        int r = path_parent(path, parent, sizeof(parent));

        if (r < 0 || !*name || path_name_is_dot(name, strlen(name)))
                return refuse(path, r < 0 ? r : -EISDIR, err);
        if (lstat(path, &st) == 0)
                return error_set(err, -ENOENT, "cannot write %s: it is a link that leads nowhere",
                                 path);
        directory = realpath(parent, NULL);
        if (!directory)
                return refuse(path, -errno, err);
        if (asprintf(ret, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, name) < 0) {
                *ret = NULL;
                return error_set_oom(err);
        }
        return 0;
}

/* A regular file, or one that is not there yet. */
static int plan_regular(const char *path, bool is_there, struct whole_file *file, struct error *err)
{
        char parent[PATH_MAX];
        int r;

        if (is_there) {
                file->target = realpath(path, NULL);
                if (!file->target)
                        return refuse(path, -errno, err);
        } else {
                r = find_new(path, &file->target, err);
                if (r < 0)
                        return r;
        }
        r = path_parent(file->target, parent, sizeof(parent));
        if (r < 0)
                return refuse(path, r, err);
        if (is_replaceable(file->target, parent))
                return choose_temporary(parent, &file->temporary, err);
        if (euidaccess(is_there ? file->target : parent, W_OK) < 0)
                return refuse(path, -errno, err);
        file->is_regular = true;
        return 0;
}

int whole_file_plan(const char *path, struct whole_file *ret, struct error *err)
{
        struct whole_file file = WHOLE_FILE_INIT;
        struct stat st;
        int found = stat(path, &st) < 0 ? -errno : 0;
        int r;

        file.given = find_given(path);
        if (file.given >= 0) {
                r = plan_given(path, &file, err);
        } else if (found == 0 && S_ISDIR(st.st_mode)) {
                r = refuse(path, -EISDIR, err);
        } else if (found == 0 ? S_ISREG(st.st_mode) : found == -ENOENT) {
                r = plan_regular(path, found == 0, &file, err);
        } else if (found < 0) {
                r = refuse(path, found, err);
        } else if (euidaccess(path, W_OK) < 0) {
                r = refuse(path, -errno, err);
        } else {
                file.target = strdup(path);
                r = file.target ? 0 : error_set_oom(err);
        }
        if (r < 0)
                whole_file_done(&file);
        else
                *ret = file;
        return r;
}

bool whole_file_is(const struct whole_file *file, const struct whole_file *other)
{
        struct stat one, two;

        if (strcmp(file->target, other->target) == 0)
                return true;
        return stat(file->target, &one) == 0 && stat(other->target, &two) == 0 &&
               one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

int whole_file_open(struct whole_file *file, struct error *err)
{
        if (file->given >= 0)
                file->fd = fcntl(file->given, F_DUPFD_CLOEXEC, 0);
        else if (file->temporary)
                file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        else
                file->fd =
                        open(file->target, O_WRONLY | O_CLOEXEC | (file->is_regular ? O_TRUNC : 0));
        return file->fd < 0 ? refuse(file->target, -errno, err) : 0;
}

int whole_file_finish(struct whole_file *file, struct error *err)
{
        if (file->temporary && (fsync(file->fd) < 0 || rename(file->temporary, file->target) < 0))
                return refuse(file->target, -errno, err);
        close(TAKE_FD(file->fd));
        return 0;
}

int whole_file_write(struct whole_file *file, const void *data, size_t len, struct error *err)
{
        int r = whole_file_open(file, err);

        if (r < 0)
                return r;
        r = io_write(file->fd, data, len);
        return r < 0 ? refuse(file->target, r, err) : whole_file_finish(file, err);
}

void whole_file_done(struct whole_file *file)
{
        if (file->fd >= 0) {
                close(file->fd);
                if (file->temporary)
                        unlink(file->temporary);
        }
        free(file->target);
        free(file->temporary);
        *file = WHOLE_FILE_INIT;
}

/* ---- directories ---- */

/* Finds the part of a path that is there, a directory, and the rest. */
static int split_path(const char *path, char **ret_there, const char **ret_rest, struct error *err)
{
        _cleanup_free_ char *head = strdup(path);
        struct stat st;

        if (!head)
                return error_set_oom(err);
        while (lstat(*head ? head : ".", &st) < 0) {
                char *slash = strrchr(head, '/');

                if (errno != ENOENT)
                        return refuse(path, -errno, err);
                *(slash == head ? slash + 1 : slash ? slash : head) = '\0';
        }
        *ret_rest = path + strlen(head) + (path[strlen(head)] == '/');
        *ret_there = realpath(*head ? head : ".", NULL);
        if (!*ret_there || stat(*ret_there, &st) < 0)
                return refuse(path, -errno, err);
        return S_ISDIR(st.st_mode) ? 0 : refuse(path, -ENOTDIR, err);
}

static int check_empty(const char *path, struct error *err)
{
        struct strv names = STRV_INIT;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = fd < 0 ? -errno : io_list_names(fd, &names);

        if (r < 0) {
                refuse(path, r, err);
        } else if (names.count > 0) {
                r = error_set(err, -ENOTEMPTY, "%s is not empty", path);
                error_hint(err, "Name a directory that is not there, or remove what is in it.");
        }
        strv_done(&names);
        return r;
}

int whole_directory_plan(const char *path, bool empty, struct whole_directory *ret,
                         struct error *err)
{
        struct whole_directory directory = WHOLE_DIRECTORY_INIT;
        _cleanup_free_ char *clean = path_clean(path), *there = NULL;
        const char *rest = "";
        int r = clean ? split_path(clean, &there, &rest, err) : error_set_oom(err);

        if (r < 0)
                return r;
        directory.is_there = !*rest;
        if (asprintf(&directory.target, *rest ? "%s/%s" : "%s%s",
                     *rest && strcmp(there, "/") == 0 ? "" : there, rest) < 0) {
                directory.target = NULL;
                return error_set_oom(err);
        }
        if (euidaccess(there, W_OK | X_OK) < 0)
                r = refuse(path, -errno, err);
        if (r == 0 && directory.is_there && empty)
                r = check_empty(path, err);
        if (r == 0)
                r = choose_temporary(there, &directory.temporary, err);
        if (r < 0)
                whole_directory_done(&directory);
        else
                *ret = directory;
        return r;
}

int whole_directory_open(struct whole_directory *directory, struct error *err)
{
        if (mkdir(directory->temporary, 0777) == 0)
                directory->fd =
                        open(directory->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return directory->fd < 0 ? refuse(directory->target, -errno, err) : 0;
}

static int make_parents(const char *path, struct error *err)
{
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return error_set_oom(err);
        for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
                *at = '\0';
                if (mkdir(copy, 0777) < 0 && errno != EEXIST)
                        return refuse(path, -errno, err);
                *at = '/';
        }
        return 0;
}

static int move_all(const struct whole_directory *directory, const char *last, struct error *err)
{
        _cleanup_close_ int to_fd = open(directory->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct strv names = STRV_INIT;
        int r = to_fd < 0 ? -errno : io_list_names(directory->fd, &names);

        for (size_t i = 0; i < names.count && r == 0; i++)
                if (strcmp(names.items[i], last) != 0 &&
                    renameat(directory->fd, names.items[i], to_fd, names.items[i]) < 0)
                        r = -errno;
        if (r == 0 && renameat(directory->fd, last, to_fd, last) < 0)
                r = -errno;
        strv_done(&names);
        return r < 0 ? refuse(directory->target, r, err) : 0;
}

int whole_directory_finish(struct whole_directory *directory, const char *last, struct error *err)
{
        int r;

        if (syncfs(directory->fd) < 0)
                return refuse(directory->target, -errno, err);
        if (directory->is_there)
                return move_all(directory, last, err);
        r = make_parents(directory->target, err);
        if (r == 0 && rename(directory->temporary, directory->target) < 0)
                r = refuse(directory->target, -errno, err);
        return r;
}

void whole_directory_done(struct whole_directory *directory)
{
        struct error ignored = ERROR_INIT;

        if (directory->fd >= 0) {
                close(directory->fd);
                io_remove_tree(AT_FDCWD, directory->temporary, &ignored);
        }
        free(directory->target);
        free(directory->temporary);
        *directory = WHOLE_DIRECTORY_INIT;
}
