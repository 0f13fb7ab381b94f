/*
 * Writing images as archives.
 */
#include "build/archives.h"

#include "archive/tar_write.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "build/transfer.h"
#include "oci/json.h"
#include "oci/media_type.h"
#include "oci/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10)

#define REF_NAME       "org.opencontainers.image.ref.name"
#define CONTAINERD_REF "io.containerd.image.name"
#define OCI_LAYOUT     "{\"imageLayoutVersion\":\"1.0.0\"}"

/* An archive while it is written. Files that several images share are in it once. */
struct save {
        struct store *store;
        struct tar_writer *writer;
        struct strv written; /* paths */
        char *chunk;
};

static int begin_file(struct save *save, const char *path, uint64_t size, struct error *err)
{
        struct entry entry = { .path = path, .type = ENTRY_FILE, .mode = 0644, .size = size };
        uint64_t offset;

        return tar_writer_add(save->writer, &entry, &offset, err);
}

static int write_directory(struct save *save, const char *path, struct error *err)
{
        struct entry entry = { .path = path, .type = ENTRY_DIRECTORY, .mode = 0755 };
        uint64_t offset;

        return tar_writer_add(save->writer, &entry, &offset, err);
}

/* Whether a file has still to be written; remembers it. */
static int is_new(struct save *save, const char *path, struct error *err)
{
        if (strv_contains(&save->written, path))
                return 0;
        return strv_add(&save->written, path) < 0 ? error_set_oom(err) : 1;
}

static int write_text(struct save *save, const char *path, const void *data, size_t len,
                      struct error *err)
{
        int r = begin_file(save, path, len, err);

        return r < 0 ? r : tar_writer_data(save->writer, data, len, err);
}

static int copy_fd(struct save *save, int fd, uint64_t size, struct error *err)
{
        while (size > 0) {
                size_t want = size < CHUNK_BYTES ? (size_t)size : CHUNK_BYTES;
                ssize_t n = io_read(fd, save->chunk, want);
                int r;

                if (n != (ssize_t)want)
                        return error_set_errno(err, n < 0 ? (int)n : -EIO,
                                               "cannot read from the store");
                r = tar_writer_data(save->writer, save->chunk, want, err);
                if (r < 0)
                        return r;
                size -= want;
        }
        return 0;
}

static int write_stored(struct save *save, const char *path, enum store_kind kind,
                        const struct digest *digest, struct error *err)
{
        _cleanup_close_ int fd = -1;
        uint64_t size;
        int r = is_new(save, path, err);

        if (r <= 0)
                return r;
        r = store_open_file(save->store, kind, digest, &fd, &size, err);
        if (r == 0)
                r = begin_file(save, path, size, err);
        return r < 0 ? r : copy_fd(save, fd, size, err);
}

static int write_blob(struct save *save, const struct digest *digest, struct error *err)
{
        char hex[DIGEST_HEX_MAX], path[DIGEST_HEX_MAX + 16];

        digest_format_hex(digest, hex);
        snprintf(path, sizeof(path), "blobs/sha256/%s", hex);
        return write_stored(save, path, STORE_BLOB, digest, err);
}

/* The name that was asked for; NULL where it was an ID. */
static char *name_of(const char *text, const struct stored_image *image)
{
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        char hex[DIGEST_HEX_MAX], *name = NULL;

        digest_format_hex(&image->parsed.config.digest, hex);
        if (strncmp(text, "sha256:", 7) == 0 || strncmp(hex, text, strlen(text)) == 0)
                return NULL;
        if (reference_parse(text, &reference, &ignored) == 0)
                name = reference_format(&reference);
        reference_done(&reference);
        return name;
}

/* ---- OCI ---- */

static int write_blobs(struct save *save, const struct stored_image *image, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < image->parsed.layers.count && r == 0; i++)
                r = write_blob(save, &image->parsed.layers.items[i].digest, err);
        if (r == 0)
                r = write_blob(save, &image->parsed.config.digest, err);
        return r < 0 ? r : write_blob(save, &image->manifest.digest, err);
}

static int list_oci(struct image_index *index, const struct stored_image *image, const char *name,
                    struct error *err)
{
        struct descriptor *descriptor = descriptors_add(&index->manifests);
        int r = descriptor ? descriptor_copy(&image->manifest, descriptor) : -ENOMEM;

        if (r == 0) {
                strmap_done(&descriptor->annotations);
                if (name)
                        r = strmap_set(&descriptor->annotations, REF_NAME, name);
                if (r == 0 && name)
                        r = strmap_set(&descriptor->annotations, CONTAINERD_REF, name);
        }
        return r < 0 ? error_set_oom(err) : 0;
}

