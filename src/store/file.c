/*
 * Files of the store: from tmp/ to their place.
 */
#include "store_internal.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int store_place(const struct store *store, enum store_kind kind, const struct digest *digest,
                char ret_name[static STORE_NAME_MAX])
{
        digest_format_hex(digest, ret_name);
        switch (kind) {
        case STORE_TAR:
                strcat(ret_name, ".tar");
                return store->layers_fd;
        case STORE_INDEX:
                strcat(ret_name, ".idx");
                return store->layers_fd;
        case STORE_BLOB:
                break;
        }
        return store->blobs_fd;
}

static const char *kind_name(enum store_kind kind)
{
        return kind == STORE_BLOB ? "blob" : "layer";
}

int store_open_file(struct store *store, enum store_kind kind, const struct digest *digest,
                    int *ret_fd, uint64_t *ret_size, struct error *err)
{
        char name[STORE_NAME_MAX], text[DIGEST_TEXT_MAX];
        int dir_fd = store_place(store, kind, digest, name), r;
        int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0) {
                r = -errno;
                cleanup_close(&fd);
                digest_format(digest, text);
                return error_set_errno(err, r, "cannot open the %s %s of the store",
                                       kind_name(kind), text);
        }
        *ret_fd = fd;
        if (ret_size)
                *ret_size = (uint64_t)st.st_size;
        return 0;
}

