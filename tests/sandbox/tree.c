#include "tree.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "fs/change.h"
#include "fs/server.h"
#include "fs/tree.h"

#include "server_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/sysmacros.h>

#define SPOOL_MEMORY_MAX (1ULL << 30)
#define ID_MAX           65535

struct test_tree {
        struct tree *tree;
        int spool_dir_fd;
        struct server *server;
        struct server_options options;
        struct buf mount_options;
        struct emulator *emulator;
        atomic_bool has_owners;
};

/* ---- the tar ---- */

static int make_entry(struct test_tree *test, struct archive_entry *entry, const char *path,
                      struct tree_attr *ret)
{
        const struct tree_owner root = { 0, 0 };
        struct tree_new_inode inode = {
                .mode = archive_entry_mode(entry),
                .owner = { (uint32_t)archive_entry_uid(entry), (uint32_t)archive_entry_gid(entry) },
                .rdev_major = (uint32_t)archive_entry_rdevmajor(entry),
                .rdev_minor = (uint32_t)archive_entry_rdevminor(entry),
                .target = archive_entry_symlink(entry),
        };
        const char *link = archive_entry_hardlink(entry);
        struct tree_attr dir, target;
        char parent[PATH_MAX];
        int r;

        if (inode.owner.uid != 0 || inode.owner.gid != 0)
                test->has_owners = true;
        r = path_parent(path, parent, sizeof(parent));
        if (r == 0)
                r = tree_make_path(test->tree, parent, 0755, &root, &dir);
        if (r < 0)
                return r;
        if (link) {
                r = tree_resolve(test->tree, link, false, &target);
                return r < 0 ? r : tree_link(test->tree, target.ino, dir.ino, path_base(path), ret);
        }
        r = tree_create(test->tree, dir.ino, path_base(path), &inode, ret);
        if (r != -EEXIST)
                return r;
        r = tree_lookup(test->tree, dir.ino, path_base(path), ret);
        target = (struct tree_attr){ .mode = inode.mode,
                                     .uid = inode.owner.uid,
                                     .gid = inode.owner.gid };
        return r < 0 ? r
                     : tree_setattr(test->tree, ret->ino, &target,
                                    TREE_SET_MODE | TREE_SET_UID | TREE_SET_GID, ret);
}

static int read_content(struct test_tree *test, struct archive *archive, uint64_t ino)
{
        const void *data;
        la_int64_t offset;
        size_t len;
        int r;

        while ((r = archive_read_data_block(archive, &data, &len, &offset)) == ARCHIVE_OK) {
                r = tree_write(test->tree, ino, (uint64_t)offset, data, len, false);
                if (r < 0)
                        return r;
        }
        return r == ARCHIVE_EOF ? 0 : -EIO;
}

