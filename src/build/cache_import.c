#include "cache_import.h"

#include "base/cleanup.h"
#include "bundle.h"
#include "fetch.h"
#include "key.h"
#include "oci/index.h"
#include "oci/json.h"
#include "oci/media_type.h"
#include "shared_config.h"
#include "shared_image.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define INDEX_DEPTH 4

/* One cache. */
struct source {
        char *name;                 /* for people; owned */
        struct bundle *bundle;      /* of a directory, or NULL; owned */
        struct reference reference; /* of a registry */
        struct descriptors blobs;   /* the layers that it has */
        struct buf records;         /* what steps' texts point into */
};

struct cache_import {
        struct source *sources; /* owned */
        size_t source_count;
        struct imported_step *steps; /* owned, sorted by group */
        size_t step_count;
        atomic_bool *lost; /* of each source: shared memory, as the workers are processes; owned */
        size_t lost_bytes;
};

void cache_import_free(struct cache_import *import)
{
        if (!import)
                return;
        for (size_t i = 0; i < import->source_count; i++) {
                struct source *source = &import->sources[i];

                free(source->name);
                bundle_free(source->bundle);
                reference_done(&source->reference);
                descriptors_done(&source->blobs);
                buf_done(&source->records);
        }
        if (import->lost)
                munmap(import->lost, import->lost_bytes);
        free(import->sources);
        free(import->steps);
        free(import);
}

/* ---- reading one ---- */

struct reading {
        struct source *source;
        struct registry *registry; /* NULL for a directory */
        const struct platform *platform;
        struct error *err;
};

static void blob_path(const struct digest *digest, char ret[static DIGEST_HEX_MAX + 16])
{
        strcpy(ret, "blobs/sha256/");
        digest_format_hex(digest, ret + strlen(ret));
}

static int read_blob(const struct reading *reading, const struct descriptor *blob, size_t max_bytes,
                     struct buf *ret)
{
        char path[DIGEST_HEX_MAX + 16];
        struct digest found;
        int r;

        if (blob->size > max_bytes)
                return error_set(reading->err, -EFBIG, "a document has over %zu bytes", max_bytes);
        if (reading->registry)
                return registry_read_blob(reading->registry, &reading->source->reference, blob,
                                          max_bytes, ret, reading->err);
        blob_path(&blob->digest, path);
        r = bundle_read(reading->source->bundle, path, max_bytes, ret, reading->err);
        if (r == 0)
                r = digest_of(ret->data, ret->len, &found, reading->err);
        if (r == 0 && !digest_equal(&found, &blob->digest))
                r = error_set(reading->err, -EBADMSG, "%s was changed", path);
        return r;
}

/* Keeps which blobs there are, and reads the records among them. */
static int take_blobs(const struct reading *reading, struct descriptors *blobs)
{
        const struct descriptor *records = NULL;

        for (size_t i = 0; i < blobs->count; i++)
                if (strcmp(blobs->items[i].media_type, SHARED_RECORDS_TYPE) == 0)
                        records = &blobs->items[i];
        reading->source->blobs = *blobs;
        *blobs = (struct descriptors){ .items = NULL };
        return records ? read_blob(reading, records, SHARED_RECORDS_BYTES_MAX,
                                   &reading->source->records)
                       : 0;
}

static int take_manifest(const struct reading *reading, const struct buf *text,
                         const char *media_type)
{
        struct manifest manifest = MANIFEST_INIT;
        struct buf config = BUF_INIT;
        int r = manifest_parse(text->data, text->len, media_type, &manifest, reading->err);

        if (r == 0 && strcmp(manifest.config.media_type, SHARED_CONFIG_TYPE) != 0) {
                r = read_blob(reading, &manifest.config, MANIFEST_BYTES_MAX, &config);
                if (r == 0)
                        r = shared_image_read(&config, &reading->source->records, reading->err);
        }
        if (r == 0)
                r = take_blobs(reading, &manifest.layers);
        buf_done(&config);
        manifest_done(&manifest);
        return r;
}

static int get_manifest(const struct reading *reading, const struct descriptor *descriptor,
                        struct registry_manifest *ret)
{
        struct reference pinned = reading->source->reference;
        int r;

