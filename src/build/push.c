/*
 * Pushing an image: blobs first, then manifests, an index last, so that nothing in the registry
 * ever names what is not there.
 */
#include "base/cleanup.h"
#include "base/io.h"
#include "fetch.h"
#include "image.h"
#include "oci/index.h"
#include "oci/media_type.h"
#include "origin.h"
#include "shared_artifact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct push {
        struct store *store;
        struct registry *registry;
        struct reporter reporter;
        struct reference target;
};

/* The layers of one image, which are sent side by side. */
struct sent_layers {
        struct push *push;
        const struct layers *layers;
};

/* A blob on its way. */
struct sending {
        struct push *push;
        const struct descriptor *blob;
};

static int moved(void *context, uint64_t bytes, struct error *err)
{
        struct sending *sending = context;

        (void)err;
        reporter_tell(&sending->push->reporter, TRANSFER_MOVES, &sending->blob->digest, bytes,
                      sending->blob->size);
        return 0;
}

static int send_blob(struct push *push, const struct descriptor *blob, struct error *err)
{
        struct sending sending = { .push = push, .blob = blob };
        struct registry_progress progress = { .moved = moved, .context = &sending };
        _cleanup_close_ int fd = -1;
        uint64_t size;
        int r = store_open_file(push->store, STORE_BLOB, &blob->digest, &fd, &size, err);

        if (r < 0)
                return r;
        if (size != blob->size)
                return error_set(err, -EBADMSG, "a blob of the store has been changed");
        reporter_tell(&push->reporter, TRANSFER_BEGINS, &blob->digest, 0, size);
        r = registry_put_blob(push->registry, &push->target, &blob->digest, size, fd, &progress,
                              err);
        if (r == 0)
                reporter_tell(&push->reporter, TRANSFER_DONE, &blob->digest, size, size);
        return r;
}

/* Lets the registry take a blob from another of its repositories. Returns 1, or 0 where it cannot.
 */
static int mount_blob(struct push *push, const struct descriptor *blob, struct error *err)
{
        struct strv origins = STRV_INIT;
        int r = origin_find(push->store, &blob->digest, &origins, err);

        for (size_t i = 0; i < origins.count && r == 0; i++) {
                struct reference origin = REFERENCE_INIT;

                r = reference_parse(origins.items[i], &origin, err);
                if (r == 0 && strcmp(origin.host, push->target.host) == 0 &&
                    strcmp(origin.path, push->target.path) != 0)
                        r = registry_mount_blob(push->registry, &push->target, &blob->digest,
                                                origin.path, err);
                reference_done(&origin);
        }
        strv_done(&origins);
        if (r > 0)
                reporter_tell(&push->reporter, TRANSFER_MOUNTED, &blob->digest, blob->size,
                              blob->size);
        return r;
}

/* Returns 1 where the registry has the blob, or has it now. */
static int provide_blob(struct push *push, const struct descriptor *blob, struct error *err)
{
        int r = registry_has_blob(push->registry, &push->target, &blob->digest, err);

        if (r > 0)
                reporter_tell(&push->reporter, TRANSFER_THERE, &blob->digest, blob->size,
                              blob->size);
        return r != 0 ? r : mount_blob(push, blob, err);
}

/* Foreign layers stay where they are. */
static int push_layer(void *context, size_t index, struct error *err)
{
        const struct sent_layers *sent = context;
        struct push *push = sent->push;
        const struct layer *layer = &sent->layers->items[index];
        struct layers alone = { .items = &sent->layers->items[index], .count = 1 };
        int r;

        if (media_type_is_foreign(layer->blob.media_type) && layer->blob.urls.count > 0)
                return 0;
        for (size_t i = 0; i < index; i++)
                if (digest_equal(&sent->layers->items[i].blob.digest, &layer->blob.digest))
                        return 0;
        /* What is known to be wrong is not published; what was never fetched is the claim of the
         * registry that has it. */
        r = layer_check_pair(push->store, layer, err);
        if (r >= 0)
                r = provide_blob(push, &layer->blob, err);
        if (r != 0)
                return r < 0 ? r : 0;
        /* A base of which nothing was needed so far. */
        if (!store_has(push->store, STORE_BLOB, &layer->blob.digest))
                r = fetch_layers(push->store, push->registry, &alone, true, NULL, &push->reporter,
                                 err);
        return r < 0 ? r : send_blob(push, &layer->blob, err);
}

