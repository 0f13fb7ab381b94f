#include "kernel.h"

#include "credentials.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#define LANDLOCK_VERSION_FLAG 1U

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

bool kernel_has_notification(void)
{
        uint32_t action = SECCOMP_RET_USER_NOTIF;

        if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
                return false;
        /* To let a call go on came with 5.5 and cannot be asked for. This call came one version
         * later; kernels that got the former from a later one have the latter too. */
        return syscall(SYS_openat2, -1, NULL, NULL, 0) < 0 && errno != ENOSYS;
}

bool kernel_has_killable_notification(void)
{
        unsigned long flags =
                SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

        /* Flags are looked at before the filter, which is not there. */
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
}

int kernel_landlock_version(void)
{
        long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);

        return version > 0 ? (int)version : 0;
}

bool kernel_leaves_room_for_marks(void)
{
        struct rlimit limit;

        return getrlimit(RLIMIT_LOCKS, &limit) == 0 && limit.rlim_max >= CREDENTIALS_MAX;
}
