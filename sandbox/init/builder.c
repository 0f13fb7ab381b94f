#include "explain.h"
#include "helper.h"
#include "tree.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The caller opened what shall be bound in its own mount namespace, where nothing can be bound
 * from; this opens the same file in the new one. It is looked for by name, and is the same only if
 * device and inode agree: whoever swaps the name meanwhile gets an error, no mount.
 */
static int reopen_here(int fd, struct error *err)
{
        char link[32], path[PATH_MAX];
        struct stat theirs, ours;
        int here, r;
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n < 0)
                return error_set_errno(err, -errno, "cannot name what shall be mounted");
        path[n] = '\0';
        here = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (here < 0)
                return error_set_errno(err, -errno, "cannot mount %s", path);
        if (fstat(fd, &theirs) < 0 || fstat(here, &ours) < 0)
                r = error_set_errno(err, -errno, "cannot mount %s", path);
        else if (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
                r = error_set(err, -ESTALE, "cannot mount %s: it was replaced meanwhile", path);
        else
                r = dup3(here, fd, O_CLOEXEC) < 0
                            ? error_set_errno(err, -errno, "cannot mount %s", path)
                            : 0;
        close(here);
        return r;
}

/* Mounts a FUSE that the caller is to serve; it gets the descriptor, with the number of the mount
 * or 0 for the root. The descriptor must be opened inside the user namespace, else the kernel
 * refuses the mount. */
static int mount_fuse(const struct helper *helper, int number, struct error *err)
{
        const char *more = wire_string(helper->spec, helper->spec->fuse_options);
        unsigned long flags = MS_NODEV;
        _cleanup_close_ int fd = -1;
        char options[1024];
        int r;

        fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return explain_fuse_open(-errno, err);
        r = snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0%s%s", fd,
                     more && *more ? "," : "", more ? more : "");
        if ((size_t)r >= sizeof(options))
                return error_set(err, -E2BIG, "the mount options of the root are too long");
        if (helper->spec->no_new_privileges)
                flags |= MS_NOSUID;
        if (mount("varve", HELPER_STAGE, "fuse", flags, options) < 0)
                return explain_mount(-errno, "the root filesystem", helper->settings_fd, err);
        r = wire_send(WIRE_SOCKET_FD, WIRE_FUSE, number, fd);
        return r < 0 ? error_set_errno(err, r, "cannot reach the caller of the sandbox") : 0;
}

static bool is_same_directory(int fd, const char *path)
{
        struct stat one, other;

        return fstat(fd, &one) == 0 && stat(path, &other) == 0 && one.st_dev == other.st_dev &&
               one.st_ino == other.st_ino;
}

/*
 * What is to be bound is taken while nothing of the sandbox is mounted: the directory that the root
 * stands on, and what is around it, would else be bound with the root. Where it cannot be taken,
 * all others can be bound when they are needed.
 */
static int prepare_bind(struct helper *helper, uint32_t source, struct error *err)
{
        const int number = WIRE_SOURCE_FD + (int)source;
        _cleanup_close_ int clone = -1;
        bool recursive;
        int r = reopen_here(number, err);

        if (r < 0)
                return r;
        r = tree_clone(number, &clone, &recursive);
        if (r == -ENOSYS || r == -EPERM) {
                if (!is_same_directory(number, "/") && !is_same_directory(number, HELPER_STAGE))
                        return 0;
                return error_set(err, -EOPNOTSUPP,
                                 "to mount / or " HELPER_STAGE " takes Linux 5.2, and that the "
                                 "system call open_tree is not forbidden");
        }
        if (r < 0 || dup3(clone, number, O_CLOEXEC) < 0)
                return error_set_errno(err, r < 0 ? r : -errno,
                                       "cannot take what shall be mounted");
        helper->sources[source] =
                recursive ? HELPER_SOURCE_CLONED_RECURSIVELY : HELPER_SOURCE_CLONED;
        return 0;
}

/*
 * What is mounted into the root later has to be there before it, so that it is mounted from here,
 * where the caller's numbers of processes hold. It stands where the root is going to, below it,
 * and is known by its descriptor; nobody has to serve it for that.
 */
static int prepare_fuse(const struct helper *helper, uint32_t source, int number, struct error *err)
{
        int fd, r = mount_fuse(helper, number, err);

        if (r < 0)
                return r;
        fd = open(HELPER_STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || dup3(fd, WIRE_SOURCE_FD + (int)source, O_CLOEXEC) < 0)
                r = error_set_errno(err, -errno, "cannot open what shall be mounted");
        if (fd >= 0)
                close(fd);
        return r;
}

/* Makes the descriptors of all that is mounted into the root good for that. */
static int prepare_sources(struct helper *helper, struct error *err)
{
        const struct wire_spec *spec = helper->spec;
        const struct wire_mount *mounts = wire_at(spec, spec->mounts.offset);
        int r = 0;

        for (uint32_t i = 0; i < spec->mounts.count && r == 0; i++)
                if (mounts[i].type == SANDBOX_MOUNT_BIND)
                        r = prepare_bind(helper, mounts[i].source, err);
        for (uint32_t i = 0; i < spec->mounts.count && r == 0; i++)
                if (mounts[i].type == SANDBOX_MOUNT_FUSE)
                        r = prepare_fuse(helper, mounts[i].source, (int)i + 1, err);
        return r;
}

static int mount_directory(const struct helper *helper, struct error *err)
{
        char source[32];
        int r;

        snprintf(source, sizeof(source), "/proc/self/fd/%d", WIRE_ROOT_FD);
        if (mount(source, HELPER_STAGE, NULL, MS_BIND | MS_REC, NULL) < 0)
                return explain_mount(-errno, "the root directory", helper->settings_fd, err);
        r = wire_send(WIRE_SOCKET_FD, WIRE_FUSE, 0, -1);
        return r < 0 ? error_set_errno(err, r, "cannot reach the caller of the sandbox") : 0;
}

static int mount_root(struct helper *helper, struct error *err)
{
        const bool is_fuse = helper->spec->root_type == SANDBOX_ROOT_FUSE;
        int r;

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return explain_mount(-errno, "anything", helper->settings_fd, err);
        if (!is_fuse && reopen_here(WIRE_ROOT_FD, err) < 0)
                return error_wrap(err, "the root directory");
        r = prepare_sources(helper, err);
        if (r < 0)
                return r;
        return is_fuse ? mount_fuse(helper, 0, err) : mount_directory(helper, err);
}

int builder_run(struct helper *helper, struct error *err)
{
        pid_t pid;
        int r;

        r = interface_make(helper, err);
        if (r == 0)
                r = mount_root(helper, err);
        if (r < 0)
                return r;
        pid = helper_clone(CLONE_PARENT | CLONE_NEWPID);
        if (pid < 0)
                return error_set_errno(err, -errno, "cannot make PID 1 of the sandbox");
        if (pid == 0)
                helper_run(helper, init_run);
        r = wire_send(WIRE_SOCKET_FD, WIRE_INIT, pid, -1);
        return r < 0 ? error_set_errno(err, r, "cannot reach the caller of the sandbox") : 0;
}
