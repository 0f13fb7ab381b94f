#include "tree.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

/* As <linux/mount.h> has them, which cannot be included beside <sys/mount.h> everywhere. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#endif
#ifndef MOVE_MOUNT_T_EMPTY_PATH
#define MOVE_MOUNT_T_EMPTY_PATH 0x00000040
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* "/proc/self/fd/" and a number. */
#define FD_PATH_MAX 32

static void fd_path(int fd, char ret[static FD_PATH_MAX])
{
        snprintf(ret, FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

int tree_open(int root_fd, const char *path, int *ret_fd)
{
        _cleanup_close_ int at = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        char component[NAME_MAX + 1];
        struct stat st;
        const char *name;
        size_t len;

        if (at < 0)
                return -errno;
        while ((len = path_next(&path, &name)) > 0) {
                int next;

                if (len > NAME_MAX)
                        return -ENAMETOOLONG;
                if (len == 2 && memcmp(name, "..", 2) == 0)
                        return -EINVAL;
                memcpy(component, name, len);
                component[len] = '\0';
                next = openat(at, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                if (next < 0)
                        return -errno;
                close(at);
                at = next;
                if (fstat(at, &st) < 0)
                        return -errno;
                if (S_ISLNK(st.st_mode))
                        return -ELOOP;
        }
        *ret_fd = TAKE_FD(at);
        return 0;
}

static int open_mount_point(int root_fd, const char *path, int *ret_fd, struct error *err)
{
        int r = tree_open(root_fd, path, ret_fd);

        if (r == -ELOOP)
                return error_set(
                        err, r,
                        "cannot mount on %s: it is or lies behind a symbolic link of the image",
                        path);
        if (r < 0)
                return error_set_errno(err, r, "cannot mount on %s", path);
        return 0;
}

int tree_mount(int root_fd, const char *path, const char *fstype, unsigned long flags,
               const char *options, struct error *err)
{
        _cleanup_close_ int fd = -1;
        char target[FD_PATH_MAX];
        int r;

        r = open_mount_point(root_fd, path, &fd, err);
        if (r < 0)
                return r;
        fd_path(fd, target);
        if (mount(fstype, target, fstype, flags, options) < 0)
                return error_set_errno(err, -errno, "cannot mount %s on %s", fstype, path);
        return 0;
}

/* As mount_setattr(2), for which Debian 12 has no function. Recursion needs it (5.12). */
static int set_read_only_recursively(int fd)
{
        struct {
                uint64_t attr_set, attr_clr, propagation, userns_fd;
        } attr = { .attr_set = 1 /* MOUNT_ATTR_RDONLY */ };

        if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) <
            0)
                return -errno;
        return 0;
}

/* One mount; flags that the host has set on it are locked and have to be repeated. */
static int set_read_only(int fd)
{
        static const struct {
                unsigned long have, keep;
        } flags[] = {
                { ST_NOSUID, MS_NOSUID },     { ST_NODEV, MS_NODEV },
                { ST_NOEXEC, MS_NOEXEC },     { ST_NOATIME, MS_NOATIME },
                { ST_RELATIME, MS_RELATIME }, { ST_NODIRATIME, MS_NODIRATIME },
        };
        unsigned long remount = MS_REMOUNT | MS_BIND | MS_RDONLY;
        char target[FD_PATH_MAX];
        struct statvfs st;

        if (fstatvfs(fd, &st) < 0)
                return -errno;
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                if (st.f_flag & flags[i].have)
                        remount |= flags[i].keep;
        }
        fd_path(fd, target);
        return mount(NULL, target, NULL, remount, NULL) < 0 ? -errno : 0;
}

int tree_make_read_only(int root_fd, const char *path, bool recursive, struct error *err)
{
        _cleanup_close_ int fd = -1;
        int r;

        r = open_mount_point(root_fd, path, &fd, err);
        if (r < 0)
                return r;
        r = recursive ? set_read_only_recursively(fd) : set_read_only(fd);
        if (r == -ENOSYS)
                return error_set(err, r,
                                 "cannot mount on %s: making other mounts below it read-only "
                                 "needs Linux 5.12",
                                 path);
        if (r < 0)
                return error_set_errno(err, r, "cannot make %s read-only", path);
        return 0;
}

int tree_bind(int root_fd, const char *path, int source_fd, bool read_only, struct error *err)
{
        char source[FD_PATH_MAX], target[FD_PATH_MAX];
        _cleanup_close_ int fd = -1;
        bool recursive = false;
        int r;

        r = open_mount_point(root_fd, path, &fd, err);
        if (r < 0)
                return r;
        fd_path(source_fd, source);
        fd_path(fd, target);
        r = mount(source, target, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
        if (r == -EINVAL) {
                /* The kernel shows nobody what the mounts of the host below a directory hide. */
                recursive = true;
                r = mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
        }
        if (r < 0)
                return error_set_errno(err, r, "cannot mount on %s", path);
        return read_only ? tree_make_read_only(root_fd, path, recursive, err) : 0;
}

int tree_clone(int fd, int *ret_fd, bool *ret_recursive)
{
        const unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
        long clone = syscall(SYS_open_tree, fd, "", flags);

        *ret_recursive = false;
        if (clone < 0 && errno == EINVAL) {
                /* As in tree_bind(). */
                *ret_recursive = true;
                clone = syscall(SYS_open_tree, fd, "", flags | AT_RECURSIVE);
        }
        if (clone < 0)
                return -errno;
        *ret_fd = (int)clone;
        return 0;
}

int tree_attach(int root_fd, const char *path, int clone_fd, bool recursive, bool read_only,
                struct error *err)
{
        _cleanup_close_ int fd = -1;
        int r;

        r = open_mount_point(root_fd, path, &fd, err);
        if (r < 0)
                return r;
        if (syscall(SYS_move_mount, clone_fd, "", fd, "",
                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return error_set_errno(err, -errno, "cannot mount on %s", path);
        return read_only ? tree_make_read_only(root_fd, path, recursive, err) : 0;
}