static int push_blobs(struct push *push, const struct manifest *manifest, struct error *err)
{
        struct image_config config = IMAGE_CONFIG_INIT;
        struct layers layers = { .items = NULL };
        struct sent_layers sent = { .push = push, .layers = &layers };
        struct buf text = BUF_INIT;
        int r = store_read(push->store, STORE_BLOB, &manifest->config.digest, MANIFEST_BYTES_MAX,
                           &text, err);

        if (r == 0)
                r = image_config_parse(text.data, text.len, &config, err);
        if (r == 0)
                r = layers_of_image(manifest, &config, &layers, err);
        if (r == 0)
                r = work_side_by_side(push->registry, layers.count, push_layer, &sent, err);
        if (r == 0) {
                r = registry_has_blob(push->registry, &push->target, &manifest->config.digest, err);
                if (r == 0)
                        r = send_blob(push, &manifest->config, err);
        }
        layers_done(&layers);
        image_config_done(&config);
        buf_done(&text);
        return r < 0 ? r : 0;
}

/* Puts a document: under the target's tag where it is the one that was asked for. */
static int put_document(struct push *push, const struct descriptor *descriptor,
                        const struct buf *text, bool is_root, struct error *err)
{
        struct reference reference = push->target;

        if (!is_root) {
                reference.has_digest = true;
                reference.digest = descriptor->digest;
        }
        return registry_put_manifest(push->registry, &reference, descriptor->media_type, text->data,
                                     text->len, err);
}

static int push_manifest(struct push *push, const struct descriptor *descriptor, bool is_root,
                         struct error *err)
{
        struct manifest manifest = MANIFEST_INIT;
        struct buf text = BUF_INIT;
        int r = store_read(push->store, STORE_BLOB, &descriptor->digest, MANIFEST_BYTES_MAX, &text,
                           err);

        if (r == 0)
                r = manifest_parse(text.data, text.len, descriptor->media_type, &manifest, err);
        if (r == 0)
                r = push_blobs(push, &manifest, err);
        if (r == 0)
                r = put_document(push, descriptor, &text, is_root, err);
        manifest_done(&manifest);
        buf_done(&text);
        return r;
}

static int push_image(struct push *push, const struct stored_image *image, struct digest *ret,
                      struct error *err)
{
        struct image_index index = IMAGE_INDEX_INIT;
        struct buf text = BUF_INIT;
        int whole = image_read_whole_index(push->store, &image->root, &index, &text, err),
            r = whole;

        if (whole == 0) {
                *ret = image->manifest.digest;
                r = push_manifest(push, &image->manifest, true, err);
        } else if (whole > 0) {
                *ret = image->root.digest;
                r = 0;
                for (size_t i = 0; i < index.manifests.count && r == 0; i++)
                        r = push_manifest(push, &index.manifests.items[i], false, err);
                if (r == 0)
                        r = put_document(push, &image->root, &text, true, err);
        }
        image_index_done(&index);
        buf_done(&text);
        return r;
}

int image_push_stored(struct store *store, const struct stored_image *image,
                      const char *destination, const struct push_options *options,
                      struct digest *ret, struct error *err)
{
        struct push push = { .store = store, .reporter = REPORTER_INIT(&options->watcher) };
        struct registry_options registry_options = { .insecure = options->insecure,
                                                     .notice = reporter_notice,
                                                     .notice_context = &push.reporter };
        int fd, r = reference_parse(destination, &push.target, err);

