#include "request.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE_BYTES 4096

/* Most strings end within so many bytes. */
#define SHORT_STRING 256

/* "/proc/PID/fd/" and a descriptor. */
#define LINK_PATH_MAX 64

bool request_is_alive(const struct request *request)
{
        uint64_t id = request->id;

        return ioctl(request->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

int request_read(const struct request *request, uint64_t address, void *ret, size_t size)
{
        struct iovec local = { ret, size }, remote = { (void *)address, size };

        if (process_vm_readv(request->pid, &local, 1, &remote, 1, 0) != (ssize_t)size)
                return -EFAULT;
        return 0;
}

/* Reads up to `size` bytes, as far as there is memory. Returns their number, 0 for none. */
static size_t read_some(const struct request *request, uint64_t address, char *ret, size_t size)
{
        struct iovec local = { ret, size }, remote[PATH_MAX / PAGE_BYTES + 1];
        uint64_t at = address, end = address + size;
        unsigned long pieces = 0;
        ssize_t n;

        /* What is read ends at the first piece that is not there: so each is a page at most. */
        while (at < end && pieces < ARRAY_SIZE(remote)) {
                uint64_t next = (at | (PAGE_BYTES - 1)) + 1;

                remote[pieces++] = (struct iovec){ (void *)at, (next < end ? next : end) - at };
                at = next;
        }
        n = process_vm_readv(request->pid, &local, 1, remote, pieces, 0);
        return n < 0 ? 0 : (size_t)n;
}

int request_read_string(const struct request *request, uint64_t address, char *ret, size_t size)
{
        const size_t first = size < SHORT_STRING ? size : SHORT_STRING;
        size_t n = read_some(request, address, ret, first);

        if (n == first && first < size && !memchr(ret, '\0', n))
                n += read_some(request, address + n, ret + n, size - n);
        if (memchr(ret, '\0', n))
                return 0;
        return n < size ? -EFAULT : -ENAMETOOLONG;
}

/* A number of a process may be another's by now, and that must not be written to. What is opened
 * while the process waits stays its memory. */
int request_write(const struct request *request, uint64_t address, const void *data, size_t size)
{
        _cleanup_close_ int fd = -1;
        char path[LINK_PATH_MAX];

        snprintf(path, sizeof(path), "/proc/%d/mem", request->pid);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || !request_is_alive(request))
                return -ESRCH;
        return pwrite(fd, data, size, (off_t)address) == (ssize_t)size ? 0 : -EFAULT;
}

static void link_path(const struct request *request, int fd, char ret[static LINK_PATH_MAX])
{
        if (fd == AT_FDCWD)
                snprintf(ret, LINK_PATH_MAX, "/proc/%d/cwd", request->pid);
        else
                snprintf(ret, LINK_PATH_MAX, "/proc/%d/fd/%d", request->pid, fd);
}

static const struct walk_mount *mount_of_device(const struct emulator *emulator, dev_t device)
{
        for (size_t i = 0; i < emulator->mount_count; i++)
                if (emulator->mounts[i].device == device && emulator->mounts[i].tree.lookup)
                        return &emulator->mounts[i];
        return NULL;
}

/*
 * The inode behind a link in /proc: one call that asks the filesystem nothing. Where it is closed
 * to who stands outside of the user namespace (allow_other), the name of it is looked up in the
 * trees. Returns 0, -ENOENT, or -EXDEV for what is in none of them.
 */
static int inode_behind(const struct request *request, const char *link, struct walk_inode *ret)
{
        struct emulator *emulator = request->emulator;
        struct walk_origin origin = emulator_origin(emulator);
        struct walk_place *place = &emulator->place;
        const struct emulate_tree *tree;
        char name[PATH_MAX];
        struct statx stx;
        ssize_t n;
        int r;

        if (statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STATX_INO, &stx) == 0) {
                ret->mount =
                        mount_of_device(emulator, makedev(stx.stx_dev_major, stx.stx_dev_minor));
                if (!ret->mount)
                        return -EXDEV;
                ret->ino = stx.stx_ino;
                tree = &ret->mount->tree;
                return tree->begin ? tree->begin(tree->context, link, ret->ino) : 0;
        }
        if (errno != EACCES)
                return -ENOENT;
        n = readlink(link, name, sizeof(name));
        if (n < 0 || n == sizeof(name) || name[0] != '/')
                return -EXDEV;
        name[n] = '\0';
        r = walk(&origin, name, false, place);
        if (r < 0 || place->foreign || !place->exists)
                return -EXDEV;
        *ret = (struct walk_inode){ place->mount, place->node.ino };
        return 0;
}

static int find_inode(const struct request *request, const char *link, struct walk_place *place)
{
        struct walk_inode inode;
        int r;

        r = inode_behind(request, link, &inode);
        if (r == 0) {
                place->mount = inode.mount;
                r = inode.mount->tree.getattr(inode.mount->tree.context, inode.ino, &place->node);
        }
        place->foreign = r == -EXDEV;
        place->exists = true;
        place->from_root = false;
        place->name[0] = place->text[0] = '\0';
        return r == -EXDEV ? 0 : r;
}

int request_find_descriptor(const struct request *request, int fd, struct walk_place **ret)
{
        char link[LINK_PATH_MAX];
        int r;

        link_path(request, fd, link);
        *ret = &request->emulator->place;
        r = find_inode(request, link, *ret);
        return r == -ENOENT && fd != AT_FDCWD ? -EBADF : r;
}

/* Where the process's paths begin. Sets `ret_foreign` where that is none of the trees' directories.
 */
static int find_origin(const struct request *request, int dirfd, bool absolute,
                       struct walk_origin *ret, bool *ret_foreign)
{
        struct emulator *emulator = request->emulator;
        char link[LINK_PATH_MAX];
        int r = 0;

