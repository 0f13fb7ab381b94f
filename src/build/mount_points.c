#include "mount_points.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "copy_source.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Follows the symlinks of a path as far as it leads; the rest is kept as it is. */
static int resolve(struct tree *tree, const char *path, char **ret, struct error *err)
{
        const struct copy_source source = { .root_fd = -1, .tree = tree };
        _cleanup_free_ char *clean = path_resolve("/", path);
        size_t len = clean ? strlen(clean) : 0;

        if (!clean)
                return error_set_oom(err);
        for (;;) {
                _cleanup_free_ char *prefix = strndup(clean, len), *real = NULL;
                int r;

                if (!prefix)
                        return error_set_oom(err);
                r = copy_source_resolve(&source, prefix, &real, err);
                if (r == 0) {
                        /* "/" and "rest", or "/prefix" and "/rest". */
                        if (asprintf(ret, "/%s%s", real,
                                     clean + len + (*real == '\0' && clean[len] == '/')) < 0)
                                return error_set_oom(err);
                        return 0;
                }
                if (r != -ENOENT || error_is_set(err))
                        return r;
                while (len > 0 && clean[--len] != '/')
                        ;
        }
}

/* What of `target` lies below `dir`; NULL where it does not. */
static const char *below(const char *dir, const char *target)
{
        size_t len = strlen(dir);

        return strncmp(dir, target, len) == 0 && target[len] == '/' ? target + len : NULL;
}

static bool is_directory(const struct execution_mount *mount)
{
        struct tree_attr attr;
        struct stat st;

        if (mount->mount.type == SANDBOX_MOUNT_FUSE)
                return tree_resolve(mount->tree, mount->mount.source ? mount->mount.source : "",
                                    false, &attr) == 0 &&
                       S_ISDIR(attr.mode);
        if (mount->mount.type == SANDBOX_MOUNT_BIND)
                return fstat(mount->mount.source_fd, &st) == 0 && S_ISDIR(st.st_mode);
        return mount->mount.type == SANDBOX_MOUNT_TMPFS;
}

/* The last of the earlier mounts that covers the target decides where the stub goes. */
static int add_stub(struct tree *tree, const struct execution_mount *mounts, size_t at,
                    const struct strv *targets, struct error *err)
{
        const char *target = targets->items[at], *rest;
        _cleanup_free_ char *path = strdup(target);
        struct tree *into = tree;
        int r;

        if (!path)
                return error_set_oom(err);
        for (size_t i = at; i-- > 0;) {
                rest = below(targets->items[i], target);
                if (!rest)
                        continue;
                free(path);
                into = mounts[i].tree;
                if (asprintf(&path, "%s%s", mounts[i].mount.source ? mounts[i].mount.source : "",
                             rest) < 0) {
                        path = NULL;
                        return error_set_oom(err);
                }
                break;
        }
        if (!into)
                return error_set(err, -EINVAL, "nothing can be mounted on %s, in another mount",
                                 target);
        r = tree_add_stub(into, path, is_directory(&mounts[at]));
        return r < 0 ? error_set_errno(err, r, "cannot make the mount point %s", target) : 0;
}

int mount_points_add(struct tree *tree, const struct execution_mount *mounts, size_t count,
                     struct strv *ret_targets, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < count && r == 0; i++) {
                char *target = NULL;

                r = resolve(tree, mounts[i].mount.target, &target, err);
                if (r == 0 && strv_take(ret_targets, target) < 0)
                        r = error_set_oom(err);
                if (r == 0)
                        r = add_stub(tree, mounts, i, ret_targets, err);
        }
        return r;
}

void mount_points_remove(const struct execution_mount *mounts, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (mounts[i].tree)
                        tree_remove_stubs(mounts[i].tree);
}
