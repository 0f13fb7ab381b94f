#include "trees.h"

#include "base/cleanup.h"
#include "build/layers.h"
#include "build/transfer.h"
#include "container/changes.h"
#include "store/images.h"

#include <errno.h>

int cli_open_tree(struct store *store, const char *name, struct tree **ret, struct error *err)
{
        struct container container;
        struct stored_image image;
        struct error none = ERROR_INIT;
        int r = container_find(store, name, &container, &none);

        if (r == 0) {
                r = container_checkpoint(store, &container, err);
                if (r == 0)
                        r = container_open_tree(store, &container, ret, err);
                container_done(&container);
                return r;
        }
        r = store_image_find(store, name, NULL, &image, err);
        if (r < 0)
                return r;
        r = layers_open_image(store, &image, ret, err);
        stored_image_done(&image);
        return r;
}

/* Takes the layer of an image that has this diffID, or whose blob has this digest. */
static int take_layer(const struct stored_image *image, const struct digest *digest,
                      struct layer *ret)
{
        const struct descriptors *blobs = &image->parsed.layers;

        for (size_t i = 0; i < blobs->count && i < image->config.diff_id_count; i++)
                if (digest_equal(&image->config.diff_ids[i], digest) ||
                    digest_equal(&blobs->items[i].digest, digest)) {
                        ret->diff_id = image->config.diff_ids[i];
                        return descriptor_copy(&blobs->items[i], &ret->blob) < 0 ? -ENOMEM : 1;
                }
        return 0;
}

/* Looks in all images. Returns 1 with the layer, or 0: none has it. */
static int find_layer(struct store *store, const struct digest *digest, struct layer *ret,
                      struct error *err)
{
        struct image_index list = IMAGE_INDEX_INIT;
        int r = store_images_read(store, &list, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < list.manifests.count && r == 0; i++) {
                struct stored_image image;
                struct error ignored = ERROR_INIT;

                if (store_image_load(store, &list.manifests.items[i], NULL, &image, &ignored) < 0)
                        continue;
                r = take_layer(&image, digest, ret);
                stored_image_done(&image);
        }
        image_index_done(&list);
        return r < 0 ? error_set_oom(err) : r;
}

int cli_open_layer(struct store *store, const struct digest *digest, struct tree **ret,
                   struct error *err)
{
        struct layer layer = { .blob = DESCRIPTOR_INIT };
        const struct layers layers = { .items = &layer, .count = 1 };
        int r = find_layer(store, digest, &layer, err);

        if (r == 0 && !store_has(store, STORE_TAR, digest))
                r = error_set(err, -ENOENT, "the store has no image and no layer of this digest");
        else if (r == 0)
                layer.diff_id = *digest;
        else if (r > 0)
                r = layers_fetch(store, &layers, false, NULL, err);
        if (r >= 0)
                r = layers_open(store, &layers, ret, err);
        descriptor_done(&layer.blob);
        return r;
}