        if (r == 0)
                r = store_tmp_dir(store, &fd, err);
        if (r == 0)
                r = registry_new(&registry_options, &push.registry, err);
        if (r == 0)
                r = push_image(&push, image, ret, err);
        registry_free(push.registry);
        reference_done(&push.target);
        return r;
}

/* An image is pushed as what it was called by: what an ID is pushed as has to be said. */
static int find_destination(struct store *store, const char *name, const struct stored_image *image,
                            struct strv *ret, struct error *err)
{
        const char *stored = store_image_name(&image->root);
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        _cleanup_free_ char *whole = NULL;
        bool named;

        if (store_name_read(store, name, &reference, &ignored) == 0)
                whole = reference_format(&reference);
        named = whole && (reference.has_digest || (stored && strcmp(whole, stored) == 0));
        reference_done(&reference);
        if (named)
                return strv_take(ret, TAKE_PTR(whole)) < 0 ? error_set_oom(err) : 0;
        error_set(err, -EINVAL, "%s does not say what the image is to be called there", name);
        return error_hint(err, "Say it: varve push %s HOST/NAME:TAG", name);
}

int image_push(struct store *store, const char *name, const char *destination,
               const struct push_options *options, struct digest *ret, struct error *err)
{
        struct stored_image image;
        struct strv names = STRV_INIT;
        int r = store_image_find(store, name, NULL, &image, err);

        if (r < 0)
                return r;
        r = destination ? reference_candidates(destination, store_search(store), &names, err)
                        : find_destination(store, name, &image, &names, err);
        if (r == 0)
                r = image_push_stored(store, &image, names.items[0], options, ret, err);
        strv_done(&names);
        stored_image_done(&image);
        return r;
}

/* ---- caches ---- */

struct sent_artifact {
        struct push *push;
        const struct artifact *artifact;
};

/* A document goes by way of a file. */
static int send_document(struct push *push, const struct artifact_blob *document, struct error *err)
{
        struct store_file file = STORE_FILE_INIT;
        int r = store_file_new(push->store, &file, err);

        if (r < 0)
                return r;
        r = io_write(file.fd, document->bytes.data, document->bytes.len);
        r = r < 0 ? error_set_errno(err, r, "cannot write to the store")
                  : registry_put_blob(push->registry, &push->target, &document->blob.digest,
                                      document->blob.size, file.fd, NULL, err);
        store_file_discard(push->store, &file);
        return r;
}

static int push_artifact_blob(void *context, size_t index, struct error *err)
{
        const struct sent_artifact *sent = context;
        const struct artifact_blob *blob = &sent->artifact->blobs[index];
        int r = provide_blob(sent->push, &blob->blob, err);

        if (r != 0)
                return r < 0 ? r : 0;
        return blob->bytes.len > 0 ? send_document(sent->push, blob, err)
                                   : send_blob(sent->push, &blob->blob, err);
}

int artifact_push(struct store *store, const struct artifact *artifact, const char *reference,
                  const struct transfer_watcher *watcher, struct error *err)
{
        struct push push = { .store = store, .reporter = REPORTER_INIT(watcher) };
        struct registry_options registry_options = { .notice = reporter_notice,
                                                     .notice_context = &push.reporter };
        const struct artifact_blob *manifest = &artifact->blobs[artifact->count - 1];
        struct sent_artifact sent = { &push, artifact };
        int fd, r = reference_parse(reference, &push.target, err);

        if (r == 0)
                r = store_tmp_dir(store, &fd, err);
        if (r == 0)
                r = registry_new(&registry_options, &push.registry, err);
        if (r == 0)
                r = work_side_by_side(push.registry, artifact->count - 1, push_artifact_blob, &sent,
                                      err);
        if (r == 0)
                r = registry_put_manifest(push.registry, &push.target, manifest->blob.media_type,
                                          manifest->bytes.data, manifest->bytes.len, err);
        registry_free(push.registry);
        reference_done(&push.target);
        return r;
}
