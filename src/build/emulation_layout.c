#include "emulation_layout.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Directories that are nested deeper are taken to be none of the copy's. */
#define DEPTH_MAX 4096

static int descriptor_of(const struct emulation_layout *emulation, uint64_t ino)
{
        size_t count = emulation->seen_count;

        if (ino == emulation->root)
                return layout_dir(emulation->layout);
        for (size_t i = 0; i < count && i < EMULATION_SEEN_MAX; i++)
                if (emulation->seen[i].ino == ino)
                        return emulation->seen[i].fd;
        return -ESTALE;
}

/* Takes over the descriptor. The latest one of a number is the one that counts. */
static void keep(struct emulation_layout *emulation, uint64_t ino, int fd)
{
        size_t at = emulation->seen_count % EMULATION_SEEN_MAX;

        for (size_t i = 0; i < emulation->seen_count && i < EMULATION_SEEN_MAX; i++) {
                if (emulation->seen[i].ino == ino) {
                        close(emulation->seen[i].fd);
                        emulation->seen[i].fd = fd;
                        return;
                }
        }
        if (emulation->seen_count >= EMULATION_SEEN_MAX)
                close(emulation->seen[at].fd);
        emulation->seen[at].ino = ino;
        emulation->seen[at].fd = fd;
        emulation->seen_count++;
}

/*
 * Whether ".." leads from a directory to the copy's root. A mount of the sandbox may be of another
 * directory on the same filesystem, around which lie the host's.
 */
