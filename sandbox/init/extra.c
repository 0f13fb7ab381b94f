#include "mounts.h"
#include "tree.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int write_all(int fd, const char *data, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, data, len);

                if (n < 0)
                        return -errno;
                data += n;
                len -= (size_t)n;
        }
        return 0;
}

/* The file's name for as long as it takes to mount it: an unnamed one cannot be. */
#define DATA_NAME ".data"

static int write_data(const struct wire_spec *spec, const struct wire_mount *wanted, int fd)
{
        int r = write_all(fd, wire_at(spec, wanted->data.offset), wanted->data.count);

        if (r == 0 && (fchown(fd, wanted->uid, wanted->gid) < 0 || fchmod(fd, wanted->mode) < 0))
                r = -errno;
        return r;
}

/* The file is made in the tmpfs of /dev, and lives there without a name while it is mounted. */
static int add_data(const struct wire_spec *spec, const struct wire_mount *wanted, int root_fd,
                    const char *target, struct error *err)
{
        _cleanup_close_ int dev_fd = -1, fd = -1;
        int r;

        r = tree_open(root_fd, "/dev", &dev_fd);
        if (r < 0)
                return error_set_errno(err, r, "cannot open /dev");
        fd = openat(dev_fd, DATA_NAME, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set_errno(err, -errno, "cannot make the file for %s", target);
        r = write_data(spec, wanted, fd);
        if (r < 0)
                error_set_errno(err, r, "cannot write the file for %s", target);
        else
                r = tree_bind(root_fd, target, fd, wanted->read_only, err);
        unlinkat(dev_fd, DATA_NAME, 0);
        return r;
}

static int add_tmpfs(const struct wire_mount *wanted, int root_fd, const char *target,
                     struct error *err)
{
        unsigned long flags = MS_NOSUID | MS_NODEV | (wanted->read_only ? MS_RDONLY : 0) |
                              (wanted->no_exec ? MS_NOEXEC : 0);
        char options[128];

        snprintf(options, sizeof(options), "mode=%o,uid=%u,gid=%u,size=%llu", wanted->mode,
                 wanted->uid, wanted->gid, (unsigned long long)wanted->size_bytes);
        if (wanted->size_bytes == 0)
                snprintf(options, sizeof(options), "mode=%o,uid=%u,gid=%u", wanted->mode,
                         wanted->uid, wanted->gid);
        return tree_mount(root_fd, target, "tmpfs", flags, options, err);
}

/* A part of a FUSE is looked up now that it is served. The emulation knows it by its device, of
 * which nobody that serves it has to be asked. */
static int add_fuse(const struct wire_spec *spec, const struct wire_mount *wanted, int number,
                    int root_fd, const char *target, struct error *err)
{
        const char *path = wire_string(spec, wanted->path);
        _cleanup_close_ int fd = -1;
        int r = tree_open(WIRE_SOURCE_FD + (int)wanted->source, path ? path : "", &fd);
        struct statx stx;

        if (r < 0)
                return error_set_errno(err, r, "cannot mount %s on %s", path, target);
        if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stx) < 0)
                return error_set_errno(err, -errno, "cannot look at %s", target);
        wire_send_device(WIRE_SOCKET_FD, number, makedev(stx.stx_dev_major, stx.stx_dev_minor));
        return tree_bind(root_fd, target, fd, wanted->read_only, err);
}

static int add_bind(const struct helper *helper, const struct wire_mount *wanted, int root_fd,
                    const char *target, struct error *err)
{
        const enum helper_source kind = helper->sources[wanted->source];
        int fd = WIRE_SOURCE_FD + (int)wanted->source;

        if ((wanted->uid != 0 || wanted->gid != 0) &&
            fchownat(fd, "", wanted->uid, wanted->gid, AT_EMPTY_PATH) < 0)
                return error_set_errno(err, -errno, "cannot give %s to %u:%u", target, wanted->uid,
                                       wanted->gid);
        if (wanted->fills) {
                int r = mounts_fill(root_fd, target, fd, err);

                if (r < 0)
                        return r;
        }
        if (kind == HELPER_SOURCE_OPENED)
                return tree_bind(root_fd, target, fd, wanted->read_only, err);
        return tree_attach(root_fd, target, fd, kind == HELPER_SOURCE_CLONED_RECURSIVELY,
                           wanted->read_only, err);
}

int mounts_add_extra(const struct helper *helper, int root_fd, struct error *err)
{
        const struct wire_spec *spec = helper->spec;
        const struct wire_mount *mounts = wire_at(spec, spec->mounts.offset);

        for (uint32_t i = 0; i < spec->mounts.count; i++) {
                const struct wire_mount *wanted = &mounts[i];
                const char *target = wire_string(spec, wanted->target);
                int r = -EINVAL;

                switch ((enum sandbox_mount_type)wanted->type) {
                case SANDBOX_MOUNT_BIND:
                        r = add_bind(helper, wanted, root_fd, target, err);
                        break;
                case SANDBOX_MOUNT_TMPFS:
                        r = add_tmpfs(wanted, root_fd, target, err);
                        break;
                case SANDBOX_MOUNT_FUSE:
                        r = add_fuse(spec, wanted, (int)i + 1, root_fd, target, err);
                        break;
                case SANDBOX_MOUNT_DATA:
                        r = add_data(spec, wanted, root_fd, target, err);
                        break;
                }
                if (r < 0)
                        return r;
        }
        return 0;
}