        *ret = REGISTRY_MANIFEST_INIT;
        if (reading->registry) {
                pinned.has_digest = true;
                pinned.digest = descriptor->digest;
                return registry_get_manifest(reading->registry, &pinned, ret, reading->err);
        }
        r = read_blob(reading, descriptor, MANIFEST_BYTES_MAX, &ret->bytes);
        ret->media_type = strdup(descriptor->media_type);
        if (r == 0 && !ret->media_type)
                r = error_set_oom(reading->err);
        if (r < 0)
                registry_manifest_done(ret);
        return r;
}

/* Whether an index lists a cache's blobs, as BuildKit has written them once, and not images. */
static bool is_cache_index(const struct image_index *index)
{
        for (size_t i = 0; i < index->manifests.count; i++)
                if (strcmp(index->manifests.items[i].media_type, SHARED_CONFIG_TYPE) == 0)
                        return true;
        return false;
}

/* Goes from an index to the manifest. Returns 1 where the index was all there is. */
static int follow_index(const struct reading *reading, struct registry_manifest *at)
{
        const struct descriptor *chosen;
        struct image_index index = IMAGE_INDEX_INIT;
        struct registry_manifest next;
        int r = image_index_parse(at->bytes.data, at->bytes.len, at->media_type, &index,
                                  reading->err);

        if (r < 0)
                return r;
        if (is_cache_index(&index)) {
                r = take_blobs(reading, &index.manifests);
                image_index_done(&index);
                return r < 0 ? r : 1;
        }
        chosen = image_index_choose(&index, reading->platform);
        r = chosen ? get_manifest(reading, chosen, &next)
                   : error_set(reading->err, -ENOENT, "it has none for this platform");
        if (r == 0) {
                registry_manifest_done(at);
                *at = next;
        }
        image_index_done(&index);
        return r;
}

/* `at` is the caller's. */
static int take_document(const struct reading *reading, struct registry_manifest *at)
{
        for (int depth = 0; media_type_kind(at->media_type) == MEDIA_INDEX; depth++) {
                int r = depth < INDEX_DEPTH
                                ? follow_index(reading, at)
                                : error_set(reading->err, -EBADMSG, "its indexes nest too deep");

                if (r != 0)
                        return r < 0 ? r : 0;
        }
        return take_manifest(reading, &at->bytes, at->media_type);
}

/* ---- where it is ---- */

/* The descriptor that a layout's list has for a tag or a digest; borrowed. */
static const struct descriptor *choose_listed(const struct build_cache *from,
                                              const struct image_index *index)
{
        const char *tag = from->tag ? from->tag : "latest";

        for (size_t i = 0; i < index->manifests.count; i++) {
                const struct descriptor *item = &index->manifests.items[i];
                const char *name = strmap_get(&item->annotations, SHARED_TAG);
                char digest[DIGEST_TEXT_MAX];

                digest_format(&item->digest, digest);
                if (from->digest ? strcmp(from->digest, digest) == 0
                                 : name && strcmp(name, tag) == 0)
                        return item;
        }
        return NULL;
}

static int open_local(const struct reading *reading, struct store *store,
                      const struct build_cache *from, struct registry_manifest *ret)
{
        struct image_index index = IMAGE_INDEX_INIT;
        const struct descriptor *listed;
        struct buf text = BUF_INIT;
        int r = bundle_open(store, from->place, &reading->source->bundle, reading->err);

        if (r == 0)
                r = bundle_read(reading->source->bundle, "index.json", MANIFEST_BYTES_MAX, &text,
                                reading->err);
        if (r == 0)
                r = image_index_parse(text.data, text.len, NULL, &index, reading->err);
        if (r == 0) {
                listed = choose_listed(from, &index);
                r = listed ? get_manifest(reading, listed, ret)
                           : error_set(reading->err, -ENOENT, "it has no %s",
                                       from->digest ? from->digest
                                       : from->tag  ? from->tag
                                                    : "latest");
        }
        image_index_done(&index);
        buf_done(&text);
        return r;
}

static int open_source(struct reading *reading, struct store *store, const struct build_cache *from)
{
        struct registry_manifest at = REGISTRY_MANIFEST_INIT;
        _cleanup_free_ char *name = NULL;
        int r;

        if (from->type == BUILD_CACHE_LOCAL) {
                r = open_local(reading, store, from, &at);
        } else {
                r = registry_new(&(struct registry_options){ .optional = true }, &reading->registry,
                                 reading->err);
                if (r == 0)
                        r = store_name_new(store, from->place, &name, reading->err);
                if (r == 0)
                        r = reference_parse(name, &reading->source->reference, reading->err);
                if (r == 0)
                        r = registry_get_manifest(reading->registry, &reading->source->reference,
                                                  &at, reading->err);
        }
        if (r == 0)
                r = take_document(reading, &at);
        registry_manifest_done(&at);
        registry_free(reading->registry);
        return r;
}

