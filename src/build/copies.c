#include "copies.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int execute_choose_files(enum execution_files files, enum sandbox_users *users, bool *ret_copied,
                         char ret_notice[static EXECUTE_NOTICE_MAX], struct error *err)
{
        _cleanup_close_ int fd = -1;
        int code = 0;

        ret_notice[0] = '\0';
        *ret_copied = files == EXECUTION_FILES_COPY;
        if (files == EXECUTION_FILES_AUTO) {
                fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
                code = fd < 0 ? errno : 0;
                *ret_copied = fd < 0;
        }
        if (!*ret_copied)
                return 0;
        if (*users == SANDBOX_USERS_RANGES) {
                error_set(err, -EOPNOTSUPP, "a copy of a step's files has no subordinate ids%s%s",
                          code ? ", and /dev/fuse cannot be opened: " : "",
                          code ? strerror(code) : "");
                return error_hint(err, "Leave --userns=ranges away, or build with --fs=fuse.");
        }
        *users = SANDBOX_USERS_SINGLE;
        if (code)
                snprintf(ret_notice, EXECUTE_NOTICE_MAX,
                         "/dev/fuse cannot be opened (%s): commands run in copies of their files, "
                         "with one id, which is slower",
                         strerror(code));
        else
                snprintf(ret_notice, EXECUTE_NOTICE_MAX,
                         "commands run in copies of their files, with one id (--fs=copy)");
        return 0;
}

/* A file is mounted out of a copy of the directory that it lies in. */
static int make_mount(struct copies *copies, const struct execution_mount *mount, size_t at,
                      struct error *err)
{
        static const struct tree_owner root = { .uid = 0 };
        const char *source = mount->mount.source ? mount->mount.source : "", *name = ".";
        struct tree_attr attr;
        char parent[PATH_MAX];
        int r;

        r = tree_resolve(mount->tree, source, false, &attr);
        if (r == 0 && !S_ISDIR(attr.mode)) {
                name = path_base(source);
                r = path_parent(source, parent, sizeof(parent));
                if (r == 0)
                        r = tree_resolve(mount->tree, strcmp(parent, ".") == 0 ? "" : parent, false,
                                         &attr);
        }
        if (r < 0)
                return error_set_errno(err, r, "cannot mount /%s", source);
        r = layout_make(mount->tree, attr.ino, &root, &copies->mounts[at], err);
        if (r < 0)
                return r;
        copies->mount_fds[at] =
                openat(layout_dir(copies->mounts[at]), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return copies->mount_fds[at] < 0 ? error_set_errno(err, -errno, "cannot mount /%s", source)
                                         : 0;
}

int copies_make(struct copies *copies, const struct execution *execution,
                const struct tree_owner *owner, struct error *err)
{
        size_t count = execution->mount_count;
        int r;

        copies->mounts = calloc(count + 1, sizeof(struct layout *));
        copies->mount_fds = calloc(count + 1, sizeof(*copies->mount_fds));
        if (!copies->mounts || !copies->mount_fds)
                return error_set_oom(err);
        copies->mount_count = count;
        for (size_t i = 0; i < count; i++)
                copies->mount_fds[i] = -1;
        r = layout_make(execution->tree, TREE_ROOT, owner, &copies->root, err);
        for (size_t i = 0; i < count && r == 0; i++)
                if (execution->mounts[i].mount.type == SANDBOX_MOUNT_FUSE)
                        r = make_mount(copies, &execution->mounts[i], i, err);
        return r;
}

void copies_use(const struct copies *copies, struct sandbox_mount *mounts)
{
        for (size_t i = 0; i < copies->mount_count; i++) {
                if (!copies->mounts[i])
                        continue;
                mounts[i].type = SANDBOX_MOUNT_BIND;
                mounts[i].source = NULL;
                mounts[i].source_fd = copies->mount_fds[i];
        }
}

int copies_take_back(struct copies *copies, const struct execution *execution, bool root,
                     bool emulated, struct error *err)
{
        bool unsure = !emulated || emulator_had_more_users(copies->emulation.emulator);
        int r = 0;

        emulation_layout_done(&copies->emulation);
        if (root)
                r = layout_take_back(copies->root, unsure, err);
        for (size_t i = 0; i < copies->mount_count && r == 0; i++)
                if (copies->mounts[i] && !execution->mounts[i].mount.read_only)
                        r = layout_take_back(copies->mounts[i], false, err);
        return r;
}

void copies_done(struct copies *copies)
{
        emulation_layout_done(&copies->emulation);
        layout_free(copies->root);
        for (size_t i = 0; i < copies->mount_count; i++) {
                layout_free(copies->mounts[i]);
                if (copies->mount_fds[i] >= 0)
                        close(copies->mount_fds[i]);
        }
        free(copies->mounts);
        free(copies->mount_fds);
        *copies = (struct copies){ .root = NULL };
}
