/*
 * Owners, devices and attributes, recorded in the tree.
 */
#include "request.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define XATTR_NAME_BYTES 256
#define XATTR_BYTES_MAX  65536

#define CAPABILITY_MKNOD 27

/* chown(2)'s rules for who is not root: the owner may give the file to a group of his own. */
static bool may_chown(const struct credentials *credentials, const struct emulate_node *node,
                      uint32_t uid, uint32_t gid)
{
        if (credentials->effective)
                return true;
        if (credentials->user.fs != node->uid)
                return false;
        return (uid == EMULATE_UNCHANGED || uid == node->uid) &&
               (gid == EMULATE_UNCHANGED || gid == node->gid ||
                credentials_have_group(credentials, gid));
}

static int chown_place(struct request *request, const struct walk_place *place, uint32_t uid,
                       uint32_t gid)
{
        const struct emulate_tree *tree;

        /* What lies on another filesystem is in no layer: it only has to look as if. */
        if (place->foreign)
                return 0;
        if (!place->exists)
                return -ENOENT;
        if (place->mount->read_only)
                return -EROFS;
        if (!may_chown(request_credentials(request), &place->node, uid, gid))
                return -EPERM;
        if (!request_is_alive(request))
                return -ESRCH;
        tree = &place->mount->tree;
        return tree->chown(tree->context, place->node.ino, uid, gid);
}

static int chown_target(struct request *request, struct request_target *target, uint32_t uid,
                        uint32_t gid)
{
        struct walk_place *place;
        int r = request_find(request, target, NULL, &place);

        return r < 0 ? r : chown_place(request, place, uid, gid);
}

int emulate_chown(struct request *request)
{
        const uint64_t *args = request->args;
        struct request_target target = { .dirfd = AT_FDCWD,
                                         .path = args[0],
                                         .follow = request->call == EMULATE_CHOWN };

        return chown_target(request, &target, (uint32_t)args[1], (uint32_t)args[2]);
}

int emulate_fchownat(struct request *request)
{
        const uint64_t *args = request->args;
        struct request_target target = { .dirfd = (int)args[0],
                                         .path = args[1],
                                         .follow = !(args[4] & AT_SYMLINK_NOFOLLOW),
                                         .empty_path = args[4] & AT_EMPTY_PATH };

        if ((int)args[4] & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
                return -EINVAL;
        return chown_target(request, &target, (uint32_t)args[2], (uint32_t)args[3]);
}

int emulate_fchown(struct request *request)
{
        const uint64_t *args = request->args;
        struct walk_place *place;
        int r = request_find_descriptor(request, (int)args[0], &place);

        return r < 0 ? r : chown_place(request, place, (uint32_t)args[1], (uint32_t)args[2]);
}

/* Reads a number behind `key` of /proc/PID/status. Returns `fallback` where there is none. */
static uint64_t status_of(const struct request *request, const char *key, int base,
                          uint64_t fallback)
{
        struct error ignored = ERROR_INIT;
        struct buf status = BUF_INIT;
        char path[64];
        const char *at;

        snprintf(path, sizeof(path), "/proc/%d/status", request->pid);
        if (io_read_file(AT_FDCWD, path, REQUEST_STATUS_MAX, &status, &ignored) == 0) {
                at = strstr(buf_str(&status), key);
                if (at)
                        fallback = strtoull(at + strlen(key), NULL, base);
        }
        buf_done(&status);
        return fallback;
}

/* Whether the process may make devices, as what it believes to be or, with ranges, really. */
static bool may_mknod(const struct request *request)
{
        if (request->emulator->single)
                return request_credentials(request)->effective;
        return status_of(request, "\nCapEff:\t", 16, 0) >> CAPABILITY_MKNOD & 1;
}

int emulate_mknod(struct request *request)
{
        const struct emulate_tree *tree;
        const bool at = request->call == EMULATE_MKNODAT;
        const uint64_t *args = request->args + at;
        struct request_target target = { .dirfd = at ? (int)request->args[0] : AT_FDCWD,
                                         .path = args[0] };
        uint32_t mode = (uint32_t)args[1] & (S_IFMT | 07777), device = (uint32_t)args[2];
        uint32_t uid = 0, gid = 0;
        struct walk_place *place;
        int r;

        if (!S_ISCHR(mode) && !S_ISBLK(mode))
                return emulate_create(request);
        r = request_find(request, &target, NULL, &place);
        if (r < 0)
                return r;
        /* On a filesystem of the kernel's, the kernel says what it thinks of devices. */
        if (place->foreign)
                return REQUEST_PASS;
        if (place->exists)
                return -EEXIST;
        if (place->mount->read_only)
                return -EROFS;
        if (!may_mknod(request))
                return -EPERM;
        mode &= ~((uint32_t)status_of(request, "\nUmask:\t", 8, 0) & 0777);
        emulator_owner_of(request->emulator, request->pid, &uid, &gid);
        if (!request_is_alive(request))
                return -ESRCH;
        tree = &place->mount->tree;
        return tree->mknod(tree->context, place->dir, place->name, mode,
                           makedev(device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00)),
                           uid, gid);
}

/* Attributes that the kernel takes from nobody here. That of capabilities it takes itself. */
static bool is_recorded(const char *name)
{
        if (strncmp(name, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN) == 0)
                return true;
        return strncmp(name, XATTR_SECURITY_PREFIX, XATTR_SECURITY_PREFIX_LEN) == 0 &&
               strcmp(name, "security.capability") != 0;
}

static int record_xattr(struct request *request, const struct walk_place *place, const char *name)
{
        const struct emulate_tree *tree;
        const uint64_t *args = request->args;
        _cleanup_free_ char *value = NULL;
        int r = 0;

        if (!place->exists)
                return -ENOENT;
        if (place->mount->read_only)
                return -EROFS;
        if (!request_credentials(request)->effective)
                return -EPERM;
        if (args[3] > XATTR_BYTES_MAX)
                return -E2BIG;
        value = malloc(args[3] + 1);
        if (!value)
                return -ENOMEM;
        if (args[3] > 0)
                r = request_read(request, args[2], value, args[3]);
        if (r == 0 && !request_is_alive(request))
                r = -ESRCH;
        if (r < 0)
                return r;
        tree = &place->mount->tree;
        return tree->setxattr(tree->context, place->node.ino, name, value, args[3], (int)args[4]);
}

int emulate_setxattr(struct request *request)
{
        const uint64_t *args = request->args;
        struct request_target target = { .dirfd = AT_FDCWD,
                                         .path = args[0],
                                         .follow = request->call == EMULATE_SETXATTR };
        char name[XATTR_NAME_BYTES];
        struct walk_place *place;
        int r;

        if (request_read_string(request, args[1], name, sizeof(name)) < 0 || !is_recorded(name))
                return REQUEST_PASS;
        if (request->call == EMULATE_FSETXATTR)
                r = request_find_descriptor(request, (int)args[0], &place);
        else
                r = request_find(request, &target, NULL, &place);
        if (r < 0)
                return r;
        return place->foreign ? REQUEST_PASS : record_xattr(request, place, name);
}
