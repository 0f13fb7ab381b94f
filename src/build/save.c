/*
 * Writing images as archives and layouts.
 */
#include "build/archives.h"

#include "archive/tar_write.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "build/transfer.h"
#include "image.h"
#include "oci/json.h"
#include "oci/media_type.h"
#include "oci/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK_BYTES ((size_t)256 << 10)

#define REF_NAME       "org.opencontainers.image.ref.name"
#define CONTAINERD_REF "io.containerd.image.name"
#define OCI_LAYOUT     "{\"imageLayoutVersion\":\"1.0.0\"}"

/* An archive or a directory while it is written. Files that several images share are in it once. */
struct save {
        struct store *store;
        const struct save_target *target;
        struct tar_writer *writer; /* NULL for a directory */
        int fd;                    /* of a directory's current file */
        struct strv written;       /* paths */
        char *chunk;
};

/* An image that is written. */
struct item {
        struct stored_image image;
        bool has_index; /* `index`, of which all images are written */
        struct image_index index;
        struct strv names; /* whole references; none for an image that was named by its ID */
};

static void item_done(struct item *item)
{
        stored_image_done(&item->image);
        image_index_done(&item->index);
        strv_done(&item->names);
}

/* ---- files ---- */

static int write_data(struct save *save, const void *data, size_t len, struct error *err)
{
        int r;

        if (save->writer)
                return tar_writer_data(save->writer, data, len, err);
        r = io_write(save->fd, data, len);
        return r < 0 ? error_set_errno(err, r, "cannot write the layout") : 0;
}

static int begin_file(struct save *save, const char *path, uint64_t size, struct error *err)
{
        struct entry entry = { .path = path, .type = ENTRY_FILE, .mode = 0644, .size = size };
        uint64_t offset;

        if (save->writer)
                return tar_writer_add(save->writer, &entry, &offset, err);
        save->fd = openat(save->target->dir_fd, path,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        return save->fd < 0 ? error_set_errno(err, -errno, "cannot write %s of the layout", path)
                            : 0;
}

static void end_file(struct save *save)
{
        if (save->fd >= 0)
                close(TAKE_FD(save->fd));
}

static int write_directory(struct save *save, const char *path, struct error *err)
{
        struct entry entry = { .path = path, .type = ENTRY_DIRECTORY, .mode = 0755 };
        uint64_t offset;

        if (save->writer)
                return tar_writer_add(save->writer, &entry, &offset, err);
        if (mkdirat(save->target->dir_fd, path, 0777) < 0)
                return error_set_errno(err, -errno, "cannot make %s of the layout", path);
        return 0;
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

        if (r == 0)
                r = write_data(save, data, len, err);
        end_file(save);
        return r;
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
                r = write_data(save, save->chunk, want, err);
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
        if (r == 0)
                r = copy_fd(save, fd, size, err);
        end_file(save);
        return r;
}

static int write_blob(struct save *save, const struct digest *digest, struct error *err)
{
        char hex[DIGEST_HEX_MAX], path[DIGEST_HEX_MAX + 16];

        digest_format_hex(digest, hex);
        snprintf(path, sizeof(path), "blobs/sha256/%s", hex);
        return write_stored(save, path, STORE_BLOB, digest, err);
}

/* ---- OCI ---- */

static int write_manifest(struct save *save, const struct digest *digest,
                          const struct manifest *manifest, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < manifest->layers.count && r == 0; i++)
                r = write_blob(save, &manifest->layers.items[i].digest, err);
        if (r == 0)
                r = write_blob(save, &manifest->config.digest, err);
        return r < 0 ? r : write_blob(save, digest, err);
}

static int write_images(struct save *save, const struct item *item, struct error *err)
{
        int r = 0;

        if (!item->has_index)
                return write_manifest(save, &item->image.manifest.digest, &item->image.parsed, err);
        for (size_t i = 0; i < item->index.manifests.count && r == 0; i++) {
                const struct descriptor *each = &item->index.manifests.items[i];
                struct stored_image image;

                r = store_image_load(save->store, each, NULL, &image, err);
                if (r == 0) {
                        r = write_manifest(save, &each->digest, &image.parsed, err);
                        stored_image_done(&image);
                }
        }
        return r < 0 ? r : write_blob(save, &item->image.root.digest, err);
}

/* The two annotations by which the world knows an image of a layout: as the specification and
 * containerd's exporter have it, which is also BuildKit's, the tag alone, and the whole name. */
static int annotate(struct strmap *annotations, const char *name)
{
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        bool has_tag = reference_parse(name, &reference, &ignored) == 0 && reference.tag;
        int r = strmap_set(annotations, REF_NAME, has_tag ? reference.tag : name);

        reference_done(&reference);
        return r < 0 ? r : strmap_set(annotations, CONTAINERD_REF, name);
}

static int list_oci(struct image_index *index, const struct item *item, const char *name,
                    struct error *err)
{
        struct descriptor *descriptor = descriptors_add(&index->manifests);
        int r = descriptor ? descriptor_copy(item->has_index ? &item->image.root
                                                             : &item->image.manifest,
                                             descriptor)
                           : -ENOMEM;

        if (r == 0) {
                strmap_done(&descriptor->annotations);
                r = name ? annotate(&descriptor->annotations, name) : 0;
        }
        return r < 0 ? error_set_oom(err) : 0;
}

