/*
 * Whose the files are that processes make, where the root is a plain directory: a filesystem of the
 * host does not tell who makes a file, so the calls that do are heard of before the kernel carries
 * them out.
 */
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Where the arguments of a call are, and the flags of one that has none. */
static const struct form {
        uint8_t path;
        bool at; /* the argument before the path is a directory */
        bool has_flags;
        uint32_t flags;
} forms[EMULATE_CALL_COUNT] = {
        [EMULATE_CREAT] = { .path = 0, .flags = O_CREAT },
        [EMULATE_OPEN] = { .path = 0, .has_flags = true },
        [EMULATE_OPENAT] = { .path = 1, .at = true, .has_flags = true },
        [EMULATE_OPENAT2] = { .path = 1, .at = true },
        [EMULATE_MKDIR] = { .path = 0, .flags = O_CREAT | O_EXCL },
        [EMULATE_MKDIRAT] = { .path = 1, .at = true, .flags = O_CREAT | O_EXCL },
        [EMULATE_MKNOD] = { .path = 0, .flags = O_CREAT | O_EXCL },
        [EMULATE_MKNODAT] = { .path = 1, .at = true, .flags = O_CREAT | O_EXCL },
        [EMULATE_SYMLINK] = { .path = 1, .flags = O_CREAT | O_EXCL },
        [EMULATE_SYMLINKAT] = { .path = 2, .at = true, .flags = O_CREAT | O_EXCL },
        /* One that had no name (O_TMPFILE) is whose who gives it one; others keep their owner. */
        [EMULATE_LINK] = { .path = 1, .flags = O_CREAT | O_EXCL },
        [EMULATE_LINKAT] = { .path = 3, .at = true, .flags = O_CREAT | O_EXCL },
};

static uint64_t flags_of(const struct request *request)
{
        const struct form *form = &forms[request->call];
        struct open_how how = { .flags = 0 };

        if (form->has_flags)
                return request->args[form->path + 1];
        if (request->call != EMULATE_OPENAT2)
                return form->flags;
        /* Where it cannot be read, the kernel will say so. */
        request_read(request, request->args[2], &how.flags, sizeof(how.flags));
        return how.flags;
}

int emulate_create(struct request *request)
{
        const uint64_t flags = flags_of(request);
        const struct form *form = &forms[request->call];
        struct request_target target = {
                .dirfd = form->at ? (int)request->args[form->path - 1] : AT_FDCWD,
                .path = request->args[form->path],
                .follow = !(flags & (O_EXCL | O_NOFOLLOW)),
        };
        struct emulator *emulator = request->emulator;
        const struct emulate_tree *tree = &emulator->mounts[0].tree;
        struct emulate_node dir;
        struct walk_place *place;
        uint32_t uid = 0, gid = 0;

        if (!(flags & O_CREAT) || !tree->announce ||
            request_find(request, &target, NULL, &place) < 0 || place->foreign || place->exists ||
            tree->getattr(tree->context, place->dir, &dir) < 0)
                return REQUEST_PASS;
        emulator_owner_of(emulator, request->pid, &uid, &gid);
        if (dir.mode & S_ISGID)
                gid = dir.gid;
        tree->announce(tree->context, request->pid, place->dir, place->name, uid, gid);
        return REQUEST_PASS;
}
