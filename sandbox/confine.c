#include "sandbox/confine.h"

#include "kernel.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

/* The interface as of version 6; the kernel takes as much of it as the size says. */
struct ruleset_attr {
        uint64_t handled_fs;
        uint64_t handled_net;
        uint64_t scoped;
};

struct path_attr {
        uint64_t allowed;
        int32_t parent_fd;
} __attribute__((packed));

#define RULE_PATH_BENEATH 1

/* Rights to files, by the bits of the interface. */
#define FS_EXECUTE    (1ULL << 0)
#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE  (1ULL << 2)
#define FS_READ_DIR   (1ULL << 3)
#define FS_CHANGE_DIR (0x3ffULL << 4) /* removing, making and linking names */
#define FS_TRUNCATE   (1ULL << 14)    /* version 3 */
#define FS_IOCTL_DEV  (1ULL << 15)    /* version 5 */
#define FS_ALL        0xffffULL
#define FS_OF_A_FILE  (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)
#define NET_TCP       0x3ULL /* binding and connecting: version 4 */
#define SCOPES        0x3ULL /* abstract sockets and signals: version 6 */

/* What a version knows to forbid; how much of the attributes it takes. */
static size_t attributes_of(int version, bool network, struct ruleset_attr *ret)
{
        *ret = (struct ruleset_attr){ .handled_fs = FS_ALL };
        if (version < 5)
                ret->handled_fs &= ~FS_IOCTL_DEV;
        if (version < 3)
                ret->handled_fs &= ~FS_TRUNCATE;
        if (version < 2)
                ret->handled_fs &= ~(1ULL << 13); /* linking across directories */
        if (version >= 4 && !network)
                ret->handled_net = NET_TCP;
        if (version >= 6)
                ret->scoped = SCOPES;
        return version >= 6 ? sizeof(*ret) : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static int add_path(int ruleset, const struct confine_path *path, uint64_t handled)
{
        struct path_attr attr = { .allowed = FS_READ_FILE | FS_READ_DIR, .parent_fd = path->fd };
        struct stat st;

        if (fstat(path->fd, &st) < 0)
                return -errno;
        if (path->writable)
                attr.allowed |= FS_WRITE_FILE | FS_CHANGE_DIR | FS_TRUNCATE;
        if (path->executable)
                attr.allowed |= FS_EXECUTE;
        if (!S_ISDIR(st.st_mode))
                attr.allowed &= FS_OF_A_FILE;
        attr.allowed &= handled;
        return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno
                                                                                        : 0;
}

int confine_thread(const struct confine_path *paths, size_t count, bool network, struct error *err)
{
        int version = kernel_landlock_version();
        _cleanup_close_ int ruleset = -1;
        struct ruleset_attr attr;
        size_t size;

        if (version == 0)
                return 0;
        size = attributes_of(version, network, &attr);
        ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
        if (ruleset < 0)
                return error_set_errno(err, -errno, "cannot make rules for Landlock");
        for (size_t i = 0; i < count; i++) {
                int r = add_path(ruleset, &paths[i], attr.handled_fs);

                if (r < 0)
                        return error_set_errno(err, r, "cannot allow a path by Landlock");
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return error_set_errno(err, -errno, "cannot confine a thread by Landlock");
        return 1;
}