static int save_oci(struct save *save, const struct item *items, size_t count, struct error *err)
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
        for (size_t i = 0; i < count && r == 0; i++) {
                r = write_images(save, &items[i], err);
                if (r == 0 && items[i].names.count == 0)
                        r = list_oci(&index, &items[i], NULL, err);
                for (size_t j = 0; j < items[i].names.count && r == 0; j++)
                        r = list_oci(&index, &items[i], items[i].names.items[j], err);
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

static int list_names(const struct strv *names, struct strv *ret, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < names->count && r == 0; i++) {
                struct reference reference = REFERENCE_INIT;

                r = reference_parse(names->items[i], &reference, err);
                if (r == 0 && strv_take(ret, reference_format_familiar(&reference)) < 0)
                        r = error_set_oom(err);
                reference_done(&reference);
        }
        return r;
}

static int list_docker(json_t *list, const struct strv *names, const struct strv *layers,
                       const char *config_path, struct error *err)
{
        struct strv tags = STRV_INIT;
        json_t *object = json_object();
        int r = object ? list_names(names, &tags, err) : -ENOMEM;

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
        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}

static int save_docker_image(struct save *save, const struct item *item, json_t *list,
                             struct error *err)
{
        const struct stored_image *image = &item->image;
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
                r = list_docker(list, &item->names, &layers, path, err);
        strv_done(&layers);
        return r;
}

static int save_docker(struct save *save, const struct item *items, size_t count, struct error *err)
{
        _cleanup_json_ json_t *list = json_array();
        struct buf text = BUF_INIT;
        int r = list ? 0 : error_set_oom(err);

        for (size_t i = 0; i < count && r == 0; i++)
                r = save_docker_image(save, &items[i], list, err);
        if (r == 0)
                r = json_write(list, &text, err);
        if (r == 0)
                r = write_text(save, "manifest.json", text.data, text.len, err);
        buf_done(&text);
        return r;
}

/* ---- both ---- */

/* The name that was asked for; none where it was an ID. */
static int find_name(struct store *store, const char *text, struct item *item, struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        char hex[DIGEST_HEX_MAX];
        int r = 0;

        digest_format_hex(&item->image.parsed.config.digest, hex);
        if (strncmp(text, "sha256:", 7) == 0 || strncmp(hex, text, strlen(text)) == 0)
                return 0;
        if (store_name_read(store, text, &reference, &ignored) == 0 &&
            strv_take(&item->names, reference_format(&reference)) < 0)
                r = error_set_oom(err);
        reference_done(&reference);
        return r;
}

static int fetch_image(struct store *store, const struct stored_image *image, struct error *err)
{
        struct layers layers = { .items = NULL };
        int r = layers_of_image(&image->parsed, &image->config, &layers, err);

        if (r == 0)
                r = layers_fetch(store, &layers, true, NULL, err);
        layers_done(&layers);
        return r;
}

static int fetch_index(struct store *store, const struct image_index *index, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < index->manifests.count && r == 0; i++) {
                struct stored_image image;

                r = store_image_load(store, &index->manifests.items[i], NULL, &image, err);
                if (r == 0) {
                        r = fetch_image(store, &image, err);
                        stored_image_done(&image);
                }
        }
        return r;
}

/* Sees to it that all of an image is there, before anything is written. */
static int provide(struct store *store, struct item *item, enum image_format format,
                   struct error *err)
{
        struct error partial = ERROR_INIT;
        struct buf text = BUF_INIT;
        int r = 0;

        if (format != IMAGE_DOCKER_ARCHIVE)
                r = image_read_whole_index(store, &item->image.root, &item->index, &text, err);
        buf_done(&text);
        if (r < 0)
                return r;
        /* An index may list what is no image, such as attestations. */
        item->has_index = r > 0 && fetch_index(store, &item->index, &partial) == 0;
        return item->has_index ? 0 : fetch_image(store, &item->image, err);
}

static int save_items(struct store *store, const struct item *items, size_t count,
                      const struct save_target *target, struct error *err)
{
        struct save save = {
                .store = store, .target = target, .fd = -1, .chunk = malloc(CHUNK_BYTES)
        };
        int r = save.chunk ? 0 : error_set_oom(err);

        if (r == 0 && target->format != IMAGE_OCI_DIRECTORY)
                r = tar_writer_new(target->out, &save.writer, err);
        if (r == 0)
                r = target->format == IMAGE_DOCKER_ARCHIVE ? save_docker(&save, items, count, err)
                                                           : save_oci(&save, items, count, err);
        if (r == 0 && save.writer)
                r = tar_writer_finish(save.writer, err);
        tar_writer_free(save.writer);
        strv_done(&save.written);
        free(save.chunk);
        return r;
}

int images_save(struct store *store, const struct strv *names, const struct save_target *target,
                struct error *err)
{
        struct item *items = calloc(names->count + 1, sizeof(*items));
        size_t count = 0;
        int r = items ? 0 : error_set_oom(err);

        while (r == 0 && count < names->count) {
                struct item *item = &items[count];

                r = store_image_find(store, names->items[count], NULL, &item->image, err);
                if (r < 0)
                        break;
                r = find_name(store, names->items[count++], item, err);
                if (r == 0)
                        r = provide(store, item, target->format, err);
        }
        if (r == 0)
                r = save_items(store, items, count, target, err);
        while (count > 0)
                item_done(&items[--count]);
        free(items);
        return r;
}

int image_save(struct store *store, const struct descriptor *root, const struct platform *platform,
               const struct strv *names, const struct save_target *target, struct error *err)
{
        struct item item = { .index = IMAGE_INDEX_INIT };
        int r = store_image_load(store, root, platform, &item.image, err);

        if (r < 0)
                return r;
        if (strv_extend(&item.names, names) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = provide(store, &item, target->format, err);
        if (r == 0)
                r = save_items(store, &item, 1, target, err);
        item_done(&item);
        return r;
}