static int save_oci(struct save *save, const struct strv *names, struct error *err)
{
        struct image_index index = IMAGE_INDEX_INIT;
        struct buf text = BUF_INIT;
        int r;

        index.media_type = strdup(MEDIA_TYPE_OCI_INDEX);
        r = index.media_type ? 0 : error_set_oom(err);
        if (r == 0)
                r = write_text(save, "oci-layout", OCI_LAYOUT, strlen(OCI_LAYOUT), err);
        /* Directories that skopeo makes of its own accord it tries to give to root. */
        if (r == 0)
                r = write_directory(save, "blobs", err);
        if (r == 0)
                r = write_directory(save, "blobs/sha256", err);
        for (size_t i = 0; i < names->count && r == 0; i++) {
                struct stored_image image;

                r = store_image_find(save->store, names->items[i], NULL, &image, err);
                if (r < 0)
                        break;
                _cleanup_free_ char *name = name_of(names->items[i], &image);
                r = write_blobs(save, &image, err);
                if (r == 0)
                        r = list_oci(&index, &image, name, err);
                stored_image_done(&image);
        }
        if (r == 0)
                r = image_index_write(&index, &text, err);
        if (r == 0)
                r = write_text(save, "index.json", text.data, text.len, err);
        buf_done(&text);
        image_index_done(&index);
        return r;
}

/* ---- Docker ---- */

static int list_docker(json_t *list, const char *name, const struct strv *layers,
                       const char *config_path, struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        struct strv tags = STRV_INIT;
        json_t *object = json_object();
        int r = object ? 0 : -ENOMEM;

        if (r == 0 && name && reference_parse(name, &reference, err) == 0)
                r = strv_take(&tags, reference_format_familiar(&reference));
        reference_done(&reference);
        if (r == 0)
                r = json_put_string(object, "Config", config_path);
        if (r == 0)
                r = tags.count > 0 ? json_put_strv(object, "RepoTags", &tags)
                                   : json_put(object, "RepoTags", json_null());
        if (r == 0)
                r = json_put_strv(object, "Layers", layers);
        strv_done(&tags);
        if (r < 0)
                json_decref(object);
        else
                r = json_append(list, object);
        return r < 0 ? error_set_oom(err) : 0;
}

static int save_docker_image(struct save *save, const struct stored_image *image, const char *name,
                             json_t *list, struct error *err)
{
        char hex[DIGEST_HEX_MAX], path[DIGEST_HEX_MAX + 16];
        struct strv layers = STRV_INIT;
        int r = 0;

        for (size_t i = 0; i < image->config.diff_id_count && r == 0; i++) {
                digest_format_hex(&image->config.diff_ids[i], hex);
                snprintf(path, sizeof(path), "%s.tar", hex);
                r = write_stored(save, path, STORE_TAR, &image->config.diff_ids[i], err);
                if (r == 0 && strv_add(&layers, path) < 0)
                        r = error_set_oom(err);
        }
        digest_format_hex(&image->parsed.config.digest, hex);
        snprintf(path, sizeof(path), "%s.json", hex);
        if (r == 0)
                r = write_stored(save, path, STORE_BLOB, &image->parsed.config.digest, err);
        if (r == 0)
                r = list_docker(list, name, &layers, path, err);
        strv_done(&layers);
        return r;
}

static int save_docker(struct save *save, const struct strv *names, struct error *err)
{
        _cleanup_json_ json_t *list = json_array();
        struct buf text = BUF_INIT;
        int r = list ? 0 : error_set_oom(err);

        for (size_t i = 0; i < names->count && r == 0; i++) {
                struct stored_image image;

                r = store_image_find(save->store, names->items[i], NULL, &image, err);
                if (r < 0)
                        break;
                _cleanup_free_ char *name = name_of(names->items[i], &image);
                r = save_docker_image(save, &image, name, list, err);
                stored_image_done(&image);
        }
        if (r == 0)
                r = json_write(list, &text, err);
        if (r == 0)
                r = write_text(save, "manifest.json", text.data, text.len, err);
        buf_done(&text);
        return r;
}

/* An image that is not there, or cannot be had, is told before anything is written. */
static int provide_images(struct store *store, const struct strv *names, struct error *err)
{
        for (size_t i = 0; i < names->count; i++) {
                struct stored_image image;
                struct layers layers = { .items = NULL };
                int r = store_image_find(store, names->items[i], NULL, &image, err);

                if (r < 0)
                        return r;
                r = layers_of_image(&image.parsed, &image.config, &layers, err);
                if (r == 0)
                        r = layers_fetch(store, &layers, true, NULL, err);
                layers_done(&layers);
                stored_image_done(&image);
                if (r < 0)
                        return r;
        }
        return 0;
}

int images_save(struct store *store, const struct strv *names, enum image_format format,
                const struct byte_sink *out, struct error *err)
{
        struct save save = { .store = store, .chunk = malloc(CHUNK_BYTES) };
        int r = save.chunk ? provide_images(store, names, err) : error_set_oom(err);

        if (r == 0)
                r = tar_writer_new(out, &save.writer, err);
        if (r == 0)
                r = format == IMAGE_OCI_ARCHIVE ? save_oci(&save, names, err)
                                                : save_docker(&save, names, err);
        if (r == 0)
                r = tar_writer_finish(save.writer, err);
        tar_writer_free(save.writer);
        strv_done(&save.written);
        free(save.chunk);
        return r;
}
