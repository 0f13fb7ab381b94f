#include "cache_export.h"

#include "base/cleanup.h"
#include "oci/media_type.h"
#include "shared_artifact.h"
#include "shared_config.h"
#include "shared_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Which BuildKit looks at, for layers that it has by what they unpack to. */
#define UNCOMPRESSED "containerd.io/uncompressed"

/* What is collected of stages. */
struct collection {
        struct store *store;
        size_t observed_max; /* bytes of records beyond which what steps have observed is left out
                              */
        struct shared_config *config; /* owned */
        struct buf records;
        struct artifact artifact; /* the layers of steps */
        size_t step_count;
};

static void collection_done(struct collection *collection)
{
        shared_config_free(collection->config);
        buf_done(&collection->records);
        artifact_done(&collection->artifact);
}

static int collection_new(struct store *store, size_t observed_max, struct collection *ret,
                          struct error *err)
{
        *ret = (struct collection){ .store = store, .observed_max = observed_max };
        if (shared_records_begin(&ret->records) < 0)
                return error_set_oom(err);
        return shared_config_new(&ret->config, err);
}

/* ---- collecting ---- */

/* A stage that is gone through. */
struct walk {
        struct collection *collection;
        const struct stage_result *stage;
        int *layers;     /* owned; the numbers that its layers have in the config */
        size_t position; /* in its layers: how many there are by now */
        int step;        /* the number of the last step; -1 */
};

static int add_blob(struct collection *collection, const struct layer *layer, struct error *err)
{
        struct artifact *artifact = &collection->artifact;
        char diff_id[DIGEST_TEXT_MAX];
        int r;

        for (size_t i = 0; i < artifact->count; i++)
                if (digest_equal(&artifact->blobs[i].blob.digest, &layer->blob.digest))
                        return 0;
        r = artifact_add_stored(artifact, &layer->blob, err);
        if (r < 0)
                return r;
        digest_format(&layer->diff_id, diff_id);
        return strmap_set(&artifact->blobs[artifact->count - 1].blob.annotations, UNCOMPRESSED,
                          diff_id) < 0
                       ? error_set_oom(err)
                       : 0;
}

static int add_record(struct collection *collection, const struct step_key *step,
                      struct record *record, struct error *err)
{
        struct shared_record shared = { .group = step->group, .key = step->key };
        struct buf text = BUF_INIT;
        int r = record_write(record, &text);

        if (r == 0 && collection->records.len + text.len > collection->observed_max) {
                observations_free(record->observations);
                record->observations = NULL;
                buf_clear(&text);
                r = record_write(record, &text);
        }
        shared.text = text.data;
        shared.len = text.len;
        if (r == 0)
                r = shared_records_add(&shared, &collection->records);
        buf_done(&text);
        return r < 0 ? error_set_oom(err) : 0;
}

/* The layer of a record stands in the stage behind those of the steps before; its blob may have
 * been made anew. */
static int take_layer(struct walk *walk, struct record *record, struct error *err)
{
        const struct layers *layers = &walk->stage->layers;
        size_t at = walk->position;

        while (at < layers->count &&
               !digest_equal(&layers->items[at].diff_id, &record->layer.diff_id))
                at++;
        if (at == layers->count)
                return error_set(err, -EBADMSG, "a step's record is of another layer");
        walk->position = at + 1;
        descriptor_done(&record->layer.blob);
        if (descriptor_copy(&layers->items[at].blob, &record->layer.blob) < 0)
                return error_set_oom(err);
        return add_blob(walk->collection, &layers->items[at], err);
}

static int take_record(struct walk *walk, const struct step_key *step, struct record *record,
                       struct error *err)
{
        struct collection *collection = walk->collection;
        struct digest digest;
        struct key key;
        int r = record->has_layer ? take_layer(walk, record, err) : 0;

        if (r == 0)
                r = key_begin(&key, "shared", err);
        if (r < 0)
                return r;
        key_add_digest(&key, &step->group);
        key_add_digest(&key, &step->key);
        r = key_finish(&key, &digest, err);
        if (r < 0)
                return r;
        walk->step = shared_config_add_step(
                collection->config, &digest, walk->step,
                walk->position > 0 ? walk->layers[walk->position - 1] : -1, &record->created);
        collection->step_count++;
        return walk->step < 0 ? error_set_oom(err) : add_record(collection, step, record, err);
}

/* A step whose record somebody has removed meanwhile is left out. */
static int take_step(struct walk *walk, const struct step_key *step, struct error *err)
{
        struct buf text = BUF_INIT;
        struct record record;
        int r = store_record_get(walk->collection->store, &step->group, &step->key, &text, err);

        if (r == 0) {
                r = record_read(text.data, text.len, &record);
                if (r == -ENOMEM)
                        error_set_oom(err);
        }
        buf_done(&text);
        if (r < 0)
                return r == -ENOENT || r == -EBADMSG || r == -ESTALE ? 0 : r;
        r = take_record(walk, step, &record, err);
        record_done(&record);
        return r;
}

static int collect_stage(struct collection *collection, const struct stage_result *stage,
                         struct error *err)
{
        _cleanup_free_ int *layers = calloc(stage->layers.count + 1, sizeof(*layers));
        struct walk walk = { collection, stage, layers, 0, -1 };
        int r = 0;

