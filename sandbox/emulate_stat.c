/*
 * stat and its like show the owners and devices that the tree has recorded.
 *
 * Almost all calls are handed back to the kernel: only an inode with another owner than root, or a
 * device, is looked at a second time. The kernel itself knows what it holds in its caches (sizes
 * and times of what was written and has not arrived yet), so it is asked, and the owner is put over
 * its answer.
 */
#include "request.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static bool is_device(uint32_t mode)
{
        return S_ISCHR(mode) || S_ISBLK(mode);
}

/*
 * Finds what a call asks about. Returns 0 with a path to it (and how to look at it) where it has
 * another owner than root or is a device, else REQUEST_PASS: the kernel also knows best what is
 * wrong with a call.
 */
static int find(struct request *request, struct request_target *target, bool descriptor,
                char ret_path[static PATH_MAX], int *ret_flags)
{
        struct walk_place *place;
        int r;

        r = descriptor ? request_find_descriptor(request, target->dirfd, &place)
                       : request_find(request, target, NULL, &place);
        if (r < 0 || place->foreign || !place->exists ||
            (place->node.uid == 0 && place->node.gid == 0 && !is_device(place->node.mode)))
                return REQUEST_PASS;
        /* The path to a place has no symbolic link but that of /proc which it begins with. */
        *ret_flags = AT_NO_AUTOMOUNT | (place->text[0] ? AT_SYMLINK_NOFOLLOW : 0);
        return request_path_to(request, target, place, ret_path) < 0 ? REQUEST_PASS : 0;
}

/* The kernel's answer must be of the inode that was found: names may have been swapped, and then
 * lead anywhere. No other answer is shown. */
static bool is_found(const struct emulator *emulator, dev_t device, uint64_t ino)
{
        return device == emulator->place.mount->device && ino == emulator->place.node.ino;
}

static int answer_stat(struct request *request, struct request_target *target, bool descriptor,
                       uint64_t address)
{
        const struct emulate_node *node = &request->emulator->place.node;
        char path[PATH_MAX];
        struct stat st;
        int flags;

        if (find(request, target, descriptor, path, &flags) != 0 ||
            fstatat(AT_FDCWD, path, &st, flags) < 0 ||
            !is_found(request->emulator, st.st_dev, st.st_ino))
                return REQUEST_PASS;
        st.st_uid = node->uid;
        st.st_gid = node->gid;
        if (is_device(node->mode)) {
                st.st_mode = (st.st_mode & 07777) | (node->mode & S_IFMT);
                st.st_rdev = makedev(node->rdev_major, node->rdev_minor);
        }
        return request_write(request, address, &st, sizeof(st));
}

int emulate_stat(struct request *request)
{
        struct request_target target = { .dirfd = AT_FDCWD,
                                         .path = request->args[0],
                                         .follow = request->call == EMULATE_STAT };

        return answer_stat(request, &target, false, request->args[1]);
}

int emulate_fstat(struct request *request)
{
        struct request_target target = { .dirfd = (int)request->args[0] };

        return answer_stat(request, &target, true, request->args[1]);
}

int emulate_fstatat(struct request *request)
{
        const uint64_t *args = request->args;
        struct request_target target = { .dirfd = (int)args[0],
                                         .path = args[1],
                                         .follow = !(args[3] & AT_SYMLINK_NOFOLLOW),
                                         .empty_path = args[3] & AT_EMPTY_PATH };

        return answer_stat(request, &target, false, args[2]);
}

int emulate_statx(struct request *request)
{
        const struct emulate_node *node = &request->emulator->place.node;
        const uint64_t *args = request->args;
        struct request_target target = { .dirfd = (int)args[0],
                                         .path = args[1],
                                         .follow = !(args[2] & AT_SYMLINK_NOFOLLOW),
                                         .empty_path = args[2] & AT_EMPTY_PATH };
        char path[PATH_MAX];
        struct statx stx;
        int flags;

        if (find(request, &target, false, path, &flags) != 0 ||
            statx(AT_FDCWD, path, flags | ((int)args[2] & AT_STATX_SYNC_TYPE),
                  (unsigned int)args[3] | STATX_INO, &stx) < 0 ||
            !is_found(request->emulator, makedev(stx.stx_dev_major, stx.stx_dev_minor),
                      stx.stx_ino))
                return REQUEST_PASS;
        stx.stx_uid = node->uid;
        stx.stx_gid = node->gid;
        if (is_device(node->mode)) {
                stx.stx_mode = (uint16_t)((stx.stx_mode & 07777) | (node->mode & S_IFMT));
                stx.stx_rdev_major = node->rdev_major;
                stx.stx_rdev_minor = node->rdev_minor;
        }
        return request_write(request, args[4], &stx, sizeof(stx));
}
