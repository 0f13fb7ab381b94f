#include "mounts.h"
#include "tree.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* What runc hides: the host's keys, memory and timers, and what can be asked of its firmware. */
static const char *const masked_proc[] = {
        "acpi",          "asound",      "interrupts", "kcore",      "keys",
        "latency_stats", "sched_debug", "scsi",       "timer_list", "timer_stats",
};

/* What changes the host, were one allowed to write. */
static const char *const read_only_proc[] = { "bus", "fs", "irq", "sys", "sysrq-trigger" };

static const char *const masked_sys[] = { "firmware", "devices/virtual/powercap" };

/* The parts of the host's sysfs that describe devices. What is left out (fs, kernel, power,
 * firmware) holds mounts and knobs of the host. */
static const char *const shown_sys[] = { "block", "bus", "class", "dev", "devices", "module" };

/* Hides what is at `path`, if anything: a directory under an empty one, a file under /dev/null. */
static int mask(int root_fd, const char *path, struct error *err)
{
        _cleanup_close_ int fd = -1, null_fd = -1;
        struct stat st;
        int r;

        r = tree_open(root_fd, path, &fd);
        if (r == -ENOENT || r == -EACCES)
                return 0;
        if (r < 0 || fstat(fd, &st) < 0)
                return error_set_errno(err, r < 0 ? r : -errno, "cannot mask %s", path);
        if (S_ISDIR(st.st_mode))
                return tree_mount(root_fd, path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV,
                                  "mode=0755", err);
        null_fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (null_fd < 0)
                return error_set_errno(err, -errno, "cannot open /dev/null");
        return tree_bind(root_fd, path, null_fd, false, err);
}

static int fix(int root_fd, const char *path, struct error *err)
{
        _cleanup_close_ int fd = -1;
        int r;

        r = tree_open(root_fd, path, &fd);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return error_set_errno(err, r, "cannot make %s read-only", path);
        return tree_bind(root_fd, path, fd, true, err);
}

/*
 * Mounts a new /proc. Inside a container that hides parts of its own the kernel allows no other:
 * then that one is shown, with what it hides. It numbers processes as the container does, which
 * only a program notices that looks for itself by its number and not as "self". Nobody in the
 * sandbox can trace, or read memory or files of, the processes that it sees there: they are in
 * another user namespace. Sets `ret_outer` where it is so.
 */
static int mount_proc(int root_fd, bool *ret_outer, struct error *err)
{
        _cleanup_close_ int outer = -1;
        struct error refused = ERROR_INIT;
        int r;

        r = tree_mount(root_fd, "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, &refused);
        *ret_outer = r == -EPERM;
        if (r == -EPERM) {
                outer = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
                r = outer < 0 ? -errno : tree_bind(root_fd, "/proc", outer, false, &refused);
        }
        if (r < 0)
                *err = refused;
        return r;
}

int mounts_add_proc(const struct helper *helper, int root_fd, bool *ret_outer, struct error *err)
{
        _cleanup_close_ int proc_fd = -1;
        struct statfs fs;
        int r;

        r = mount_proc(root_fd, ret_outer, err);
        if (r < 0)
                return r;
        r = tree_open(root_fd, "/proc", &proc_fd);
        if (r < 0)
                return error_set_errno(err, r, "cannot open /proc");
        /* What is masked below has to be the kernel's, and nothing that stands in its place. */
        if (fstatfs(proc_fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
                return error_set(err, -EXDEV, "/proc of the sandbox is no procfs");
        if (helper->spec->unmasked)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(masked_proc); i++) {
                r = mask(proc_fd, masked_proc[i], err);
                if (r < 0)
                        return error_wrap(err, "/proc");
        }
        for (size_t i = 0; i < ARRAY_SIZE(read_only_proc); i++) {
                r = fix(proc_fd, read_only_proc[i], err);
                if (r < 0)
                        return error_wrap(err, "/proc");
        }
        return 0;
}

static int mask_sys(int sys_fd, struct error *err)
{
        for (size_t i = 0; i < ARRAY_SIZE(masked_sys); i++) {
                int r = mask(sys_fd, masked_sys[i], err);

                if (r < 0)
                        return error_wrap(err, "/sys");
        }
        return 0;
}

/* A sysfs belongs to a network namespace, so where that is the host's, there is no other to mount;
 * and to bind all of it would drag the host's mounts in (cgroups, tracing). */
static int assemble_sys(int root_fd, struct error *err)
{
        _cleanup_close_ int sys_fd = -1;
        int r;

        r = tree_mount(root_fd, "/sys", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755",
                       err);
        if (r < 0)
                return r;
        r = tree_open(root_fd, "/sys", &sys_fd);
        if (r < 0)
                return error_set_errno(err, r, "cannot open /sys");
        for (size_t i = 0; i < ARRAY_SIZE(shown_sys); i++) {
                _cleanup_close_ int source = -1;
                char path[32];

                snprintf(path, sizeof(path), "/sys/%s", shown_sys[i]);
                source = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (source < 0)
                        continue;
                if (mkdirat(sys_fd, shown_sys[i], 0755) < 0)
                        return error_set_errno(err, -errno, "cannot make %s", path);
                r = tree_bind(sys_fd, shown_sys[i], source, true, err);
                if (r < 0)
                        return error_wrap(err, "/sys");
        }
        r = mask_sys(sys_fd, err);
        return r < 0 ? r : tree_make_read_only(root_fd, "/sys", false, err);
}

int mounts_add_sys(const struct helper *helper, int root_fd, struct error *err)
{
        _cleanup_close_ int sys_fd = -1;
        struct error refused = ERROR_INIT;
        int r;

        if (helper->spec->network == SANDBOX_NETWORK_HOST)
                return assemble_sys(root_fd, err);
        r = tree_mount(root_fd, "/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL,
                       &refused);
        if (r == -EPERM)
                return assemble_sys(root_fd,
                                    err); /* nested in a container that hides parts of it */
        if (r < 0) {
                *err = refused;
                return r;
        }
        r = tree_open(root_fd, "/sys", &sys_fd);
        return r < 0 ? error_set_errno(err, r, "cannot open /sys") : mask_sys(sys_fd, err);
}