static int read_tar(struct test_tree *test, struct archive *archive, struct error *err)
{
        struct archive_entry *entry;
        int r;

        while ((r = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
                const char *name = archive_entry_pathname(entry);
                _cleanup_free_ char *path = path_resolve("/", name);
                struct tree_attr attr;

                if (strcmp(path, "/") == 0)
                        continue;
                r = make_entry(test, entry, path, &attr);
                if (r == 0 && archive_entry_size(entry) > 0)
                        r = read_content(test, archive, attr.ino);
                if (r < 0)
                        return error_set_errno(err, r, "cannot read %s", path);
        }
        return r == ARCHIVE_EOF ? 0 : error_set(err, -EIO, "%s", archive_error_string(archive));
}

/* ---- the emulation's calls ---- */

static void fill_node(const struct tree_attr *attr, struct emulate_node *ret)
{
        *ret = (struct emulate_node){ attr->ino, attr->mode, attr->uid, attr->gid };
}

static int take_parent(void *context, const struct tree_dirent *entry)
{
        if (entry->name_len != 2 || memcmp(entry->name, "..", 2) != 0)
                return 0;
        *(uint64_t *)context = entry->ino;
        return 1;
}

static int node_lookup(void *context, uint64_t dir, const char *name, struct emulate_node *ret)
{
        struct test_tree *test = context;
        struct tree_attr attr;
        uint64_t parent = dir;
        int r;

        if (strcmp(name, "..") == 0) {
                r = tree_readdir(test->tree, dir, 0, false, take_parent, &parent);
                if (r == 0)
                        r = tree_getattr(test->tree, parent, &attr);
        } else {
                r = tree_lookup(test->tree, dir, name, &attr);
        }
        if (r == 0)
                fill_node(&attr, ret);
        return r;
}

static int node_getattr(void *context, uint64_t ino, struct emulate_node *ret)
{
        struct test_tree *test = context;
        struct tree_attr attr;
        int r = tree_getattr(test->tree, ino, &attr);

        if (r == 0)
                fill_node(&attr, ret);
        return r;
}

static int node_readlink(void *context, uint64_t ino, struct buf *ret)
{
        struct test_tree *test = context;

        return tree_readlink(test->tree, ino, ret);
}

static int node_chown(void *context, uint64_t ino, uint32_t uid, uint32_t gid)
{
        struct test_tree *test = context;
        struct tree_attr attr = { .uid = uid, .gid = gid }, before, after;
        unsigned set = (uid != EMULATE_UNCHANGED ? TREE_SET_UID : 0) |
                       (gid != EMULATE_UNCHANGED ? TREE_SET_GID : 0);
        int r;

        r = tree_getattr(test->tree, ino, &before);
        if (r == 0)
                r = tree_setattr(test->tree, ino, &attr, set, &after);
        if (r < 0)
                return r;
        if (after.uid != 0 || after.gid != 0)
                test->has_owners = true;
        if (after.mode != before.mode)
                fuse_lowlevel_notify_inval_inode(test->server->session, ino, -1, 0);
        return 0;
}

static int node_mknod(void *context, uint64_t dir, const char *name, uint32_t mode, dev_t device,
                      uint32_t uid, uint32_t gid)
{
        struct test_tree *test = context;
        const struct tree_new_inode inode = { .mode = mode,
                                              .owner = { uid, gid },
                                              .rdev_major = major(device),
                                              .rdev_minor = minor(device) };
        struct tree_attr attr;
        int r = tree_create(test->tree, dir, name, &inode, &attr);

        if (r == 0)
                fuse_lowlevel_notify_inval_entry(test->server->session, dir, name, strlen(name));
        return r;
}

static int node_setxattr(void *context, uint64_t ino, const char *name, const void *value,
                         size_t len, int flags)
{
        struct test_tree *test = context;

        return tree_setxattr(test->tree, ino, name, value, len, flags);
}

static bool has_owners(void *context)
{
        struct test_tree *test = context;

        return test->has_owners;
}

/* Whoever makes a file as somebody makes an inode with an owner. */
static void owner_of(void *context, pid_t pid, struct tree_owner *ret)
{
        struct test_tree *test = context;

        if (!test->emulator)
                return;
        emulator_owner_of(test->emulator, pid, &ret->uid, &ret->gid);
        if (ret->uid != 0 || ret->gid != 0)
                test->has_owners = true;
}

/* ---- the tree ---- */

int test_tree_new(const char *tar, bool single, struct test_tree **ret, struct error *err)
{
        static const char *const stubs[] = { "/proc", "/sys", "/dev" };
        int spool = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
        const struct tree_options options = { spool, SPOOL_MEMORY_MAX };
        struct test_tree *test = calloc(1, sizeof(*test));
        struct archive *archive = archive_read_new();
        struct change_list *changes;
        int r;

        *ret = test;
        test->spool_dir_fd = spool;
        archive_read_support_format_tar(archive);
        archive_read_support_filter_all(archive);
        r = tree_new(&options, NULL, 0, &test->tree, err);
        if (r == 0 && archive_read_open_filename(archive, tar, 1 << 20) != ARCHIVE_OK)
                r = error_set(err, -EIO, "%s", archive_error_string(archive));
        if (r == 0)
                r = read_tar(test, archive, err);
        archive_read_free(archive);
        /* What the tar holds is no change of the step's. */
        if (r == 0)
                r = tree_commit(test->tree, &changes, err);
        if (r < 0)
                return r;
        change_list_free(changes);
        for (size_t i = 0; i < ARRAY_SIZE(stubs); i++)
                tree_add_stub(test->tree, stubs[i], true);
        test->options = (struct server_options){ .single_id = single,
                                                 .id_max = ID_MAX,
                                                 .owner_of = single ? owner_of : NULL,
                                                 .context = test };
        return server_mount_options(&test->options, &test->mount_options);
}

const char *test_tree_options(struct test_tree *tree)
{
        return buf_str(&tree->mount_options);
}

int test_tree_emulate(struct test_tree *test, const struct sandbox_host *host,
                      const struct sandbox_spec *spec, struct emulator **ret, struct error *err)
{
        const struct emulate_tree tree = { .context = test,
                                           .root = TREE_ROOT,
                                           .lookup = node_lookup,
                                           .getattr = node_getattr,
                                           .readlink = node_readlink,
                                           .chown = node_chown,
                                           .mknod = node_mknod,
                                           .setxattr = node_setxattr,
                                           .has_owners = has_owners };
        int r = emulator_new(host, spec, &tree, &test->emulator, err);

        *ret = test->emulator;
        return r;
}

int test_tree_serve(struct test_tree *test, int fuse_fd, struct error *err)
{
        return server_start(test->tree, fuse_fd, &test->options, &test->server, err);
}

static void print_entry(FILE *file, const struct entry *entry)
{
        static const char types[] = {
                [ENTRY_FILE] = '-',     [ENTRY_DIRECTORY] = 'd', [ENTRY_SYMLINK] = 'l',
                [ENTRY_HARDLINK] = 'h', [ENTRY_CHAR] = 'c',      [ENTRY_BLOCK] = 'b',
                [ENTRY_FIFO] = 'p',     [ENTRY_SOCKET] = 's',
        };

        fprintf(file, "/%s %c%04o %u %u", entry->path, types[entry->type], entry->mode, entry->uid,
                entry->gid);
        if (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK)
                fprintf(file, " %u:%u", entry->device_major, entry->device_minor);
        for (size_t i = 0; i < entry->xattr_count; i++)
                fprintf(file, " %s=%zu", entry->xattrs[i].name, entry->xattrs[i].value_len);
        fprintf(file, "\n");
}

int test_tree_print_changes(struct test_tree *test, FILE *file, struct error *err)
{
        struct change_list *changes;
        struct entry_source source;
        struct entry entry;
        int r;

        server_stop(TAKE_PTR(test->server));
        tree_remove_stubs(test->tree);
        r = tree_commit(test->tree, &changes, err);
        if (r < 0)
                return r;
        source = change_list_source(changes);
        while ((r = source.next(source.context, &entry, err)) > 0)
                print_entry(file, &entry);
        change_list_free(changes);
        return r;
}

void test_tree_free(struct test_tree *test)
{
        if (!test)
                return;
        server_stop(test->server);
        emulator_free(test->emulator);
        tree_free(test->tree);
        close(test->spool_dir_fd);
        buf_done(&test->mount_options);
        free(test);
}
