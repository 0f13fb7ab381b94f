#include "store_internal.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "GROUP/KEY" */
static void record_path(const struct digest *group, const struct digest *key,
                        char ret[static 2 * DIGEST_HEX_MAX])
{
        digest_format_hex(group, ret);
        ret[DIGEST_HEX_MAX - 1] = '/';
        digest_format_hex(key, ret + DIGEST_HEX_MAX);
}

int store_record_put(struct store *store, const struct digest *group, const struct digest *key,
                     const void *data, size_t len, struct error *err)
{
        char path[2 * DIGEST_HEX_MAX];
        int r;

        record_path(group, key, path);
        path[DIGEST_HEX_MAX - 1] = '\0';
        if (mkdirat(store->cache_fd, path, 0700) < 0 && errno != EEXIST)
                return error_set_errno(err, -errno, "cannot write to the store %s", store->root);
        path[DIGEST_HEX_MAX - 1] = '/';
        r = io_write_file_atomic(store->cache_fd, path, data, len, 0600, err);
        return r < 0 ? error_wrap(err, "the cache of the store %s", store->root) : 0;
}

int store_record_get(struct store *store, const struct digest *group, const struct digest *key,
                     struct buf *ret, struct error *err)
{
        char path[2 * DIGEST_HEX_MAX];
        int r;

        record_path(group, key, path);
        if (faccessat(store->cache_fd, path, F_OK, 0) < 0 && errno == ENOENT)
                return -ENOENT;
        r = io_read_file(store->cache_fd, path, STORE_RECORD_MAX, ret, err);
        return r < 0 ? error_wrap(err, "the cache of the store %s", store->root) : 0;
}

bool store_record_any(struct store *store, const struct digest *group)
{
        char name[DIGEST_HEX_MAX];
        struct stat st;

        digest_format_hex(group, name);
        return fstatat(store->cache_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}
