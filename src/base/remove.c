/*
 * Removing a tree. A directory is emptied of all but directories when it is entered; these are
 * gone into one after the other, and ".." leads back. So only the innermost one is open.
 */
#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/strv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct level {
        dev_t device;
        ino_t inode;
        struct strv names; /* of its directories; the last one is the next */
};

struct removal {
        struct level *levels; /* owned */
        size_t count;
        size_t room;
        int fd; /* of the innermost one; owned */
};

static void removal_done(struct removal *removal)
{
        while (removal->count > 0)
                strv_done(&removal->levels[--removal->count].names);
        free(removal->levels);
        if (removal->fd >= 0)
                close(removal->fd);
}

static int add_level(struct removal *removal)
{
        struct stat st;

        if (fstat(removal->fd, &st) < 0)
                return -errno;
        if (removal->count == removal->room) {
                size_t room = removal->room > 0 ? removal->room * 2 : 16;
                struct level *levels = reallocarray(removal->levels, room, sizeof(*levels));

                if (!levels)
                        return -ENOMEM;
                removal->levels = levels;
                removal->room = room;
        }
        removal->levels[removal->count++] =
                (struct level){ .device = st.st_dev, .inode = st.st_ino, .names = STRV_INIT };
        return 0;
}

/* Removes all but directories of the innermost one, and notes those. */
static int empty(int fd, struct strv *ret_names)
{
        struct dirent *entry;
        DIR *dir;
        int r = io_open_dir(fd, ".", &dir);

        if (r < 0)
                return r;
        while (r == 0 && (errno = 0, entry = readdir(dir))) {
                if (path_name_is_dot(entry->d_name, strlen(entry->d_name)) ||
                    unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT)
                        continue;
                r = errno == EISDIR ? strv_add(ret_names, entry->d_name) : -errno;
        }
        if (r == 0)
                r = -errno;
        closedir(dir);
        return r;
}

static int enter(struct removal *removal, int dir_fd, const char *name)
{
        int fd = io_open_own(dir_fd, name), r;

        if (fd < 0)
                return fd;
        if (removal->fd >= 0)
                close(removal->fd);
        removal->fd = fd;
        r = add_level(removal);
        return r == 0 ? empty(fd, &removal->levels[removal->count - 1].names) : r;
}

/* Back to the directory around. */
static int leave(struct removal *removal)
{
        const struct level *around = &removal->levels[removal->count - 2];
        _cleanup_close_ int fd = openat(removal->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_dev != around->device || st.st_ino != around->inode)
                return -EXDEV;
        close(removal->fd);
        removal->fd = TAKE_FD(fd);
        strv_done(&removal->levels[--removal->count].names);
        return 0;
}

/* Removes the directory that is the next of the innermost one. */
static int remove_next(struct removal *removal)
{
        struct strv *names = &removal->levels[removal->count - 1].names;

        if (unlinkat(removal->fd, names->items[names->count - 1], AT_REMOVEDIR) < 0 &&
            errno != ENOENT)
                return -errno;
        free(names->items[--names->count]);
        names->items[names->count] = NULL;
        return 0;
}

static int remove_directory(int dir_fd, const char *path)
{
        struct removal removal = { .fd = -1 };
        int r = enter(&removal, dir_fd, path);

        while (r == 0) {
                const struct strv *names = &removal.levels[removal.count - 1].names;

                if (names->count > 0) {
                        r = enter(&removal, removal.fd, names->items[names->count - 1]);
                } else if (removal.count > 1) {
                        r = leave(&removal);
                        if (r == 0)
                                r = remove_next(&removal);
                } else {
                        break;
                }
        }
        removal_done(&removal);
        if (r == 0 && unlinkat(dir_fd, path, AT_REMOVEDIR) < 0)
                r = -errno;
        return r;
}

int io_remove_tree(int dir_fd, const char *path, struct error *err)
{
        int r;

        if (unlinkat(dir_fd, path, 0) == 0 || errno == ENOENT)
                return 0;
        r = errno == EISDIR ? remove_directory(dir_fd, path) : -errno;
        return r < 0 ? error_set_errno(err, r, "cannot remove %s", path) : 0;
}
