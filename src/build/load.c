/*
 * Loading images from OCI layouts and from what `docker save` writes.
 */
#include "build/archives.h"

#include "base/cleanup.h"
#include "build/layers.h"
#include "bundle.h"
#include "fetch.h"
#include "image.h"
#include "load.h"
#include "oci/index.h"
#include "oci/json.h"
#include "oci/media_type.h"
#include "oci/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REF_NAME       "org.opencontainers.image.ref.name"
#define CONTAINERD_REF "io.containerd.image.name"
#define INDEX_DEPTH    4
#define IMAGES_MAX     1000u

/* An image that is whole, and is still to be named. */
struct loaded_image {
        char *name; /* a whole reference, or NULL; owned */
        struct descriptor image;
};

struct load {
        struct store *store;
        struct bundle *bundle;
        struct loaded_image *images; /* owned; named when all is well with all of them */
        size_t count;
};

static void load_done(struct load *load)
{
        for (size_t i = 0; i < load->count; i++) {
                free(load->images[i].name);
                descriptor_done(&load->images[i].image);
        }
        free(load->images);
        bundle_free(load->bundle);
}

/* ---- names ---- */

/* A name that is none is told before its image is loaded. `name` NULL: there is none. */
static int check_name(const char *name, char **ret, struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        int r;

        *ret = NULL;
        if (!name)
                return 0;
        r = reference_parse(name, &reference, err);
        if (r < 0)
                return r;
        *ret = reference_format(&reference);
        reference_done(&reference);
        return *ret ? 0 : error_set_oom(err);
}

/* `name` is a whole reference, or NULL. */
static int add_image(struct load *load, const char *name, const struct descriptor *image,
                     struct error *err)
{
        struct loaded_image *images =
                reallocarray(load->images, load->count + 1, sizeof(*load->images));
        struct loaded_image *added;

        if (!images)
                return error_set_oom(err);
        load->images = images;
        added = &images[load->count];
        *added = (struct loaded_image){ .name = name ? strdup(name) : NULL };
        if ((name && !added->name) || descriptor_copy(image, &added->image) < 0) {
                free(added->name);
                return error_set_oom(err);
        }
        strmap_done(&added->image.annotations);
        load->count++;
        return 0;
}

/* An image without a name is told by its ID. */
static int tell_id(struct load *load, const struct descriptor *image, struct strv *ret_names,
                   struct error *err)
{
        struct stored_image stored;
        char id[DIGEST_TEXT_MAX];
        int r = store_image_load(load->store, image, NULL, &stored, err);

        if (r < 0)
                return r;
        digest_format(&stored.parsed.config.digest, id);
        stored_image_done(&stored);
        return strv_add(ret_names, id) < 0 ? error_set_oom(err) : 0;
}