static bool is_inside(const struct emulation_layout *emulation, int fd, uint64_t ino)
{
        _cleanup_close_ int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        struct stat st;

        for (int i = 0; at >= 0 && i < DEPTH_MAX; i++) {
                int parent;

                if (ino == emulation->root)
                        return true;
                parent = openat(at, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                close(at);
                at = parent;
                if (at < 0 || fstat(at, &st) < 0 || st.st_ino == ino)
                        return false;
                ino = st.st_ino;
        }
        return false;
}

static int node_begin(void *context, const char *link, uint64_t ino)
{
        struct emulation_layout *emulation = context;
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (ino == emulation->root)
                return 0;
        fd = open(link, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        /* The process may have other threads, which have put something else there. */
        if (st.st_ino != ino || (S_ISDIR(st.st_mode) && !is_inside(emulation, fd, ino)))
                return -EXDEV;
        keep(emulation, ino, TAKE_FD(fd));
        return 0;
}

static int look(struct emulation_layout *emulation, int fd, struct emulate_node *ret)
{
        struct tree_attr attr;
        int r = layout_getattr(emulation->layout, fd, &attr);

        if (r == 0)
                *ret = (struct emulate_node){ .ino = attr.ino,
                                              .mode = attr.mode,
                                              .uid = attr.uid,
                                              .gid = attr.gid,
                                              .rdev_major = attr.rdev_major,
                                              .rdev_minor = attr.rdev_minor };
        return r;
}

static int node_getattr(void *context, uint64_t ino, struct emulate_node *ret)
{
        struct emulation_layout *emulation = context;
        int fd = descriptor_of(emulation, ino);

        return fd < 0 ? fd : look(emulation, fd, ret);
}

static int node_lookup(void *context, uint64_t dir, const char *name, struct emulate_node *ret)
{
        struct emulation_layout *emulation = context;
        int dir_fd = descriptor_of(emulation, dir), fd, r;

        if (dir_fd < 0)
                return dir_fd;
        if (dir == emulation->root && strcmp(name, "..") == 0)
                return look(emulation, dir_fd, ret);
        fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = look(emulation, fd, ret);
        if (r < 0)
                close(fd);
        else
                keep(emulation, ret->ino, fd);
        return r;
}

static int node_readlink(void *context, uint64_t ino, struct buf *ret)
{
        int fd = descriptor_of(context, ino);

        return fd < 0 ? fd : io_readlink(fd, "", ret);
}

static int node_chown(void *context, uint64_t ino, uint32_t uid, uint32_t gid)
{
        struct emulation_layout *emulation = context;
        int fd = descriptor_of(emulation, ino);

        return fd < 0 ? fd : layout_chown(emulation->layout, fd, uid, gid);
}

static int node_mknod(void *context, uint64_t dir, const char *name, uint32_t mode, dev_t device,
                      uint32_t uid, uint32_t gid)
{
        struct emulation_layout *emulation = context;
        const struct tree_new_inode inode = { .mode = mode,
                                              .owner = { .uid = uid, .gid = gid },
                                              .rdev_major = major(device),
                                              .rdev_minor = minor(device) };
        int fd = descriptor_of(emulation, dir);

        return fd < 0 ? fd : layout_mknod(emulation->layout, fd, name, &inode);
}

static int node_setxattr(void *context, uint64_t ino, const char *name, const void *value,
                         size_t len, int flags)
{
        struct emulation_layout *emulation = context;
        int fd = descriptor_of(emulation, ino);

        (void)flags; /* whether it was there before is not known */
        return fd < 0 ? fd : layout_setxattr(emulation->layout, fd, name, value, len);
}

/* ---- whose what is made is ---- */

static void node_announce(void *context, pid_t pid, uint64_t dir, const char *name, uint32_t uid,
                          uint32_t gid)
{
        struct emulation_layout *emulation = context;
        size_t at = emulation->announced_count;
        int fd = descriptor_of(emulation, dir);

        if (fd < 0 || at == EMULATION_ANNOUNCED_MAX)
                return;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
                return;
        emulation->announced[at].dir = fd;
        emulation->announced[at].pid = pid;
        emulation->announced[at].owner = (struct tree_owner){ .uid = uid, .gid = gid };
        snprintf(emulation->announced[at].name, sizeof(emulation->announced[at].name), "%s", name);
        emulation->announced_count++;
}

static void node_settle(void *context, pid_t pid)
{
        struct emulation_layout *emulation = context;
        size_t kept = 0;

        for (size_t i = 0; i < emulation->announced_count; i++) {
                int fd = emulation->announced[i].dir;
                int r = layout_own(emulation->layout, fd, emulation->announced[i].name,
                                   &emulation->announced[i].owner);

                if (r == -ENOENT && emulation->announced[i].pid != pid)
                        emulation->announced[kept++] = emulation->announced[i];
                else
                        close(fd);
        }
        emulation->announced_count = kept;
}

int emulation_layout_init(struct emulation_layout *emulation, struct layout *layout,
                          const struct sandbox_host *host, const struct sandbox_spec *spec,
                          struct error *err)
{
        struct emulate_tree calls = { .context = emulation,
                                      .begin = node_begin,
                                      .lookup = node_lookup,
                                      .getattr = node_getattr,
                                      .readlink = node_readlink,
                                      .chown = node_chown,
                                      .mknod = node_mknod,
                                      .setxattr = node_setxattr,
                                      .announce = node_announce,
                                      .settle = node_settle };
        struct stat st;

        *emulation = (struct emulation_layout){ .layout = layout };
        if (fstat(layout_dir(layout), &st) < 0)
                return error_set_errno(err, -errno, "cannot look at the laid out files");
        emulation->root = calls.root = st.st_ino;
        return emulator_new(host, spec, &calls, NULL, &emulation->emulator, err);
}

void emulation_layout_done(struct emulation_layout *emulation)
{
        emulator_free(emulation->emulator);
        emulation->emulator = NULL;
        node_settle(emulation, 0);
        for (size_t i = 0; i < emulation->announced_count; i++)
                close(emulation->announced[i].dir);
        emulation->announced_count = 0;
        for (size_t i = 0; i < emulation->seen_count && i < EMULATION_SEEN_MAX; i++)
                close(emulation->seen[i].fd);
        emulation->seen_count = 0;
}
