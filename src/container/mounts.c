#include "mounts.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "container/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_bind(const struct container_mount *mount, int *ret_fd, struct error *err)
{
        struct error ignored = ERROR_INIT;

        *ret_fd = open(mount->source, O_PATH | O_CLOEXEC);
        if (*ret_fd < 0 && errno == ENOENT && mount->makes_source) {
                io_mkdir_parents(mount->source, &ignored);
                *ret_fd = open(mount->source, O_PATH | O_CLOEXEC);
        }
        if (*ret_fd >= 0)
                return 0;
        if (errno == ENOENT)
                return error_set(err, -EINVAL,
                                 "invalid mount config for type \"bind\": bind source path does "
                                 "not exist: %s",
                                 mount->source);
        return error_set_errno(err, -errno, "cannot mount %s", mount->source);
}

static int open_mount(struct store *store, const struct container_mount *mount, bool removed,
                      struct sandbox_mount *ret, struct error *err)
{
        *ret = (struct sandbox_mount){ .target = mount->target,
                                       .source_fd = -1,
                                       .read_only = mount->read_only,
                                       .no_exec = mount->no_exec,
                                       .size_bytes = mount->size_bytes,
                                       .mode = mount->mode };
        switch (mount->type) {
        case CONTAINER_BIND:
                ret->type = SANDBOX_MOUNT_BIND;
                return open_bind(mount, &ret->source_fd, err);
        case CONTAINER_VOLUME:
                ret->type = SANDBOX_MOUNT_BIND;
                ret->fills = !mount->no_copy;
                return volume_open(store, mount->source, !(mount->anonymous && removed),
                                   &ret->source_fd, err);
        case CONTAINER_TMPFS:
                ret->type = SANDBOX_MOUNT_TMPFS;
                return 0;
        }
        return 0;
}

int mounts_open(struct store *store, const struct container_spec *spec, struct mounts *ret,
                struct error *err)
{
        struct mounts mounts = { .items = calloc(spec->mount_count + 1, sizeof(*mounts.items)) };
        int r = mounts.items ? 0 : error_set_oom(err);

        for (size_t i = 0; i < spec->mount_count && r == 0; i++) {
                struct execution_mount item = { .tree = NULL };
                size_t at = mounts.count;

                r = open_mount(store, &spec->mounts[i], spec->remove, &item.mount, err);
                if (r < 0)
                        break;
                /* What is mounted below another comes after it. */
                while (at > 0 && path_depth(mounts.items[at - 1].mount.target) >
                                         path_depth(item.mount.target)) {
                        mounts.items[at] = mounts.items[at - 1];
                        at--;
                }
                mounts.items[at] = item;
                mounts.count++;
        }
        if (r < 0)
                mounts_done(&mounts);
        else
                *ret = mounts;
        return r;
}

void mounts_done(struct mounts *mounts)
{
        for (size_t i = 0; i < mounts->count; i++)
                cleanup_close(&mounts->items[i].mount.source_fd);
        free(mounts->items);
        *mounts = MOUNTS_INIT;
}
