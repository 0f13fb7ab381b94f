#include "emulation.h"

#include <errno.h>
#include <stdlib.h>
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
        const struct emulation_tree *emulated = context;
        struct tree_attr attr;
        int r = tree_getattr(emulated->tree, ino, &attr);

        if (r == 0)
                fill_node(&attr, ret);
        return r;
}

static int node_lookup(void *context, uint64_t dir, const char *name, struct emulate_node *ret)
{
        const struct emulation_tree *emulated = context;
        uint64_t parent = dir;
        struct tree_attr attr;
        int r;

        if (strcmp(name, "..") == 0) {
                r = tree_readdir(emulated->tree, dir, 0, false, take_parent, &parent);
                return r < 0 ? r : node_getattr(context, parent, ret);
        }
        r = tree_lookup(emulated->tree, dir, name, &attr);
        if (emulated->trace && (r == 0 || r == -ENOENT))
                trace_name(emulated->trace, dir, name, r == 0 ? attr.ino : 0);
        if (r == 0)
                fill_node(&attr, ret);
        return r;
}

static int node_readlink(void *context, uint64_t ino, struct buf *ret)
{
        const struct emulation_tree *emulated = context;

        return tree_readlink(emulated->tree, ino, ret);
}

static int node_chown(void *context, uint64_t ino, uint32_t uid, uint32_t gid)
{
        const struct emulation_tree *emulated = context;
        struct tree_attr attr = { .uid = uid, .gid = gid }, before, after;
        unsigned set = (uid != EMULATE_UNCHANGED ? TREE_SET_UID : 0) |
                       (gid != EMULATE_UNCHANGED ? TREE_SET_GID : 0);
        int r = tree_getattr(emulated->tree, ino, &before);

        if (emulated->trace)
                trace_inode(emulated->trace, ino, TRACE_CHANGED);
        if (r == 0)
                r = tree_setattr(emulated->tree, ino, &attr, set, &after);
        if (r == 0 && after.mode != before.mode)
                server_inode_changed(emulated->server, ino);
        return r;
}

static int node_mknod(void *context, uint64_t dir, const char *name, uint32_t mode, dev_t device,
                      uint32_t uid, uint32_t gid)
{
        const struct emulation_tree *emulated = context;
        const struct tree_new_inode inode = { .mode = mode,
                                              .owner = { .uid = uid, .gid = gid },
                                              .rdev_major = major(device),
                                              .rdev_minor = minor(device) };
        struct tree_attr attr;
        int r;

        if (emulated->trace)
                trace_name_changed(emulated->trace, dir, name);
        r = tree_create(emulated->tree, dir, name, &inode, &attr);

        if (r == 0)
                server_name_made(emulated->server, dir, name);
        return r;
}

static int node_setxattr(void *context, uint64_t ino, const char *name, const void *value,
                         size_t len, int flags)
{
        const struct emulation_tree *emulated = context;
        int r;

        if (emulated->trace)
                trace_inode(emulated->trace, ino, TRACE_CHANGED);
        r = tree_setxattr(emulated->tree, ino, name, value, len, flags);

        /* The kernel remembers which files have no capabilities that a write would take away. */
        if (r == 0)
                server_inode_changed(emulated->server, ino);
        return r;
}

static struct emulate_tree calls_of(struct emulation_tree *emulated, uint64_t root)
{
        return (struct emulate_tree){ .context = emulated,
                                      .root = root,
                                      .lookup = node_lookup,
                                      .getattr = node_getattr,
                                      .readlink = node_readlink,
                                      .chown = node_chown,
                                      .mknod = node_mknod,
                                      .setxattr = node_setxattr };
}

int emulation_init(struct emulation *emulation, const struct sandbox_host *host,
                   const struct sandbox_spec *spec, struct error *err)
{
        const struct emulate_tree root = calls_of(&emulation->root, TREE_ROOT);
        _cleanup_free_ struct emulate_tree *mounted =
                calloc(spec->mount_count + 1, sizeof(*mounted));

        if (!mounted)
                return error_set_oom(err);
        for (size_t i = 0; i < spec->mount_count; i++) {
                struct emulation_tree *emulated = &emulation->mounts[i];
                const char *source = spec->mounts[i].source;
                struct tree_attr attr;
                int r;

                if (!emulated->tree)
                        continue;
                r = tree_resolve(emulated->tree, source ? source : "", false, &attr);
                if (r < 0)
                        return error_set_errno(err, r, "cannot mount %s", source ? source : "/");
                mounted[i] = calls_of(emulated, attr.ino);
        }
        return emulator_new(host, spec, &root, mounted, &emulation->emulator, err);
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
