#include "base/whole_file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Finds the file that `path` leads to, which is not the symlink itself. */
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

int whole_file_plan(const char *path, struct whole_file *ret, struct error *err)
{
        struct whole_file file = WHOLE_FILE_INIT;
        struct stat st;
        int r = find_target(path, &file.target, err);

        if (r < 0)
                return r;
        if (stat(file.target, &st) == 0 && S_ISDIR(st.st_mode))
                r = error_set_errno(err, -EISDIR, "cannot write %s", path);
        else if ((stat(file.target, &st) < 0 || S_ISREG(st.st_mode)) &&
                 asprintf(&file.temporary, "%s.tmp-%d", file.target, (int)getpid()) < 0) {
                file.temporary = NULL;
                r = error_set_oom(err);
        }
        if (r < 0)
                whole_file_done(&file);
        else
                *ret = file;
        return r;
}

int whole_file_open(struct whole_file *file, struct error *err)
{
        file->fd = open(file->temporary ? file->temporary : file->target,
                        O_WRONLY | O_CREAT | O_CLOEXEC | (file->temporary ? O_EXCL : 0), 0666);
        if (file->fd < 0)
                return error_set_errno(err, -errno, "cannot write %s", file->target);
        return 0;
}

int whole_file_finish(struct whole_file *file, struct error *err)
{
        if (file->temporary && (fsync(file->fd) < 0 || rename(file->temporary, file->target) < 0))
                return error_set_errno(err, -errno, "cannot write %s", file->target);
        close(TAKE_FD(file->fd));
        return 0;
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

int whole_directory_open(const char *target, const char *temporary, struct error *err)
{
        int fd = -1;

        if (mkdir(temporary, 0777) == 0)
                fd = open(temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? error_set_errno(err, -errno, "cannot write %s", target) : fd;
}

int whole_directory_finish(const char *target, const char *temporary, int fd, struct error *err)
{
        if (syncfs(fd) < 0 || rename(temporary, target) < 0)
                return error_set_errno(err, -errno, "cannot write %s", target);
        return 0;
}
