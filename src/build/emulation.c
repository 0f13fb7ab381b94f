#include "emulation.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

static void fill_node(const struct tree_attr *attr, struct emulate_node *ret)
{
        *ret = (struct emulate_node){ .ino = attr->ino,
                                      .mode = attr->mode,
                                      .uid = attr->uid,
                                      .gid = attr->gid,
                                      .rdev_major = attr->rdev_major,
                                      .rdev_minor = attr->rdev_minor };
}

static int take_parent(void *context, const struct tree_dirent *entry)
{
        if (entry->name_len != 2 || memcmp(entry->name, "..", 2) != 0)
                return 0;
        *(uint64_t *)context = entry->ino;
        return 1;
}

static int node_getattr(void *context, uint64_t ino, struct emulate_node *ret)
{
        struct emulation *emulation = context;
        struct tree_attr attr;
        int r = tree_getattr(emulation->tree, ino, &attr);

        if (r == 0)
                fill_node(&attr, ret);
        return r;
}

static int node_lookup(void *context, uint64_t dir, const char *name, struct emulate_node *ret)
{
        struct emulation *emulation = context;
        uint64_t parent = dir;
        struct tree_attr attr;
        int r;

        if (strcmp(name, "..") == 0) {
                r = tree_readdir(emulation->tree, dir, 0, false, take_parent, &parent);
                return r < 0 ? r : node_getattr(context, parent, ret);
        }
        r = tree_lookup(emulation->tree, dir, name, &attr);
        if (emulation->trace && (r == 0 || r == -ENOENT))
                trace_name(emulation->trace, dir, name, r == 0 ? attr.ino : 0);
        if (r == 0)
                fill_node(&attr, ret);
        return r;
}

static int node_readlink(void *context, uint64_t ino, struct buf *ret)
{
        struct emulation *emulation = context;

        return tree_readlink(emulation->tree, ino, ret);
}

static int node_chown(void *context, uint64_t ino, uint32_t uid, uint32_t gid)
{
        struct emulation *emulation = context;
        struct tree_attr attr = { .uid = uid, .gid = gid }, before, after;
        unsigned set = (uid != EMULATE_UNCHANGED ? TREE_SET_UID : 0) |
                       (gid != EMULATE_UNCHANGED ? TREE_SET_GID : 0);
        int r = tree_getattr(emulation->tree, ino, &before);

        if (emulation->trace)
                trace_inode(emulation->trace, ino, TRACE_CHANGED);
        if (r == 0)
                r = tree_setattr(emulation->tree, ino, &attr, set, &after);
        if (r == 0 && after.mode != before.mode)
                server_inode_changed(emulation->server, ino);
        return r;
}

static int node_mknod(void *context, uint64_t dir, const char *name, uint32_t mode, dev_t device,
                      uint32_t uid, uint32_t gid)
{
        struct emulation *emulation = context;
        const struct tree_new_inode inode = { .mode = mode,
                                              .owner = { .uid = uid, .gid = gid },
                                              .rdev_major = major(device),
                                              .rdev_minor = minor(device) };
        struct tree_attr attr;
        int r;

        if (emulation->trace)
                trace_name_changed(emulation->trace, dir, name);
        r = tree_create(emulation->tree, dir, name, &inode, &attr);

        if (r == 0)
                server_name_made(emulation->server, dir, name);
        return r;
}

static int node_setxattr(void *context, uint64_t ino, const char *name, const void *value,
                         size_t len, int flags)
{
        struct emulation *emulation = context;
        int r;

        if (emulation->trace)
                trace_inode(emulation->trace, ino, TRACE_CHANGED);
        r = tree_setxattr(emulation->tree, ino, name, value, len, flags);

        /* The kernel remembers which files have no capabilities that a write would take away. */
        if (r == 0)
                server_inode_changed(emulation->server, ino);
        return r;
}

int emulation_init(struct emulation *emulation, struct tree *tree, const struct sandbox_host *host,
                   const struct sandbox_spec *spec, struct error *err)
{
        const struct emulate_tree calls = { .context = emulation,
                                            .root = TREE_ROOT,
                                            .lookup = node_lookup,
                                            .getattr = node_getattr,
                                            .readlink = node_readlink,
                                            .chown = node_chown,
                                            .mknod = node_mknod,
                                            .setxattr = node_setxattr };

        *emulation = (struct emulation){ .tree = tree };
        return emulator_new(host, spec, &calls, &emulation->emulator, err);
}

void emulation_done(struct emulation *emulation)
{
        emulator_free(emulation->emulator);
}

void emulation_owner_of(void *context, pid_t pid, struct tree_owner *ret)
{
        struct emulation *emulation = context;

        emulator_owner_of(emulation->emulator, pid, &ret->uid, &ret->gid);
}
