#include "store_internal.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OCI_LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

static int default_root(char **ret, struct error *err)
{
        const char *root = getenv("VARVE_ROOT"), *data = getenv("XDG_DATA_HOME");
        const char *home = getenv("HOME");
        int r;

        if (root && *root)
                r = asprintf(ret, "%s", root);
        else if (data && path_is_absolute(data))
                r = asprintf(ret, "%s/varve", data);
        else if (home && path_is_absolute(home))
                r = asprintf(ret, "%s/.local/share/varve", home);
        else
                r = 0;
        if (r == 0) {
                error_set(err, -ENOENT, "there is no place for the store: HOME is not set");
                return error_hint(err, "Say where to keep images, with --root DIR or VARVE_ROOT.");
        }
        return r < 0 ? error_set_oom(err) : 0;
}

/* The store's directory must be nobody else's: what lies in it is trusted. */
static int check_root(const struct store *store, struct error *err)
{
        struct stat st;

        if (fstat(store->root_fd, &st) < 0)
                return error_set_errno(err, -errno, "cannot look at the store %s", store->root);
        if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
                return 0;
        error_set(err, -EPERM, "the store %s can be written to by others", store->root);
        if (st.st_uid != geteuid())
                return error_hint(err, "It belongs to user %u. Choose another with --root DIR.",
                                  (unsigned)st.st_uid);
        return error_hint(err, "Take the right away with: chmod go-w %s", store->root);
}

/* Opens a directory of the store, and makes it if it is not there. A symlink is refused. */
static int open_directory(const struct store *store, int parent_fd, const char *name, int *ret,
                          struct error *err)
{
        *ret = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (*ret < 0 && errno == ENOENT) {
                if (mkdirat(parent_fd, name, 0700) < 0 && errno != EEXIST)
                        return error_set_errno(err, -errno, "cannot make %s in the store %s", name,
                                               store->root);
                *ret = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        if (*ret < 0)
                return error_set_errno(err, -errno, "cannot open %s in the store %s", name,
                                       store->root);
        return 0;
}

static int open_directories(struct store *store, struct error *err)
{
        _cleanup_close_ int blobs_fd = -1;
        int r;

        r = open_directory(store, store->root_fd, "oci", &store->oci_fd, err);
        if (r == 0)
                r = open_directory(store, store->oci_fd, "blobs", &blobs_fd, err);
        if (r == 0)
                r = open_directory(store, blobs_fd, "sha256", &store->blobs_fd, err);
        if (r == 0)
                r = open_directory(store, store->root_fd, "layers", &store->layers_fd, err);
        if (r == 0)
                r = open_directory(store, store->root_fd, "cache", &store->cache_fd, err);
        if (r == 0)
                r = open_directory(store, store->root_fd, "tmp", &store->tmp_fd, err);
        if (r < 0)
                return r;
        if (faccessat(store->oci_fd, "oci-layout", F_OK, 0) == 0)
                return 0;
        return io_write_file_atomic(store->oci_fd, "oci-layout", OCI_LAYOUT, strlen(OCI_LAYOUT),
                                    0600, err);
}

static int open_root(struct store *store, const char *root, bool make, struct error *err)
{
        _cleanup_free_ char *chosen = NULL, *cwd = NULL;
        int r;

        if (!root) {
                r = default_root(&chosen, err);
                if (r < 0)
                        return r;
                root = chosen;
        }
        cwd = getcwd(NULL, 0);
        store->root = path_resolve(cwd ? cwd : "/", root);
        if (!store->root)
                return error_set_oom(err);
        r = make ? io_mkdir_parents(store->root, err) : 0;
        if (r < 0)
                return error_wrap(err, "cannot make the store");
        store->root_fd = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->root_fd < 0 && errno == ENOENT) {
                error_set(err, -ENXIO, "there is no store in %s", store->root);
                return error_hint(err, "`varve build`, `load` and `import` make one; --root DIR "
                                       "names another.");
        }
        if (store->root_fd < 0)
                return error_set_errno(err, -errno, "cannot open the store %s", store->root);
        return check_root(store, err);
}

static int open_store(const char *root, bool make, struct store **ret, struct error *err)
{
        struct store *store = calloc(1, sizeof(*store));
        int r;

        if (!store)
                return error_set_oom(err);
        store->root_fd = store->oci_fd = store->blobs_fd = store->layers_fd = -1;
        store->cache_fd = store->tmp_fd = store->process_fd = store->pins_fd = -1;
        store->containers_fd = -1;
        r = open_root(store, root, make, err);
        if (r == 0)
                r = open_directories(store, err);
        if (r < 0) {
                store_free(store);
                return r;
        }
        store_sweep(store);
        *ret = store;
        return 0;
}

int store_open(const char *root, struct store **ret, struct error *err)
{
        return open_store(root, true, ret, err);
}

int store_open_existing(const char *root, struct store **ret, struct error *err)
{
        return open_store(root, false, ret, err);
}

void store_free(struct store *store)
{
        if (!store)
                return;
        store_leave(store);
        cleanup_close(&store->pins_fd);
        cleanup_close(&store->containers_fd);
        cleanup_close(&store->tmp_fd);
        cleanup_close(&store->cache_fd);
        cleanup_close(&store->layers_fd);
        cleanup_close(&store->blobs_fd);
        cleanup_close(&store->oci_fd);
        cleanup_close(&store->root_fd);
        strv_done(&store->search);
        free(store->root);
        free(store);
}

int store_containers_dir(struct store *store, int *ret_fd, struct error *err)
{
        int r = 0;

        if (store->containers_fd < 0)
                r = open_directory(store, store->root_fd, STORE_CONTAINERS, &store->containers_fd,
                                   err);
        if (r == 0)
                *ret_fd = store->containers_fd;
        return r;
}

const char *store_root(const struct store *store)
{
        return store->root;
}

int store_root_dir(const struct store *store)
{
        return store->root_fd;
}

int store_explain_full(const struct store *store, struct error *err)
{
        /* Who gave a hint knew better: a host may have no room for user namespaces. */
        if ((err->code != -ENOSPC && err->code != -EDQUOT) || err->hint[0] != '\0')
                return err->code;
        error_hint(err, "Free some room there, or keep images elsewhere, with --root DIR.");
        return error_wrap(err, "the store %s has no room", store->root);
}
