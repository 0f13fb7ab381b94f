#include "shared_artifact.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "oci/index.h"
#include "oci/media_type.h"
#include "shared_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 << 10)

void artifact_done(struct artifact *artifact)
{
        for (size_t i = 0; i < artifact->count; i++) {
                descriptor_done(&artifact->blobs[i].blob);
                buf_done(&artifact->blobs[i].bytes);
        }
        free(artifact->blobs);
}

static struct artifact_blob *add(struct artifact *artifact, struct error *err)
{
        struct artifact_blob *blobs =
                reallocarray(artifact->blobs, artifact->count + 1, sizeof(*blobs));

        if (!blobs) {
                error_set_oom(err);
                return NULL;
        }
        artifact->blobs = blobs;
        blobs[artifact->count] = (struct artifact_blob){ .blob = DESCRIPTOR_INIT };
        return &blobs[artifact->count++];
}

int artifact_add_stored(struct artifact *artifact, const struct descriptor *blob, struct error *err)
{
        struct artifact_blob *added = add(artifact, err);

        if (!added)
                return err->code;
        return descriptor_copy(blob, &added->blob) < 0 ? error_set_oom(err) : 0;
}

int artifact_add_document(struct artifact *artifact, const char *media_type, struct buf *bytes,
                          struct error *err)
{
        struct artifact_blob *added = add(artifact, err);
        int r;

        if (!added)
                return err->code;
        r = digest_of(bytes->data, bytes->len, &added->blob.digest, err);
        if (r < 0)
                return r;
        added->blob.size = bytes->len;
        added->blob.media_type = strdup(media_type);
        added->bytes = *bytes;
        *bytes = BUF_INIT;
        return added->blob.media_type ? 0 : error_set_oom(err);
}

/* ---- a directory ---- */

/* Whether the file has this digest; one that is damaged is written anew. */
static bool is_whole(int dir_fd, const char *path, const struct digest *digest)
{
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_free_ char *chunk = fd < 0 ? NULL : malloc(CHUNK_BYTES);
        struct digest_hasher *hasher = NULL;
        struct error ignored = ERROR_INIT;
        struct digest found;
        bool equal = false;
        ssize_t n = 0;
        int r = 0;

        if (!chunk || digest_hasher_new(&hasher, &ignored) < 0)
                return false;
        do {
                n = io_read(fd, chunk, CHUNK_BYTES);
                r = n < 0 ? (int)n : digest_hasher_update(hasher, chunk, (size_t)n, &ignored);
        } while (r == 0 && n > 0);
        if (r == 0 && digest_hasher_finish(hasher, &found, &ignored) == 0)
                equal = digest_equal(&found, digest);
        digest_hasher_free(hasher);
        return equal;
}

static int copy_stored(struct store *store, const struct digest *digest, int dir_fd,
                       const char *path, struct error *err)
{
        char temporary[DIGEST_HEX_MAX + 48];
        _cleanup_close_ int in = -1, out = -1;
        uint64_t size;
        int r;

        r = store_open_file(store, STORE_BLOB, digest, &in, &size, err);
        if (r < 0)
                return r;
        snprintf(temporary, sizeof(temporary), "%s.tmp-%d", path, (int)getpid());
        out = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                     0644);
        if (out < 0)
                return error_set_errno(err, -errno, "cannot write %s", temporary);
        r = io_copy_range(in, 0, size, out);
        if (r == 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
                r = -errno;
        if (r < 0) {
                unlinkat(dir_fd, temporary, 0);
                return error_set_errno(err, r, "cannot write %s", path);
        }
        return 0;
}

static int write_blob(struct store *store, const struct artifact_blob *blob, int dir_fd,
                      struct error *err)
{
        char path[DIGEST_HEX_MAX + 16] = "blobs/sha256/";

        digest_format_hex(&blob->blob.digest, path + strlen(path));
        if (is_whole(dir_fd, path, &blob->blob.digest))
                return 0;
        if (blob->bytes.len > 0)
                return io_write_file_atomic(dir_fd, path, blob->bytes.data, blob->bytes.len, 0644,
                                            err);
        return copy_stored(store, &blob->blob.digest, dir_fd, path, err);
}

/* What the layout lists but what has the tag. */
static int read_list(int dir_fd, const char *tag, struct image_index *ret, struct error *err)
{
        struct buf text = BUF_INIT;
        size_t kept = 0;
        int r;

        *ret = IMAGE_INDEX_INIT;
        if (faccessat(dir_fd, "index.json", F_OK, 0) < 0 && errno == ENOENT) {
                ret->media_type = strdup(MEDIA_TYPE_OCI_INDEX);
                return ret->media_type ? 0 : error_set_oom(err);
        }
        r = io_read_file(dir_fd, "index.json", MANIFEST_BYTES_MAX, &text, err);
        if (r == 0)
                r = image_index_parse(text.data, text.len, NULL, ret, err);
        buf_done(&text);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ret->manifests.count; i++) {
                struct descriptor *item = &ret->manifests.items[i];
                const char *name = strmap_get(&item->annotations, SHARED_TAG);

                if (name && strcmp(name, tag) == 0)
                        descriptor_done(item);
                else
                        ret->manifests.items[kept++] = *item;
        }
        ret->manifests.count = kept;
        return 0;
}

static int write_list(int dir_fd, const struct descriptor *manifest, const char *tag,
                      struct error *err)
{
        struct image_index index = IMAGE_INDEX_INIT;
        struct buf text = BUF_INIT;
        struct descriptor *added;
        int r = read_list(dir_fd, tag, &index, err);

        if (r == 0) {
                added = descriptors_add(&index.manifests);
                if (!added || descriptor_copy(manifest, added) < 0 ||
                    strmap_set(&added->annotations, SHARED_TAG, tag) < 0)
                        r = error_set_oom(err);
        }
        if (r == 0)
                r = image_index_write(&index, &text, err);
        if (r == 0)
                r = io_write_file_atomic(dir_fd, "index.json", text.data, text.len, 0644, err);
        buf_done(&text);
        image_index_done(&index);
        return r;
}

static int make_layout(const char *path, int *ret, struct error *err)
{
        static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
        int fd, r = io_mkdir_parents(path, err);

        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || (mkdirat(fd, "blobs", 0755) < 0 && errno != EEXIST) ||
            (mkdirat(fd, "blobs/sha256", 0755) < 0 && errno != EEXIST) || flock(fd, LOCK_EX) < 0)
                r = error_set_errno(err, -errno, "cannot write to %s", path);
        if (r == 0)
                r = io_write_file_atomic(fd, "oci-layout", version, strlen(version), 0644, err);
        if (r < 0) {
                cleanup_close(&fd);
                return r;
        }
        *ret = fd;
        return 0;
}

int artifact_write(struct store *store, const struct artifact *artifact, const char *path,
                   const char *tag, struct error *err)
{
        _cleanup_close_ int fd = -1;
        int r = make_layout(path, &fd, err);

        for (size_t i = 0; i < artifact->count && r == 0; i++)
                r = write_blob(store, &artifact->blobs[i], fd, err);
        if (r == 0)
                r = write_list(fd, &artifact->blobs[artifact->count - 1].blob, tag, err);
        return r;
}