        *ret = emulator_origin(emulator);
        if (emulator->has_chroots) {
                snprintf(link, sizeof(link), "/proc/%d/root", request->pid);
                r = inode_behind(request, link, &ret->root);
        }
        if (r == 0 && !absolute) {
                link_path(request, dirfd, link);
                r = inode_behind(request, link, &ret->start);
        }
        *ret_foreign = r == -EXDEV;
        if (r == -ENOENT)
                return -EBADF;
        return 0;
}

/* The descriptor that a path means by a name of it in /proc or /dev, or -1. */
static int named_descriptor(const struct walk_place *place)
{
        static const char *const names[] = { "dev/stdin", "dev/stdout", "dev/stderr" };
        int fd, used = 0;

        if (!place->foreign || !place->from_root)
                return -1;
        for (int i = 0; i < (int)ARRAY_SIZE(names); i++) {
                if (strcmp(place->text, names[i]) == 0)
                        return i;
        }
        if (sscanf(place->text, "proc/self/fd/%d%n", &fd, &used) != 1 &&
            sscanf(place->text, "dev/fd/%d%n", &fd, &used) != 1)
                return -1;
        return place->text[used] == '\0' ? fd : -1;
}

static bool is_own_program(const struct walk_place *place)
{
        return place->foreign && place->from_root &&
               (strcmp(place->text, "proc/self/exe") == 0 ||
                strcmp(place->text, "proc/thread-self/exe") == 0);
}

/* A path of the process; its text is in `emulator->path`. */
static int find_path(const struct request *request, const struct request_target *target,
                     const struct credentials *searcher)
{
        struct emulator *emulator = request->emulator;
        struct walk_origin origin;
        bool foreign;
        int r;

        r = find_origin(request, target->dirfd, path_is_absolute(emulator->path), &origin,
                        &foreign);
        if (r < 0)
                return r;
        origin.searcher = searcher;
        emulator->place.foreign = foreign;
        emulator->place.from_root = false;
        return foreign ? 0 : walk(&origin, emulator->path, target->follow, &emulator->place);
}

int request_find(const struct request *request, struct request_target *target,
                 const struct credentials *searcher, struct walk_place **ret)
{
        struct emulator *emulator = request->emulator;
        int fd, r;

        *ret = &emulator->place;
        if (target->empty_path && target->path == 0)
                return request_find_descriptor(request, target->dirfd, ret);
        r = request_read_string(request, target->path, emulator->path, sizeof(emulator->path));
        if (r < 0)
                return r;
        if (target->empty_path && emulator->path[0] == '\0')
                return request_find_descriptor(request, target->dirfd, ret);
        r = find_path(request, target, searcher);
        if (r == 0 && target->follow && is_own_program(*ret)) {
                snprintf(emulator->path, sizeof(emulator->path), "/proc/%d/exe", request->pid);
                return find_inode(request, emulator->path, *ret);
        }
        fd = r < 0 || !target->follow ? -1 : named_descriptor(*ret);
        if (fd < 0)
                return r;
        target->dirfd = fd;
        return request_find_descriptor(request, fd, ret);
}

int request_path_to(const struct request *request, const struct request_target *target,
                    const struct walk_place *place, char ret[static PATH_MAX])
{
        char link[LINK_PATH_MAX];
        int n;

        if (place->from_root)
                snprintf(link, sizeof(link), "/proc/%d/root", request->pid);
        else
                link_path(request, target->dirfd, link);
        n = snprintf(ret, PATH_MAX, "%s%s%s", link, place->text[0] ? "/" : "", place->text);
        return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static uint64_t number_of(pid_t pid)
{
        struct rlimit limit;

        /* 0 would be ourselves. */
        return pid > 0 && prlimit(pid, RLIMIT_LOCKS, NULL, &limit) == 0 ? limit.rlim_cur : 0;
}

static int set_number(pid_t pid, uint64_t number)
{
        struct rlimit limit;

        if (prlimit(pid, RLIMIT_LOCKS, NULL, &limit) < 0)
                return -EAGAIN;
        limit.rlim_cur = (rlim_t)number;
        if (limit.rlim_cur > limit.rlim_max || prlimit(pid, RLIMIT_LOCKS, &limit, NULL) < 0)
                return -EAGAIN;
        return 0;
}

const struct credentials *emulator_credentials(struct emulator *emulator, pid_t pid)
{
        const uint64_t number = emulator->ids_differ ? number_of(pid) : 0;
        const uint64_t settled = executions_settle(&emulator->executions, pid, number);

        if (settled != number)
                set_number(pid, settled);
        return credentials_table_get(&emulator->table, settled);
}

const struct credentials *request_credentials(const struct request *request)
{
        return emulator_credentials(request->emulator, request->pid);
}

int request_set_credentials(struct request *request, bool by_execve)
{
        struct emulator *emulator = request->emulator;
        const uint64_t before = emulator->ids_differ ? number_of(request->pid) : 0;
        const int number = credentials_table_number(&emulator->table, &emulator->next);
        uint64_t after = (uint64_t)number;
        int r;

        if (number < 0 || after == before)
                return number < 0 ? number : 0;
        if (!request_is_alive(request))
                return -ESRCH;
        if (by_execve)
                after = executions_begin(&emulator->executions, request->pid, before, after);
        r = set_number(request->pid, after);
        if (r == 0)
                emulator->ids_differ = emulator->has_more_users = true;
        return r;
}

void emulator_owner_of(struct emulator *emulator, pid_t pid, uint32_t *ret_uid, uint32_t *ret_gid)
{
        const struct credentials *credentials = emulator_credentials(emulator, pid);

        *ret_uid = credentials->user.fs;
        *ret_gid = credentials->group.fs;
}