static int name_images(struct load *load, struct strv *ret_names, struct error *err)
{
        for (size_t i = 0; i < load->count; i++) {
                const struct loaded_image *loaded = &load->images[i];
                int r = store_images_put(load->store, loaded->name, &loaded->image, err);

                if (r == 0 && !loaded->name)
                        r = tell_id(load, &loaded->image, ret_names, err);
                else if (r == 0 && strv_add(ret_names, loaded->name) < 0)
                        r = error_set_oom(err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- layers ---- */

static int take_layer(struct load *load, const char *path, const struct digest *blob, uint64_t size,
                      const struct digest *diff_id, struct layer *ret, struct error *err)
{
        struct layer_unpack_options expected = {
                .digest = blob, .has_size = blob != NULL, .size = size, .diff_id = diff_id
        };
        struct layer_unpacked unpacked;
        struct bundle_file file;
        struct byte_source source;
        int r;

        r = bundle_file_open(load->bundle, path, &file, err);
        if (r < 0)
                return r;
        source = bundle_file_source(&file);
        r = layers_take_in(load->store, &source, &expected, true, &unpacked, err);
        bundle_file_close(&file);
        if (r < 0)
                return error_wrap(err, "the layer %s", path);
        *ret = (struct layer){ .diff_id = unpacked.diff_id, .blob = DESCRIPTOR_INIT };
        ret->blob.digest = unpacked.digest;
        ret->blob.size = unpacked.size;
        ret->blob.media_type = strdup(layer_media_type(unpacked.codec, false));
        return ret->blob.media_type ? 0 : error_set_oom(err);
}

/* ---- OCI layouts ---- */

static void blob_path(const struct digest *digest, char ret[static DIGEST_HEX_MAX + 16])
{
        char hex[DIGEST_HEX_MAX];

        digest_format_hex(digest, hex);
        snprintf(ret, DIGEST_HEX_MAX + 16, "blobs/sha256/%s", hex);
}

/* Reads a document that a descriptor points at, and checks it. */
static int read_document(struct load *load, const struct descriptor *descriptor, struct buf *ret,
                         struct error *err)
{
        char path[DIGEST_HEX_MAX + 16];
        struct digest digest;
        int r;

        blob_path(&descriptor->digest, path);
        r = bundle_read(load->bundle, path, MANIFEST_BYTES_MAX, ret, err);
        if (r == 0)
                r = digest_of(ret->data, ret->len, &digest, err);
        if (r < 0)
                return r;
        if (!digest_equal(&digest, &descriptor->digest))
                return error_set(err, -EBADMSG, "%s is not what its digest says", path);
        return 0;
}

static int load_manifest_layers(struct load *load, const struct manifest *manifest,
                                const struct image_config *config, struct error *err)
{
        struct layers layers;
        int r;

        r = layers_of_image(manifest, config, &layers, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < layers.count && r == 0; i++) {
                const struct layer *layer = &layers.items[i];
                char path[DIGEST_HEX_MAX + 16];
                struct layer taken;

                if (layer_is_stored(load->store, layer, true))
                        continue;
                blob_path(&layer->blob.digest, path);
                r = take_layer(load, path, &layer->blob.digest, layer->blob.size, &layer->diff_id,
                               &taken, err);
                if (r == 0)
                        descriptor_done(&taken.blob);
        }
        layers_done(&layers);
        return r;
}

static int put_document(struct load *load, const struct buf *text, struct error *err)
{
        struct digest digest;

        return store_put_blob(load->store, text->data, text->len, &digest, err);
}

static int load_manifest(struct load *load, const struct descriptor *descriptor, struct error *err)
{
        struct buf text = BUF_INIT, config_text = BUF_INIT;
        struct image_config config = IMAGE_CONFIG_INIT;
        struct manifest manifest = MANIFEST_INIT;
        int r;

        r = read_document(load, descriptor, &text, err);
        if (r == 0)
                r = manifest_parse(text.data, text.len, descriptor->media_type, &manifest, err);
        if (r == 0)
                r = read_document(load, &manifest.config, &config_text, err);
        if (r == 0)
                r = image_config_parse(config_text.data, config_text.len, &config, err);
        if (r == 0)
                r = load_manifest_layers(load, &manifest, &config, err);
        if (r == 0)
                r = put_document(load, &config_text, err);
        if (r == 0)
                r = put_document(load, &text, err);
        image_config_done(&config);
        manifest_done(&manifest);
        buf_done(&config_text);
        buf_done(&text);
        return r;
}

static int load_descriptor(struct load *load, const struct descriptor *descriptor, int depth,
                           struct error *err);

static int load_index(struct load *load, const struct descriptor *descriptor, int depth,
                      struct error *err)
{
        struct image_index index = IMAGE_INDEX_INIT;
        struct buf text = BUF_INIT;
        size_t found = 0;
        int r;

        if (depth >= INDEX_DEPTH)
                return error_set(err, -EBADMSG, "its indexes nest too deep");
        r = read_document(load, descriptor, &text, err);
        if (r == 0)
                r = image_index_parse(text.data, text.len, descriptor->media_type, &index, err);
        for (size_t i = 0; i < index.manifests.count && r == 0; i++) {
                char path[DIGEST_HEX_MAX + 16];

                /* An archive may hold fewer platforms than its index lists. */
                blob_path(&index.manifests.items[i].digest, path);
                if (!bundle_has(load->bundle, path))
                        continue;
                found++;
                r = load_descriptor(load, &index.manifests.items[i], depth + 1, err);
        }
        if (r == 0 && found == 0)
                r = error_set(err, -EBADMSG, "none of the index's images is there");
        if (r == 0)
                r = put_document(load, &text, err);
        image_index_done(&index);
        buf_done(&text);
        return r;
}

static int load_descriptor(struct load *load, const struct descriptor *descriptor, int depth,
                           struct error *err)
{
        switch (media_type_kind(descriptor->media_type)) {
        case MEDIA_INDEX:
                return load_index(load, descriptor, depth, err);
        case MEDIA_MANIFEST:
                return load_manifest(load, descriptor, err);
        case MEDIA_OTHER:
        case MEDIA_CONFIG:
        case MEDIA_LAYER:
                break;
        }
        return error_set(err, -EBADMSG, "%s is no image", descriptor->media_type);
}

static int load_named(struct load *load, const struct descriptor *descriptor, struct error *err)
{
        const char *written = strmap_get(&descriptor->annotations, CONTAINERD_REF);
        _cleanup_free_ char *name = NULL;
        int r;

        if (!written)
                written = strmap_get(&descriptor->annotations, REF_NAME);
        r = check_name(written, &name, err);
        if (r == 0)
                r = load_descriptor(load, descriptor, 0, err);
        return r < 0 ? r : add_image(load, name, descriptor, err);
}

static int read_layout(struct load *load, struct image_index *ret, struct error *err)
{
        struct buf text = BUF_INIT;
        int r;

        r = bundle_read(load->bundle, "index.json", MANIFEST_BYTES_MAX, &text, err);
        if (r == 0)
                r = image_index_parse(text.data, text.len, NULL, ret, err);
        buf_done(&text);
        if (r == 0 && (ret->manifests.count == 0 || ret->manifests.count > IMAGES_MAX))
                r = error_set(err, -EBADMSG, "its index.json lists %zu images",
                              ret->manifests.count);
        return r;
}

static int load_layout(struct load *load, struct error *err)
{
        struct image_index index = IMAGE_INDEX_INIT;
        int r = read_layout(load, &index, err);

        for (size_t i = 0; i < index.manifests.count && r == 0; i++)
                r = load_named(load, &index.manifests.items[i], err);
        image_index_done(&index);
        return r;
}

/* ---- what `docker save` writes ---- */

static int take_docker_layers(struct load *load, const struct strv *paths,
                              const struct image_config *config, struct layers *ret,
                              struct error *err)
{
        if (paths->count != config->diff_id_count)
                return error_set(err, -EBADMSG, "an image has %zu layers and its config %zu",
                                 paths->count, config->diff_id_count);
        for (size_t i = 0; i < paths->count; i++) {
                struct layer layer;
                int r = take_layer(load, paths->items[i], NULL, 0, &config->diff_ids[i], &layer,
                                   err);

                if (r < 0)
                        return r;
                if (layers_add(ret, &layer) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

static int put_docker_image(struct load *load, const struct strv *paths,
                            const struct buf *config_text, struct descriptor *ret,
                            struct error *err)
{
        struct image_config config = IMAGE_CONFIG_INIT;
        struct layers layers = { .items = NULL };
        int r;

        r = image_config_parse(config_text->data, config_text->len, &config, err);
        if (r == 0)
                r = take_docker_layers(load, paths, &config, &layers, err);
        /* The config stays as it is, byte for byte: its digest is the image's ID. */
        if (r == 0)
                r = image_put(load->store, config_text, &config.platform, &layers, NULL, ret, err);
        layers_done(&layers);
        image_config_done(&config);
        return r;
}

static int load_docker_named(struct load *load, const struct strv *tags, const struct strv *paths,
                             const struct buf *config_text, struct error *err)
{
        struct descriptor image = DESCRIPTOR_INIT;
        struct strv names = STRV_INIT;
        int r = 0;

        for (size_t i = 0; i < tags->count && r == 0; i++) {
                char *name;

                r = check_name(tags->items[i], &name, err);
                if (r == 0 && strv_take(&names, name) < 0)
                        r = error_set_oom(err);
        }
        if (r == 0)
                r = put_docker_image(load, paths, config_text, &image, err);
        if (r == 0 && names.count == 0)
                r = add_image(load, NULL, &image, err);
        for (size_t i = 0; i < names.count && r == 0; i++)
                r = add_image(load, names.items[i], &image, err);
        descriptor_done(&image);
        strv_done(&names);
        return r;
}

static int load_docker_image(struct load *load, const json_t *object, struct error *err)
{
        struct strv tags = STRV_INIT, paths = STRV_INIT;
        struct buf config_text = BUF_INIT;
        const char *config_path = NULL;
        int r;

        r = json_get_string(object, "Config", &config_path, err);
        if (r == 0 && !config_path)
                r = error_set(err, -EBADMSG, "an image has no Config");
        if (r == 0)
                r = json_get_strv(object, "RepoTags", &tags, err);
        if (r == 0)
                r = json_get_strv(object, "Layers", &paths, err);
        if (r == 0)
                r = bundle_read(load->bundle, config_path, MANIFEST_BYTES_MAX, &config_text, err);
        if (r == 0)
                r = load_docker_named(load, &tags, &paths, &config_text, err);
        buf_done(&config_text);
        strv_done(&paths);
        strv_done(&tags);
        return r;
}

static int load_docker(struct load *load, struct error *err)
{
        struct buf text = BUF_INIT;
        _cleanup_json_ json_t *list = NULL;
        json_t *object;
        size_t i;
        int r;

        r = bundle_read(load->bundle, "manifest.json", MANIFEST_BYTES_MAX, &text, err);
        if (r == 0)
                r = json_parse(text.data, text.len, "manifest.json", &list, err);
        buf_done(&text);
        if (r < 0)
                return r;
        if (!json_is_array(list) || json_array_size(list) == 0 ||
            json_array_size(list) > IMAGES_MAX)
                return error_set(err, -EBADMSG, "its manifest.json lists no images");
        json_array_foreach(list, i, object)
        {
                r = load_docker_image(load, object, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int load_all(struct load *load, struct error *err)
{
        if (bundle_has(load->bundle, "oci-layout") && bundle_has(load->bundle, "index.json"))
                return load_layout(load, err);
        if (bundle_has(load->bundle, "manifest.json"))
                return load_docker(load, err);
        if (bundle_has(load->bundle, "repositories")) {
                error_set(err, -EBADMSG, "it is of a Docker before 1.10: it has no manifest.json");
                return error_hint(err, "Load it into a newer Docker and save it again there.");
        }
        error_set(err, -EBADMSG, "it is neither an OCI layout nor an archive of `docker save`");
        return error_hint(err, "A root filesystem is taken in by `varve import FILE NAME`.");
}

int images_load(struct store *store, const char *path, struct strv *ret_names, struct error *err)
{
        struct load load = { .store = store };
        int r;

        r = bundle_open(store, path, &load.bundle, err);
        if (r == 0) {
                r = load_all(&load, err);
                if (r < 0)
                        error_wrap(err, "%s", bundle_path(load.bundle));
        }
        if (r == 0)
                r = name_images(&load, ret_names, err);
        load_done(&load);
        if (r == 0)
                return 0;
        store_abandon(store);
        return store_explain_full(store, err);
}

/* ---- one image of a layout ---- */

void layout_name_done(struct layout_name *name)
{
        free(name->path);
        free(name->tag);
}

int layout_name_parse(const char *text, struct layout_name *ret, struct error *err)
{
        const char *at = strrchr(text, '@'), *end = at ? at : text + strlen(text);
        const char *colon = memrchr(text, ':', (size_t)(end - text));
        int r = 0;

        *ret = (struct layout_name){ .by_digest = at != NULL };
        if (colon) {
                ret->tag = strndup(colon + 1, (size_t)(end - colon - 1));
                if (!ret->tag)
                        return error_set_oom(err);
                if (reference_tag_is_valid(ret->tag))
                        end = colon;
                else
                        free(TAKE_PTR(ret->tag));
        }
        ret->path = strndup(text, (size_t)(end - text));
        if (!ret->path)
                r = error_set_oom(err);
        if (r == 0 && at)
                r = digest_parse(at + 1, &ret->digest, err);
        if (r < 0)
                layout_name_done(ret);
        return r;
}

/* A tag stands alone, or ends a whole reference. */
static bool has_tag(const struct descriptor *descriptor, const char *tag)
{
        const char *name = strmap_get(&descriptor->annotations, REF_NAME);
        size_t len = name ? strlen(name) : 0, tag_len = strlen(tag);

        return len >= tag_len && strcmp(name + len - tag_len, tag) == 0 &&
               (len == tag_len || name[len - tag_len - 1] == ':');
}

static const struct descriptor *choose(const struct image_index *index,
                                       const struct layout_name *name)
{
        const struct descriptors *list = &index->manifests;

        for (size_t i = 0; i < list->count; i++)
                if (name->by_digest ? digest_equal(&list->items[i].digest, &name->digest)
                                    : has_tag(&list->items[i], name->tag ? name->tag : "latest"))
                        return &list->items[i];
        if (name->by_digest || list->count != 1)
                return NULL;
        return !name->tag || !strmap_get(&list->items[0].annotations, REF_NAME) ? &list->items[0]
                                                                                : NULL;
}

static int load_chosen(struct load *load, const struct layout_name *name, struct stored_image *ret,
                       struct error *err)
{
        struct image_index index = IMAGE_INDEX_INIT;
        struct descriptor image = DESCRIPTOR_INIT;
        const struct descriptor *chosen = NULL;
        char digest[DIGEST_TEXT_MAX] = "";
        int r;

        if (!bundle_has(load->bundle, "oci-layout") || !bundle_has(load->bundle, "index.json"))
                return error_set(err, -EBADMSG, "it is no OCI layout");
        r = read_layout(load, &index, err);
        if (r == 0)
                chosen = choose(&index, name);
        if (r == 0 && !chosen) {
                if (name->by_digest)
                        digest_format(&name->digest, digest);
                r = error_set(err, -ENOENT, "it has no image %s",
                              name->by_digest ? digest
                              : name->tag     ? name->tag
                                              : "latest");
        }
        if (r == 0)
                r = load_descriptor(load, chosen, 0, err);
        if (r == 0 && descriptor_copy(chosen, &image) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = store_image_load(load->store, &image, NULL, ret, err);
        descriptor_done(&image);
        image_index_done(&index);
        return r;
}

int layout_load(struct store *store, const struct layout_name *name, struct stored_image *ret,
                struct error *err)
{
        struct load load = { .store = store };
        int r;

        r = bundle_open(store, name->path, &load.bundle, err);
        if (r == 0) {
                r = load_chosen(&load, name, ret, err);
                if (r < 0)
                        error_wrap(err, "%s", bundle_path(load.bundle));
        }
        load_done(&load);
        return r;
}
