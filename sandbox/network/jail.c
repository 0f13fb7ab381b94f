#include "jail.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* filter_network */
#include "network_filter.inc"

#define DESCRIPTORS_MAX 2048
#define MEMORY_MAX      ((rlim_t)1 << 30) /* 256 KiB for each connection are half of it */

/* As in the helper: every system has it, and a root of our own can stand there until it is "/". */
#define STAGE "/tmp"

static int write_file(const char *path, int flags, const char *text)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0444);
        size_t len = strlen(text);

        return fd < 0 || write(fd, text, len) != (ssize_t)len ? -1 : 0;
}

static int map_ids(uid_t uid, gid_t gid)
{
        char text[32];

        if (write_file("/proc/self/setgroups", 0, "deny") < 0)
                return -1;
        snprintf(text, sizeof(text), "0 %u 1", gid);
        if (write_file("/proc/self/gid_map", 0, text) < 0)
                return -1;
        snprintf(text, sizeof(text), "0 %u 1", uid);
        return write_file("/proc/self/uid_map", 0, text);
}

/* What was "/" goes, with all that is mounted in it. */
static int enter_stage(void)
{
        if (chdir(STAGE) < 0)
                return -1;
        if (syscall(SYS_pivot_root, ".", ".") == 0)
                return umount2(".", MNT_DETACH) < 0 ? -1 : chdir("/");
        /* The host runs from its initramfs, which cannot be moved away. */
        if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
                return -1;
        return chdir("/");
}

static int empty_root(const char *resolvers)
{
        const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
        const uid_t uid = geteuid();
        const gid_t gid = getegid();

        if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) < 0 ||
            map_ids(uid, gid) < 0)
                return -1;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("varve-network", STAGE, "tmpfs", flags, "mode=755,size=64k,nr_inodes=4") < 0)
                return -1;
        if (mkdir(STAGE "/etc", 0755) < 0 ||
            write_file(STAGE "/etc/resolv.conf", O_CREAT | O_EXCL, resolvers) < 0 ||
            mount(NULL, STAGE, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0)
                return -1;
        return enter_stage();
}

static int set_limit(__rlimit_resource_t resource, rlim_t value)
{
        struct rlimit limit;

        if (getrlimit(resource, &limit) < 0)
                return -1;
        if (limit.rlim_max > value)
                limit.rlim_max = value;
        limit.rlim_cur = limit.rlim_max;
        return setrlimit(resource, &limit);
}

static int drop_privileges(void)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        const struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };
        const struct sock_fprog program = {
                .len = ARRAY_SIZE(filter_network),
                .filter = (struct sock_filter *)filter_network,
        };

        if (set_limit(RLIMIT_CORE, 0) < 0 || set_limit(RLIMIT_FSIZE, 0) < 0 ||
            set_limit(RLIMIT_NPROC, 0) < 0 || set_limit(RLIMIT_NOFILE, DESCRIPTORS_MAX) < 0 ||
            set_limit(RLIMIT_AS, MEMORY_MAX) < 0)
                return -1;
        if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -1;
        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int jail_enter(const char *resolvers)
{
        return empty_root(resolvers) < 0 ? -1 : drop_privileges();
}