bool store_has(struct store *store, enum store_kind kind, const struct digest *digest)
{
        char name[STORE_NAME_MAX];
        int dir_fd = store_place(store, kind, digest, name);

        return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_read(struct store *store, enum store_kind kind, const struct digest *digest,
               size_t max_bytes, struct buf *ret, struct error *err)
{
        char name[STORE_NAME_MAX], text[DIGEST_TEXT_MAX];
        int dir_fd = store_place(store, kind, digest, name);
        size_t start = ret->len;
        struct digest found;
        int r;

        r = io_read_file(dir_fd, name, max_bytes, ret, err);
        if (r < 0)
                return error_wrap(err, "the store %s", store->root);
        if (kind != STORE_BLOB)
                return 0;
        r = digest_of(ret->data + start, ret->len - start, &found, err);
        if (r < 0 || digest_equal(&found, digest))
                return r;
        digest_format(digest, text);
        return error_set(err, -EBADMSG, "the blob %s of the store %s was changed", text,
                         store->root);
}

int store_remove(struct store *store, enum store_kind kind, const struct digest *digest,
                 struct error *err)
{
        char name[STORE_NAME_MAX];
        int dir_fd = store_place(store, kind, digest, name);

        if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        return error_set_errno(err, -errno, "cannot remove %s from the store %s", name,
                               store->root);
}

int store_file_new(struct store *store, struct store_file *ret, struct error *err)
{
        int dir_fd = store_process_dir(store, err);
        struct store_file file;

        if (dir_fd < 0)
                return dir_fd;
        snprintf(file.name, sizeof(file.name), "file-%u",
                 __atomic_fetch_add(&store->serial, 1, __ATOMIC_RELAXED));
        file.fd = openat(dir_fd, file.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file.fd < 0)
                return error_set_errno(err, -errno, "cannot write to the store %s", store->root);
        *ret = file;
        return 0;
}

void store_file_discard(struct store *store, struct store_file *file)
{
        if (file->fd < 0)
                return;
        close(file->fd);
        file->fd = -1;
        unlinkat(store->process_fd, file->name, 0);
}

static int publish(struct store *store, struct store_file *file, int dir_fd, const char *name)
{
        if (fsync(file->fd) < 0)
                return -errno;
        if (renameat(store->process_fd, file->name, dir_fd, name) < 0)
                return -errno;
        return fsync(dir_fd) < 0 ? -errno : 0;
}

int store_file_publish(struct store *store, struct store_file *file, enum store_kind kind,
                       const struct digest *digest, struct error *err)
{
        char name[STORE_NAME_MAX];
        int dir_fd = store_place(store, kind, digest, name);
        int r = store_pin(store, digest, err);

        /* An equal one has the same bytes: what stands there may be in use and is left alone. */
        if (r < 0 || store_has(store, kind, digest)) {
                store_file_discard(store, file);
                return r;
        }
        r = publish(store, file, dir_fd, name);
        if (r < 0) {
                store_file_discard(store, file);
                return error_set_errno(err, r, "cannot write to the store %s", store->root);
        }
        close(file->fd);
        file->fd = -1;
        return 0;
}

int store_partial_open(struct store *store, const struct digest *digest, struct store_file *ret,
                       uint64_t *ret_size, struct error *err)
{
        int dir_fd = store_process_dir(store, err);
        char hex[DIGEST_HEX_MAX], by[STORE_NAME_MAX + sizeof(STORE_PARTIAL)];
        struct store_file file;
        struct stat st;
        int r;

        if (dir_fd < 0)
                return dir_fd;
        digest_format_hex(digest, hex);
        snprintf(file.name, sizeof(file.name), STORE_PARTIAL "%s", hex);
        snprintf(by, sizeof(by), "." STORE_PARTIAL "%s", hex);
        /* Of several processes, one gets what was put by. */
        if (renameat(store->tmp_fd, by, dir_fd, file.name) < 0 && errno != ENOENT)
                return error_set_errno(err, -errno, "cannot write to the store %s", store->root);
        file.fd = openat(dir_fd, file.name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file.fd < 0 || fstat(file.fd, &st) < 0) {
                r = -errno;
                cleanup_close(&file.fd);
                return error_set_errno(err, r, "cannot write to the store %s", store->root);
        }
        *ret = file;
        *ret_size = (uint64_t)st.st_size;
        return 0;
}

void store_partial_keep(struct store *store, struct store_file *file)
{
        char by[sizeof(file->name) + 1];

        if (file->fd < 0)
                return;
        snprintf(by, sizeof(by), ".%s", file->name);
        if (renameat(store->process_fd, file->name, store->tmp_fd, by) < 0)
                unlinkat(store->process_fd, file->name, 0);
        close(file->fd);
        file->fd = -1;
}

static int copy_tar(struct store *store, const struct digest *diff_id, struct error *err)
{
        struct store_file file = STORE_FILE_INIT;
        _cleanup_close_ int fd = -1;
        uint64_t size;
        int r;

        r = store_open_file(store, STORE_TAR, diff_id, &fd, &size, err);
        if (r == 0)
                r = store_file_new(store, &file, err);
        if (r < 0)
                return r;
        r = io_copy_range(fd, 0, size, file.fd);
        if (r < 0) {
                store_file_discard(store, &file);
                return error_set_errno(err, r, "cannot write to the store %s", store->root);
        }
        return store_file_publish(store, &file, STORE_BLOB, diff_id, err);
}

int store_link_blob(struct store *store, const struct digest *diff_id, struct error *err)
{
        char tar[STORE_NAME_MAX], blob[STORE_NAME_MAX];
        int layers_fd = store_place(store, STORE_TAR, diff_id, tar);
        int blobs_fd = store_place(store, STORE_BLOB, diff_id, blob);

        if (linkat(layers_fd, tar, blobs_fd, blob, 0) == 0 || errno == EEXIST)
                return fsync(blobs_fd) < 0
                               ? error_set_errno(err, -errno, "cannot write to the store %s",
                                                 store->root)
                               : 0;
        return copy_tar(store, diff_id, err);
}

int store_put_blob(struct store *store, const void *data, size_t len, struct digest *ret,
                   struct error *err)
{
        struct store_file file;
        int r;

        r = digest_of(data, len, ret, err);
        if (r == 0)
                r = store_pin(store, ret, err);
        if (r < 0 || store_has(store, STORE_BLOB, ret))
                return r;
        r = store_file_new(store, &file, err);
        if (r < 0)
                return r;
        r = io_write(file.fd, data, len);
        if (r < 0) {
                store_file_discard(store, &file);
                return error_set_errno(err, r, "cannot write to the store %s", store->root);
        }
        return store_file_publish(store, &file, STORE_BLOB, ret, err);
}
