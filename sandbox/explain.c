#include "explain.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int explain_open_settings(void)
{
        return open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Whether the setting `name` exists and begins with `value` ("0", "1"), alone on its line. */
static bool setting_is(int proc_sys, const char *name, char value)
{
        _cleanup_close_ int fd = openat(proc_sys, name, O_RDONLY | O_CLOEXEC);
        char text[16] = "";

        if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1)
                return false;
        return text[0] == value && (text[1] == '\n' || text[1] == '\0');
}

int explain_user_namespace(int code, int proc_sys, struct error *err)
{
        error_set_errno(err, code, "the kernel refuses a user namespace");
        if (setting_is(proc_sys, "user/max_user_namespaces", '0'))
                return error_hint(err, "User namespaces are switched off on this host. Its "
                                       "administrator can allow them: "
                                       "sudo sysctl -w user.max_user_namespaces=15000");
        if (setting_is(proc_sys, "kernel/unprivileged_userns_clone", '0'))
                return error_hint(err, "User namespaces are kept for root on this host. Its "
                                       "administrator can allow them: "
                                       "sudo sysctl -w kernel.unprivileged_userns_clone=1");
        if (code == -ENOSPC || code == -EUSERS)
                return error_hint(err, "Too many user namespaces exist, or they are nested too "
                                       "deep. The number can be raised: "
                                       "sudo sysctl -w user.max_user_namespaces=15000");
        if (code == -EINVAL || code == -ENOSYS)
                return error_hint(err, "This kernel is built without user namespaces "
                                       "(CONFIG_USER_NS).");
        return error_hint(err, "Inside a container, its runtime must allow user namespaces (for "
                               "Docker and Podman: --security-opt seccomp=unconfined); inside a "
                               "chroot the kernel never does.");
}

int explain_mount(int code, const char *what, int proc_sys, struct error *err)
{
        error_set_errno(err, code, "cannot mount %s in the sandbox", what);
        if (code != -EPERM && code != -EACCES)
                return code;
        if (setting_is(proc_sys, "kernel/apparmor_restrict_unprivileged_userns", '1'))
                return error_hint(err, "AppArmor allows user namespaces on this host, but nothing "
                                       "in them. Its administrator can lift that: sudo sysctl -w "
                                       "kernel.apparmor_restrict_unprivileged_userns=0");
        return error_hint(err, "A security module, an old kernel (before 4.18 for FUSE) or the "
                               "runtime of a container around varve refuses mounts in a user "
                               "namespace.");
}

int explain_fuse_open(int code, struct error *err)
{
        error_set_errno(err, code, "cannot open /dev/fuse");
        if (code == -EACCES)
                return error_hint(err, "The device is closed to this user. Its administrator can "
                                       "open it, as distributions do: sudo chmod 0666 /dev/fuse");
        if (code == -EPERM)
                return error_hint(err, "The device is closed to this container. Start it with "
                                       "--device /dev/fuse");
        return error_hint(err, "The kernel's FUSE module is missing. Load it: sudo modprobe fuse "
                               "(in a container: start that with --device /dev/fuse)");
}
