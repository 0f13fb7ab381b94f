#include "image.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "oci/media_type.h"
#include "oci/reference.h"
#include "store/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A layer's blob in an OCI manifest: Docker's types have OCI's as their equals. */
static int add_layer(struct manifest *manifest, const struct layer *layer)
{
        struct descriptor *descriptor = descriptors_add(&manifest->layers);
        const char *type = layer->blob.media_type;

        if (!descriptor || descriptor_copy(&layer->blob, descriptor) < 0)
                return -ENOMEM;
        if (media_type_is_docker(type) && !media_type_is_foreign(type)) {
                enum codec codec = strstr(type, ".gzip") ? CODEC_GZIP : CODEC_NONE;

                free(descriptor->media_type);
                descriptor->media_type = strdup(layer_media_type(codec, false));
        }
        return descriptor->media_type ? 0 : -ENOMEM;
}

static int put_manifest(struct store *store, const struct layers *layers,
                        const struct descriptor *config, const struct strmap *annotations,
                        struct descriptor *ret, struct error *err)
{
        struct manifest manifest = MANIFEST_INIT;
        struct buf text = BUF_INIT;
        int r;

        manifest.media_type = strdup(MEDIA_TYPE_OCI_MANIFEST);
        r = manifest.media_type ? descriptor_copy(config, &manifest.config) : -ENOMEM;
        if (r == 0 && annotations)
                r = strmap_extend(&manifest.annotations, annotations);
        for (size_t i = 0; i < layers->count && r == 0; i++)
                r = add_layer(&manifest, &layers->items[i]);
        r = r < 0 ? error_set_oom(err) : manifest_write(&manifest, &text, err);
        if (r == 0)
                r = store_put_blob(store, text.data, text.len, &ret->digest, err);
        if (r == 0) {
                ret->size = text.len;
                ret->media_type = strdup(MEDIA_TYPE_OCI_MANIFEST);
                r = ret->media_type ? 0 : error_set_oom(err);
        }
        buf_done(&text);
        manifest_done(&manifest);
        return r;
}

int image_put(struct store *store, const struct buf *config, const struct platform *platform,
              const struct layers *layers, const struct strmap *annotations, struct descriptor *ret,
              struct error *err)
{
        struct descriptor descriptor = DESCRIPTOR_INIT, manifest = DESCRIPTOR_INIT;
        int r;

        r = store_put_blob(store, config->data, config->len, &descriptor.digest, err);
        descriptor.size = config->len;
        descriptor.media_type = strdup(MEDIA_TYPE_OCI_CONFIG);
        if (r == 0 && !descriptor.media_type)
                r = error_set_oom(err);
        if (r == 0)
                r = put_manifest(store, layers, &descriptor, annotations, &manifest, err);
        descriptor_done(&descriptor);
        if (r == 0) {
                manifest.platform = calloc(1, sizeof(*manifest.platform));
                if (!manifest.platform || platform_copy(platform, manifest.platform) < 0)
                        r = error_set_oom(err);
        }
        if (r < 0)
                descriptor_done(&manifest);
        else
                *ret = manifest;
        return r;
}

static void clamp_times(struct image_config *config, const struct timespec *latest)
{
        clock_clamp(&config->created, latest);
        for (size_t i = 0; i < config->history_count; i++)
                clock_clamp(&config->history[i].created, latest);
}

int image_make(struct store *store, const struct build_options *options,
               struct stage_result *result, struct digest *ret_config, struct descriptor *ret,
               struct error *err)
{
        struct image_config *config = &result->config;
        struct buf text = BUF_INIT;
        int r;

        if (options->labels && strmap_extend(&config->labels, options->labels) < 0)
                return error_set_oom(err);
        if (options->clamps_times)
                clamp_times(config, &options->latest);
        r = image_config_write(config, &text, err);
        if (r == 0)
                r = digest_of(text.data, text.len, ret_config, err);
        if (r == 0)
                r = image_put(store, &text, &config->platform, &result->layers,
                              options->annotations, ret, err);
        buf_done(&text);
        return r;
}

int image_name(struct store *store, const struct build_options *options,
               const struct descriptor *image, struct error *err)
{
        const struct strv *names = options->tags;
        int r = 0;

        if (!names || names->count == 0)
                return store_images_put(store, NULL, image, err);
        for (size_t i = 0; i < names->count && r == 0; i++) {
                _cleanup_free_ char *name = NULL;

                r = store_name_new(store, names->items[i], &name, err);
                if (r == 0)
                        r = store_images_put(store, name, image, err);
        }
        return r;
}

int image_read_whole_index(struct store *store, const struct descriptor *root,
                           struct image_index *ret, struct buf *ret_text, struct error *err)
{
        int r;

        if (media_type_kind(root->media_type) != MEDIA_INDEX)
                return 0;
        r = store_read(store, STORE_BLOB, &root->digest, MANIFEST_BYTES_MAX, ret_text, err);
        if (r == 0)
                r = image_index_parse(ret_text->data, ret_text->len, root->media_type, ret, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ret->manifests.count; i++)
                if (media_type_kind(ret->manifests.items[i].media_type) != MEDIA_MANIFEST ||
                    !store_has(store, STORE_BLOB, &ret->manifests.items[i].digest))
                        return 0;
        return 1;
}
