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

/* Names of a directory that are digests. Returns what `each` does. */
static int each_digest(int parent_fd, const char *path,
                       int (*each)(void *context, int dir_fd, const char *name), void *context)
{
        int fd = openat(parent_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct error ignored = ERROR_INIT;
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;
        struct digest digest;
        int r = 0;

        if (!dir) {
                cleanup_close(&fd);
                return 0;
        }
        while (r == 0 && (entry = readdir(dir)))
                if (digest_parse_hex(entry->d_name, &digest, &ignored) == 0)
                        r = each(context, dirfd(dir), entry->d_name);
        closedir(dir);
        return r;
}

struct record_visitor {
        int (*visit)(void *context, const char *text);
        void *context;
};

static int visit_record(void *context, int dir_fd, const char *name)
{
        const struct record_visitor *visitor = context;
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        int r = 0;

        if (io_read_file(dir_fd, name, STORE_RECORD_MAX, &text, &ignored) == 0)
                r = visitor->visit(visitor->context, buf_str(&text));
        buf_done(&text);
        return r;
}

static int visit_group(void *context, int dir_fd, const char *name)
{
        return each_digest(dir_fd, name, visit_record, context);
}

int store_record_each(struct store *store, int (*visit)(void *context, const char *text),
                      void *context)
{
        struct record_visitor visitor = { visit, context };

        return each_digest(store->cache_fd, ".", visit_group, &visitor);
}
