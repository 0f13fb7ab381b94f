#include "store_internal.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PUT_TRIES 8

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
        /* Whoever prunes may remove the group's directory at any time. */
        for (int tries = 0;; tries++) {
                struct error failed = ERROR_INIT;

                path[DIGEST_HEX_MAX - 1] = '\0';
                if (mkdirat(store->cache_fd, path, 0700) < 0 && errno != EEXIST)
                        return error_set_errno(err, -errno, "cannot write to the store %s",
                                               store->root);
                path[DIGEST_HEX_MAX - 1] = '/';
                r = io_write_file_atomic(store->cache_fd, path, data, len, 0600, &failed);
                if (r == -ENOENT && tries < PUT_TRIES)
                        continue;
                if (r < 0)
                        *err = failed;
                break;
        }
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
        struct error ignored = ERROR_INIT;
        struct dirent *entry;
        struct digest digest;
        DIR *dir;
        int r = 0;

        if (io_open_dir(parent_fd, path, &dir) < 0)
                return 0;
        while (r == 0 && (entry = readdir(dir)))
                if (digest_parse_hex(entry->d_name, &digest, &ignored) == 0)
                        r = each(context, dirfd(dir), entry->d_name);
        closedir(dir);
        return r;
}

int store_read_head(int dir_fd, const char *name, struct buf *ret, struct error *err)
{
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        const char *end;
        ssize_t n;

        if (fd < 0)
                return error_set_errno(err, -errno, "cannot open the record %s", name);
        if (buf_reserve(ret, STORE_RECORD_HEAD_MAX + 1) < 0)
                return error_set_oom(err);
        n = io_pread(fd, ret->data + ret->len, STORE_RECORD_HEAD_MAX, 0);
        if (n < 0)
                return error_set_errno(err, (int)n, "cannot read the record %s", name);
        end = memmem(ret->data + ret->len, (size_t)n, "\n\n", 2);
        ret->len += end ? (size_t)(end - (ret->data + ret->len)) + 1 : (size_t)n;
        ret->data[ret->len] = '\0';
        return 0;
}

static int read_whole(int dir_fd, const char *path, struct buf *ret, struct error *err)
{
        return io_read_file(dir_fd, path, STORE_RECORD_MAX, ret, err);
}

static int get(struct store *store, const struct digest *group, const struct digest *key,
               int (*read)(int dir_fd, const char *path, struct buf *ret, struct error *err),
               struct buf *ret, struct error *err)
{
        char path[2 * DIGEST_HEX_MAX];
        int r;

        record_path(group, key, path);
        if (faccessat(store->cache_fd, path, F_OK, 0) < 0 && errno == ENOENT)
                return -ENOENT;
        r = read(store->cache_fd, path, ret, err);
        return r < 0 ? error_wrap(err, "the cache of the store %s", store->root) : 0;
}

int store_record_get(struct store *store, const struct digest *group, const struct digest *key,
                     struct buf *ret, struct error *err)
{
        return get(store, group, key, read_whole, ret, err);
}

int store_record_head(struct store *store, const struct digest *group, const struct digest *key,
                      struct buf *ret, struct error *err)
{
        return get(store, group, key, store_read_head, ret, err);
}

void store_record_use(struct store *store, const struct digest *group, const struct digest *key)
{
        char path[2 * DIGEST_HEX_MAX];

        record_path(group, key, path);
        utimensat(store->cache_fd, path, NULL, 0);
}

int store_record_remove(struct store *store, const struct digest *group, const struct digest *key,
                        struct error *err)
{
        char path[2 * DIGEST_HEX_MAX];

        record_path(group, key, path);
        if (unlinkat(store->cache_fd, path, 0) < 0 && errno != ENOENT)
                return error_set_errno(err, -errno, "cannot remove a record of the store %s",
                                       store->root);
        path[DIGEST_HEX_MAX - 1] = '\0';
        unlinkat(store->cache_fd, path, AT_REMOVEDIR); /* unless it has others */
        return 0;
}

struct record_lister {
        struct store_record *items;
        size_t count, cap;
        struct digest group;
};

static int list_record(void *context, int dir_fd, const char *name)
{
        struct record_lister *lister = context;
        struct error ignored = ERROR_INIT;
        struct store_record *items;
        struct stat st;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return 0;
        if (lister->count == lister->cap) {
                lister->cap = lister->cap ? lister->cap * 2 : 64;
                items = reallocarray(lister->items, lister->cap, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                lister->items = items;
        }
        items = &lister->items[lister->count++];
        *items = (struct store_record){ .group = lister->group,
                                        .used = st.st_mtim,
                                        .size_bytes = (uint64_t)st.st_blocks * 512 };
        digest_parse_hex(name, &items->key, &ignored);
        return 0;
}

static int list_group(void *context, int dir_fd, const char *name)
{
        struct record_lister *lister = context;
        struct error ignored = ERROR_INIT;

        digest_parse_hex(name, &lister->group, &ignored);
        return each_digest(dir_fd, name, list_record, lister);
}

static int compare_used(const void *a, const void *b)
{
        const struct store_record *left = a, *right = b;
        int order =
                (left->used.tv_sec < right->used.tv_sec) - (left->used.tv_sec > right->used.tv_sec);

        if (order == 0)
                order = (left->used.tv_nsec < right->used.tv_nsec) -
                        (left->used.tv_nsec > right->used.tv_nsec);
        return order ? order : memcmp(&left->key, &right->key, sizeof(left->key));
}

int store_record_list(struct store *store, const struct digest *group, struct store_record **ret,
                      size_t *ret_count, struct error *err)
{
        struct record_lister lister = { .items = NULL };
        char name[DIGEST_HEX_MAX];
        int r;

        if (group) {
                digest_format_hex(group, name);
                r = list_group(&lister, store->cache_fd, name);
        } else {
                r = each_digest(store->cache_fd, ".", list_group, &lister);
        }
        if (r < 0) {
                free(lister.items);
                return error_set_oom(err);
        }
        if (lister.count > 1)
                qsort(lister.items, lister.count, sizeof(*lister.items), compare_used);
        *ret = lister.items;
        *ret_count = lister.count;
        return 0;
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

        if (store_read_head(dir_fd, name, &text, &ignored) == 0)
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