        if (!layers)
                return error_set_oom(err);
        for (size_t i = 0; i < stage->layers.count; i++) {
                layers[i] = shared_config_add_layer(collection->config,
                                                    &stage->layers.items[i].blob.digest,
                                                    i > 0 ? layers[i - 1] : -1);
                if (layers[i] < 0)
                        return error_set_oom(err);
        }
        for (size_t i = 0; i < stage->step_count && r == 0; i++)
                r = take_step(&walk, &stage->steps[i], err);
        return r;
}

/* ---- inline ---- */

int cache_export_inline(const struct cache_export *export, struct image_config *config,
                        struct error *err)
{
        const struct stage_result *target = &export->results[export->target];
        _cleanup_(collection_done) struct collection collection = { .store = NULL };
        struct buf steps = BUF_INIT;
        bool wanted = false;
        int r;

        for (size_t i = 0; i < export->options->cache_to_count; i++)
                wanted |= export->options->cache_to[i].type == BUILD_CACHE_INLINE;
        if (!wanted)
                return 0;
        r = collection_new(export->store, SHARED_IMAGE_RECORDS_MAX, &collection, err);
        if (r == 0)
                r = collect_stage(&collection, target, err);
        if (r == 0)
                r = shared_config_write_steps(collection.config, &steps, err);
        if (r == 0)
                r = shared_image_set(config, &steps, &collection.records, err);
        buf_done(&steps);
        return r;
}

/* ---- as an artifact ---- */

static int add_manifest(struct artifact *artifact, struct error *err)
{
        const struct descriptor *config = &artifact->blobs[artifact->count - 1].blob;
        struct manifest manifest = MANIFEST_INIT;
        struct buf text = BUF_INIT;
        int r = descriptor_copy(config, &manifest.config);

        manifest.media_type = strdup(MEDIA_TYPE_OCI_MANIFEST);
        if (!manifest.media_type)
                r = -ENOMEM;
        for (size_t i = 0; i + 1 < artifact->count && r == 0; i++) {
                struct descriptor *layer = descriptors_add(&manifest.layers);

                r = layer ? descriptor_copy(&artifact->blobs[i].blob, layer) : -ENOMEM;
        }
        r = r < 0 ? error_set_oom(err) : manifest_write(&manifest, &text, err);
        if (r == 0)
                r = artifact_add_document(artifact, MEDIA_TYPE_OCI_MANIFEST, &text, err);
        buf_done(&text);
        manifest_done(&manifest);
        return r;
}

/* The layers, the records, the config and the manifest, in this order. */
static int make_artifact(const struct cache_export *export, bool all_stages,
                         struct collection *collection, struct error *err)
{
        struct buf config = BUF_INIT;
        int r = collection_new(export->store, SHARED_RECORDS_BYTES_MAX, collection, err);

        for (size_t i = 0; i < export->result_count && r == 0; i++)
                if (all_stages || i == export->target)
                        r = collect_stage(collection, &export->results[i], err);
        if (r == 0)
                r = shared_config_write(collection->config, &config, err);
        if (r == 0)
                r = artifact_add_document(&collection->artifact, SHARED_RECORDS_TYPE,
                                          &collection->records, err);
        if (r == 0)
                r = artifact_add_document(&collection->artifact, SHARED_CONFIG_TYPE, &config, err);
        if (r == 0)
                r = add_manifest(&collection->artifact, err);
        buf_done(&config);
        return r;
}

static void tell(const struct cache_export *export, enum build_event_type type, const char *text)
{
        const struct build_event event = { .type = type, .text = text };

        if (export->options->event)
                export->options->event(export->options->event_context, &event);
}

static void pass_notice(void *context, const struct transfer_event *event)
{
        if (event->state == TRANSFER_NOTICE)
                tell(context, BUILD_WARNING, event->text);
}

static int write_one(const struct cache_export *export, const struct build_cache *to,
                     struct error *err)
{
        _cleanup_(collection_done) struct collection collection = { .store = NULL };
        struct transfer_watcher watcher = { pass_notice, (void *)(uintptr_t) export };
        _cleanup_free_ char *text = NULL, *name = NULL;
        int r = make_artifact(export, to->all_stages, &collection, err);

        if (r == 0 && to->type == BUILD_CACHE_LOCAL)
                r = artifact_write(export->store, &collection.artifact, to->place,
                                   to->tag ? to->tag : "latest", err);
        else if (r == 0)
                r = store_name_new(export->store, to->place, &name, err);
        if (r == 0 && name)
                r = artifact_push(export->store, &collection.artifact, name, &watcher, err);
        if (r < 0)
                return error_wrap(err, "the cache cannot be written to %s", to->place);
        if (asprintf(&text, "the cache %s has %zu steps now", to->place, collection.step_count) < 0)
                return error_set_oom(err);
        tell(export, BUILD_NOTE, text);
        return 0;
}

int cache_export_write(const struct cache_export *export, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < export->options->cache_to_count && r == 0; i++) {
                const struct build_cache *to = &export->options->cache_to[i];
                struct error failed = ERROR_INIT;

                if (to->type == BUILD_CACHE_INLINE)
                        continue;
                r = write_one(export, to, &failed);
                if (r < 0 && to->ignore_error) {
                        tell(export, BUILD_WARNING, failed.message);
                        r = 0;
                } else if (r < 0) {
                        *err = failed;
                }
        }
        return r;
}