/* ---- all of them ---- */

static int add_steps(struct cache_import *import, size_t number, struct error *err)
{
        const struct source *source = &import->sources[number];
        _cleanup_free_ struct shared_record *records = NULL;
        struct imported_step *steps;
        size_t count;
        int r;

        if (source->records.len == 0)
                return error_set(err, -ENOENT, "it holds no records of steps of varve");
        r = shared_records_parse(source->records.data, source->records.len, &records, &count);
        if (r == -ESTALE)
                return error_set(err, r, "it is of another version, or of other machines");
        if (r < 0)
                return r == -ENOMEM ? error_set_oom(err)
                                    : error_set(err, r, "its records are damaged");
        steps = reallocarray(import->steps, import->step_count + count + 1, sizeof(*steps));
        if (!steps)
                return error_set_oom(err);
        import->steps = steps;
        for (size_t i = 0; i < count; i++)
                steps[import->step_count++] =
                        (struct imported_step){ .record = records[i], .source = number };
        return 0;
}

static int compare_steps(const void *a, const void *b)
{
        const struct imported_step *left = a, *right = b;
        int order = memcmp(&left->record.group, &right->record.group, sizeof(struct digest));

        if (order == 0)
                order = (left->source > right->source) - (left->source < right->source);
        /* Within one cache the last is the newest. */
        return order ? order
                     : (left->record.text < right->record.text) -
                               (left->record.text > right->record.text);
}

static int read_source(struct cache_import *import, struct store *store,
                       const struct build_options *options, const struct build_cache *from,
                       const struct platform *platform, struct error *err)
{
        struct source *source = &import->sources[import->source_count];
        struct error failed = ERROR_INIT;
        struct reading reading = { .source = source, .platform = platform, .err = &failed };
        int r;

        *source = (struct source){ .reference = REFERENCE_INIT };
        source->name = strdup(from->place);
        import->source_count++;
        r = source->name ? open_source(&reading, store, from) : error_set_oom(&failed);
        if (r == 0)
                r = add_steps(import, import->source_count - 1, &failed);
        if (r == -ENOMEM) {
                *err = failed;
                return r;
        }
        if (r < 0 && options->event) {
                error_wrap(&failed, "nothing is taken from the cache %s", from->place);
                options->event(options->event_context, &(struct build_event){
                                                               .type = BUILD_WARNING,
                                                               .text = failed.message,
                                                       });
        }
        return 0;
}

static struct cache_import *import_new(size_t count)
{
        struct cache_import *import = calloc(1, sizeof(*import));
        void *lost;

        if (!import)
                return NULL;
        import->lost_bytes = count * sizeof(*import->lost);
        import->sources = calloc(count, sizeof(*import->sources));
        lost = mmap(NULL, import->lost_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);
        import->lost = lost == MAP_FAILED ? NULL : lost;
        if (import->sources && import->lost)
                return import;
        cache_import_free(import);
        return NULL;
}

int cache_import_open(struct store *store, const struct build_options *options,
                      const struct platform *platform, struct cache_import **ret, struct error *err)
{
        struct cache_import *import = NULL;
        int r = 0;

        *ret = NULL;
        if (options->cache_from_count == 0 || options->no_cache)
                return 0;
        import = import_new(options->cache_from_count);
        if (!import)
                return error_set_oom(err);
        for (size_t i = 0; i < options->cache_from_count && r == 0; i++)
                r = read_source(import, store, options, &options->cache_from[i], platform, err);
        if (r < 0) {
                cache_import_free(import);
                return r;
        }
        if (import->step_count > 1)
                qsort(import->steps, import->step_count, sizeof(*import->steps), compare_steps);
        *ret = import;
        return 0;
}

/* ---- looking ---- */

