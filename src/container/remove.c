#include "remove.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "container/volume.h"

#include <errno.h>
#include <stdio.h>

/* A volume that has no name of anybody's goes with the last container that has it. */
static void remove_volumes(struct store *store, const struct container_spec *spec)
{
        for (size_t i = 0; i < spec->mount_count; i++) {
                const struct container_mount *mount = &spec->mounts[i];
                struct error ignored = ERROR_INIT;

                if (mount->type == CONTAINER_VOLUME && mount->anonymous)
                        volume_remove(store, mount->source, &ignored);
        }
}

int container_remove(struct store *store, struct container *container, bool with_volumes,
                     struct error *err)
{
        const char *id = container->spec.id;
        int containers_fd, tmp_fd, r;

        r = store_containers_dir(store, &containers_fd, err);
        if (r == 0)
                r = store_tmp_dir(store, &tmp_fd, err);
        if (r < 0)
                return r;
        /* From here on there is none; what is left is removed with this process's directory. */
        if (renameat(containers_fd, id, tmp_fd, id) < 0)
                return errno == ENOENT
                               ? 0
                               : error_set_errno(err, -errno, "cannot remove the container %s", id);
        r = io_remove_tree(tmp_fd, id, err);
        if (with_volumes)
                remove_volumes(store, &container->spec);
        return r;
}

/* Whoever holds its lock is about to remove it, or to start it. */
static bool sweep(struct store *store, struct container *container)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct error ignored = ERROR_INIT;
        int r;

        if (!container->spec.remove || !container->state.keeper ||
            store_process_lives(store, container->state.keeper))
                return false;
        r = container_lock(store, container, false, &lock, &ignored);
        if (r == 0) {
                /* It may have got another keeper meanwhile. */
                if (!store_process_lives(store, container->state.keeper))
                        r = container_remove(store, container, true, &ignored);
                else
                        r = -EBUSY;
                store_lock_release(store, &lock);
        }
        return r == 0 || r == -ENOENT;
}

void containers_sweep(struct store *store, struct containers *list)
{
        size_t kept = 0;

        for (size_t i = 0; i < list->count; i++) {
                if (sweep(store, &list->items[i]))
                        container_done(&list->items[i]);
                else
                        list->items[kept++] = list->items[i];
        }
        list->count = kept;
}
