#include "mounts.h"
#include "tree.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SHM_DEFAULT_BYTES (64ULL * 1024 * 1024)

/* The group that owns terminals on all common systems. */
#define TTY_GID 5

/* A user namespace may not make devices: the host's are bound, after a look that they are what
 * their name says. */
static const struct {
        const char *name;
        unsigned int major, minor;
} devices[] = {
        { "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
        { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
        const char *name, *target;
} links[] = {
        { "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
        { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
        { "ptmx", "pts/ptmx" },          { "core", "/proc/kcore" },
};

static int add_device(int dev_fd, const char *name, dev_t number, struct error *err)
{
        _cleanup_close_ int source = -1, target = -1;
        char path[32];
        struct stat st;

        snprintf(path, sizeof(path), "/dev/%s", name);
        source = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (source < 0 || fstat(source, &st) < 0)
                return error_set_errno(err, -errno, "cannot open the host's %s", path);
        if (!S_ISCHR(st.st_mode) || st.st_rdev != number)
                return error_set(err, -ENODEV, "the host's %s is not the device of that name",
                                 path);
        target = openat(dev_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
        if (target < 0)
                return error_set_errno(err, -errno, "cannot make %s", path);
        return tree_bind(dev_fd, name, source, false, err);
}

static int add_directory(int dev_fd, const char *name, const char *fstype, unsigned long flags,
                         const char *options, struct error *err)
{
        if (mkdirat(dev_fd, name, 0755) < 0)
                return error_set_errno(err, -errno, "cannot make /dev/%s", name);
        return tree_mount(dev_fd, name, fstype, flags, options, err);
}

static int fill_dev(const struct helper *helper, int dev_fd, struct error *err)
{
        uint64_t shm_size = helper->spec->shm_size_bytes;
        char options[64];
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
                r = add_device(dev_fd, devices[i].name, makedev(devices[i].major, devices[i].minor),
                               err);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                if (symlinkat(links[i].target, dev_fd, links[i].name) < 0)
                        return error_set_errno(err, -errno, "cannot make /dev/%s", links[i].name);
        }
        snprintf(options, sizeof(options), "newinstance,ptmxmode=0666,mode=0620");
        if (helper_has_ranges(helper))
                snprintf(options + strlen(options), sizeof(options) - strlen(options), ",gid=%d",
                         TTY_GID);
        r = add_directory(dev_fd, "pts", "devpts", MS_NOSUID | MS_NOEXEC, options, err);
        if (r < 0)
                return r;
        snprintf(options, sizeof(options), "mode=1777,size=%llu",
                 (unsigned long long)(shm_size ? shm_size : SHM_DEFAULT_BYTES));
        r = add_directory(dev_fd, "shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options, err);
        if (r < 0)
                return r;
        return add_directory(dev_fd, "mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL,
                             err);
}

int mounts_add_dev(const struct helper *helper, int root_fd, struct error *err)
{
        _cleanup_close_ int dev_fd = -1;
        int r;

        r = tree_mount(root_fd, "/dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=0755,size=64m",
                       err);
        if (r < 0)
                return r;
        r = tree_open(root_fd, "/dev", &dev_fd);
        if (r < 0)
                return error_set_errno(err, r, "cannot open /dev");
        return fill_dev(helper, dev_fd, err);
}

int mounts_add_terminal(struct helper *helper, int root_fd, struct error *err)
{
        _cleanup_close_ int dev_fd = -1, console_fd = -1;
        int r;

        if (!helper->spec->terminal && !helper->spec->executes)
                return 0;
        r = tree_open(root_fd, "/dev/pts", &helper->terminals_fd);
        if (r == 0)
                r = tree_open(root_fd, "/dev", &dev_fd);
        if (r < 0)
                return error_set_errno(err, r, "cannot open /dev");
        if (!helper->spec->terminal)
                return 0;
        r = terminal_make(helper, err);
        if (r < 0)
                return r;
        console_fd = openat(dev_fd, "console", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (console_fd < 0)
                return error_set_errno(err, -errno, "cannot make /dev/console");
        return tree_bind(dev_fd, "console", helper->terminal_fd, false, err);
}