const struct imported_step *cache_import_find(const struct cache_import *import,
                                              const struct digest *group, size_t *ret_count)
{
        size_t low = 0, high = import ? import->step_count : 0, end;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (memcmp(&import->steps[middle].record.group, group, sizeof(*group)) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        end = low;
        while (import && end < import->step_count &&
               digest_equal(&import->steps[end].record.group, group))
                end++;
        *ret_count = end - low;
        return end > low ? &import->steps[low] : NULL;
}

const char *cache_import_name(const struct cache_import *import, const struct imported_step *step)
{
        return import->sources[step->source].name;
}

bool cache_import_lose(const struct cache_import *import, const struct imported_step *step)
{
        return !atomic_exchange(&import->lost[step->source], true);
}

bool cache_import_is_lost(const struct cache_import *import, const struct imported_step *step)
{
        return atomic_load(&import->lost[step->source]);
}

/* The blob of a record is one that the cache has, as a layer. */
static bool has_blob(const struct source *source, const struct descriptor *blob)
{
        if (media_type_kind(blob->media_type) != MEDIA_LAYER ||
            media_type_is_foreign(blob->media_type))
                return false;
        for (size_t i = 0; i < source->blobs.count; i++)
                if (digest_equal(&source->blobs.items[i].digest, &blob->digest) &&
                    source->blobs.items[i].size == blob->size)
                        return true;
        return false;
}

static void make_plain(char *text)
{
        for (char *at = text; at && *at; at++)
                if ((unsigned char)*at < ' ' || *at == '\x7f')
                        *at = ' ';
}

int cache_import_read(const struct cache_import *import, const struct imported_step *step,
                      struct record *ret, struct error *err)
{
        const struct source *source = &import->sources[step->source];
        struct record record;
        int r = record_read(step->record.text, step->record.len, &record);

        if (r == -ENOMEM)
                return error_set_oom(err);
        if (r < 0)
                return error_set(err, r,
                                 r == -ESTALE ? "its record is of another version"
                                              : "its record is damaged");
        r = record_check(&record, &step->record.group, &step->record.key, err);
        if (r == 0 && record.has_layer && !has_blob(source, &record.layer.blob))
                r = error_set(err, -EBADMSG, "its layer is none of the cache's");
        if (r == 0 && record.observations)
                r = observations_distrust(record.observations, err);
        for (size_t i = 0; i < record.mounts.count && r == 0; i++)
                r = observations_distrust(record.mounts.items[i], err);
        if (r < 0) {
                record_done(&record);
                return r;
        }
        make_plain(record.step);
        make_plain(record.unobserved);
        *ret = record;
        return 0;
}

/* ---- layers ---- */

static int fetch_local(const struct source *source, struct store *store, const struct layer *layer,
                       struct error *err)
{
        struct layer_unpack_options expected = { .digest = &layer->blob.digest,
                                                 .has_size = true,
                                                 .size = layer->blob.size,
                                                 .diff_id = &layer->diff_id };
        char path[DIGEST_HEX_MAX + 16];
        struct layer_unpacked unpacked;
        struct bundle_file file;
        struct byte_source bytes;
        int r;

        blob_path(&layer->blob.digest, path);
        r = bundle_file_open(source->bundle, path, &file, err);
        if (r < 0)
                return r;
        bytes = bundle_file_source(&file);
        r = layers_take_in(store, &bytes, &expected, true, &unpacked, err);
        bundle_file_close(&file);
        return r;
}

static int fetch_remote(const struct source *source, struct store *store, struct layer *layer,
                        const struct transfer_watcher *watcher, struct error *err)
{
        struct reporter reporter = REPORTER_INIT(watcher);
        struct registry_options options = { .optional = true,
                                            .notice = reporter_notice,
                                            .notice_context = &reporter };
        const struct layers alone = { .items = layer, .count = 1 };
        struct registry *registry = NULL;
        int r = registry_new(&options, &registry, err);

        if (r == 0)
                r = fetch_layers(store, registry, &alone, true, &source->reference, &reporter, err);
        registry_free(registry);
        return r;
}

int cache_import_fetch(const struct cache_import *import, const struct imported_step *step,
                       struct store *store, struct record *record,
                       const struct transfer_watcher *watcher, struct error *err)
{
        const struct source *source = &import->sources[step->source];
        struct layer *layer = &record->layer, found;
        int r = 0;

        if (!record->has_layer)
                return 0;
        if (!layer_is_stored(store, layer, true))
                r = source->bundle ? fetch_local(source, store, layer, err)
                                   : fetch_remote(source, store, layer, watcher, err);
        if (r < 0)
                return r;
        found = *layer;
        r = layer_know_content(store, &found, err);
        if (r == 0 && !digest_equal(&found.content, &layer->content))
                r = error_set(err, -EBADMSG, "its layer holds something else");
        return r;
}
