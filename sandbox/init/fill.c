#include "mounts.h"
#include "tree.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * An empty volume gets what the image has where it is mounted, with owners and modes. It is done in
 * here because only here the owners can be given. Both sides are walked by descriptors, so that no
 * link leads out of them; devices and sockets, which nobody may make, are left out.
 */

#define FILL_DEPTH_MAX 128

static int copy_bytes(int from_fd, int to_fd)
{
        char data[16384];
        ssize_t n;

        while ((n = read(from_fd, data, sizeof(data))) > 0)
                for (ssize_t done = 0, m; done < n; done += m) {
                        m = write(to_fd, data + done, (size_t)(n - done));
                        if (m < 0)
                                return -errno;
                }
        return n < 0 ? -errno : 0;
}

/* The owner comes before the mode, which a change of owner may cut. */
static int copy_attributes(const struct stat *st, int dir_fd, const char *name)
{
        const struct timespec times[] = { st->st_atim, st->st_mtim };

        if (fchownat(dir_fd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISLNK(st->st_mode) && fchmodat(dir_fd, name, st->st_mode & 07777, 0) < 0)
                return -errno;
        return utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name)
{
        _cleanup_close_ int from_fd = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_close_ int to_fd = -1;

        if (from_fd < 0)
                return -errno;
        to_fd = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        return to_fd < 0 ? -errno : copy_bytes(from_fd, to_fd);
}

static int copy_link(int from_dir, int to_dir, const char *name)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

        if (n < 0)
                return -errno;
        target[n] = '\0';
        return symlinkat(target, to_dir, name) < 0 ? -errno : 0;
}

static int copy_entries(int from_fd, int to_fd, unsigned depth);

static int copy_directory(int from_dir, int to_dir, const char *name, unsigned depth)
{
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int from_fd, to_fd, r;

        if (depth >= FILL_DEPTH_MAX)
                return -ELOOP;
        if (mkdirat(to_dir, name, 0700) < 0)
                return -errno;
        from_fd = openat(from_dir, name, flags);
        to_fd = openat(to_dir, name, flags);
        r = from_fd < 0 || to_fd < 0 ? -errno : copy_entries(from_fd, to_fd, depth + 1);
        if (from_fd >= 0)
                close(from_fd);
        if (to_fd >= 0)
                close(to_fd);
        return r;
}

static int copy_entry(int from_fd, int to_fd, const char *name, unsigned depth)
{
        struct stat st;
        int r;

        if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                r = copy_directory(from_fd, to_fd, name, depth);
        else if (S_ISREG(st.st_mode))
                r = copy_file(from_fd, to_fd, name);
        else if (S_ISLNK(st.st_mode))
                r = copy_link(from_fd, to_fd, name);
        else if (S_ISFIFO(st.st_mode))
                r = mkfifoat(to_fd, name, 0600) < 0 ? -errno : 0;
        else
                return 0;
        /* Another container that has begun with it fills it, too. */
        if (r == -EEXIST)
                return 0;
        return r < 0 ? r : copy_attributes(&st, to_fd, name);
}

static bool is_dot(const char *name)
{
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int copy_entries(int from_fd, int to_fd, unsigned depth)
{
        int fd = fcntl(from_fd, F_DUPFD_CLOEXEC, 0), r = 0;
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir) {
                r = -errno;
                if (fd >= 0)
                        close(fd);
                return r;
        }
        while (r == 0 && (errno = 0, entry = readdir(dir)))
                if (!is_dot(entry->d_name))
                        r = copy_entry(from_fd, to_fd, entry->d_name, depth);
        if (r == 0 && errno != 0)
                r = -errno;
        closedir(dir);
        return r;
}

static bool is_empty(int fd)
{
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        struct dirent *entry;

        if (!dir) {
                if (copy >= 0)
                        close(copy);
                return false;
        }
        while ((entry = readdir(dir)) && is_dot(entry->d_name))
                ;
        closedir(dir);
        return !entry;
}

int mounts_fill(int root_fd, const char *target, int volume_fd, struct error *err)
{
        _cleanup_close_ int at = -1, from_fd = -1, to_fd = -1;
        struct stat st;
        int r;

        if (!is_empty(volume_fd))
                return 0;
        r = tree_open(root_fd, target, &at);
        if (r < 0)
                return error_set_errno(err, r, "cannot mount on %s", target);
        if (fstat(at, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0;
        from_fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        to_fd = openat(volume_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = from_fd < 0 || to_fd < 0 ? -errno : copy_entries(from_fd, to_fd, 0);
        if (r == 0)
                r = copy_attributes(&st, to_fd, ".");
        if (r < 0)
                return error_set_errno(
                        err, r, "cannot fill the volume with what the image has at %s", target);
        return 0;
}
