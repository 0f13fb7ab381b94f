#include "build/cache.h"

#include "base/cleanup.h"
#include "key.h"
#include "record.h"
#include "store/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What steps there were is forgotten where it was of no use for so long. */
#define MEMORY_SECONDS (30 * 24 * 3600)

/* Digests, sorted. */
struct digests {
        struct digest *items; /* owned */
        size_t count;
};

static int compare_digests(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct digest));
}

static int add_image(struct store *store, const struct descriptor *root, struct digests *layers,
                     struct error *err)
{
        struct stored_image image;
        struct error broken = ERROR_INIT;
        struct digest *items;
        size_t count;

        /* What cannot be read keeps nothing. */
        if (store_image_load(store, root, NULL, &image, &broken) < 0)
                return 0;
        count = image.config.diff_id_count;
        items = reallocarray(layers->items, layers->count + count + 1, sizeof(*items));
        if (items) {
                layers->items = items;
                for (size_t i = 0; i < count; i++)
                        items[layers->count++] = image.config.diff_ids[i];
        }
        stored_image_done(&image);
        return items ? 0 : error_set_oom(err);
}

static int layers_of_images(struct store *store, struct digests *ret, struct error *err)
{
        struct image_index list;
        int r = store_images_read(store, &list, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < list.manifests.count && r == 0; i++)
                r = add_image(store, &list.manifests.items[i], ret, err);
        image_index_done(&list);
        if (ret->count > 1)
                qsort(ret->items, ret->count, sizeof(*ret->items), compare_digests);
        return r;
}

/* Takes the lines "step TEXT" and "layer DIGEST" of a record's head. */
static int take_line(struct store *store, const char *line, struct cache_entry *entry)
{
        size_t len = strcspn(line, "\n");
        struct error ignored = ERROR_INIT;
        char digest[DIGEST_TEXT_MAX];
        struct digest *layers;

        if (strncmp(line, "step ", 5) == 0 && !entry->step) {
                entry->step = strndup(line + 5, len - 5);
                return entry->step ? 0 : -ENOMEM;
        }
        if (sscanf(line, "layer %71s", digest) != 1)
                return 0;
        layers = reallocarray(entry->layers, entry->layer_count + 1, sizeof(*layers));
        if (!layers)
                return -ENOMEM;
        entry->layers = layers;
        if (digest_parse(digest, &layers[entry->layer_count], &ignored) < 0)
                return 0;
        entry->in_use |= store_is_pinned(store, &layers[entry->layer_count]);
        entry->layer_count++;
        return 0;
}

static uint64_t size_of(struct store *store, enum store_kind kind, const struct digest *digest)
{
        struct error ignored = ERROR_INIT;
        uint64_t size = 0;
        int fd;

        if (store_open_file(store, kind, digest, &fd, &size, &ignored) < 0)
                return 0;
        close(fd);
        return size;
}

/* Steps of one key are told apart by what they did. */
static int id_of(const struct store_record *place, struct digest *ret, struct error *err)
{
        struct key key;
        int r = key_begin(&key, "entry", err);

        if (r < 0)
                return r;
        key_add_digest(&key, &place->group);
        key_add_digest(&key, &place->key);
        return key_finish(&key, ret, err);
}

static int read_entry(struct store *store, const struct store_record *place,
                      struct cache_entry *entry, struct error *err)
{
        struct error ignored = ERROR_INIT;
        struct buf head = BUF_INIT;
        int r;

        *entry = (struct cache_entry){ .group = place->group,
                                       .key = place->key,
                                       .used = place->used,
                                       .record_bytes = place->size_bytes,
                                       .size_bytes = place->size_bytes };
        r = id_of(place, &entry->id, err);
        if (r < 0)
                return r;
        if (store_record_head(store, &place->group, &place->key, &head, &ignored) == 0) {
                const char *line = buf_str(&head);

                entry->is_mount = strncmp(line, "varve cache ", 12) == 0;
                for (; *line && r == 0; line += strcspn(line, "\n"), line += *line == '\n')
                        r = take_line(store, line, entry);
        }
        buf_done(&head);
        if (r == 0 && !entry->step) {
                entry->step = strdup("");
                r = entry->step ? 0 : -ENOMEM;
        }
        return r < 0 ? error_set_oom(err) : 0;
}

static bool has_digest(const struct digest *digests, size_t count, const struct digest *digest)
{
        for (size_t i = 0; i < count; i++)
                if (digest_equal(&digests[i], digest))
                        return true;
        return false;
}

/* Adds the sizes of layers to the first entries that have them. */
static int add_sizes(struct store *store, struct cache_entry *entries, size_t count,
                     struct error *err)
{
        struct digests images = { .items = NULL };
        int r = layers_of_images(store, &images, err);

        for (size_t i = 0; i < count && r == 0; i++) {
                struct cache_entry *entry = &entries[i];

                for (size_t j = 0; j < entry->layer_count; j++) {
                        const struct digest *layer = &entry->layers[j];
                        bool in_image =
                                images.count > 0 && bsearch(layer, images.items, images.count,
                                                            sizeof(*images.items), compare_digests);
                        bool counted = in_image;

                        entry->in_image |= in_image;
                        for (size_t k = 0; k < i && !counted; k++)
                                counted = has_digest(entries[k].layers, entries[k].layer_count,
                                                     layer);
                        if (!counted)
                                entry->size_bytes += size_of(store, STORE_TAR, layer) +
                                                     size_of(store, STORE_INDEX, layer);
                }
        }
        free(images.items);
        return r;
}

int cache_list(struct store *store, struct cache_entry **ret, size_t *ret_count, struct error *err)
{
        _cleanup_free_ struct store_record *places = NULL;
        struct cache_entry *entries;
        struct digest memory;
        size_t count, done = 0;
        int r;

        r = digest_of(RECORD_MEMORY, strlen(RECORD_MEMORY), &memory, err);
        if (r == 0)
                r = store_record_list(store, NULL, &places, &count, err);
        if (r < 0)
                return r;
        entries = calloc(count + 1, sizeof(*entries));
        if (!entries)
                return error_set_oom(err);
        for (size_t i = 0; i < count && r == 0; i++)
                if (!digest_equal(&places[i].group, &memory))
                        r = read_entry(store, &places[i], &entries[done++], err);
        if (r == 0)
                r = add_sizes(store, entries, done, err);
        if (r < 0) {
                cache_entries_free(entries, done);
                return r;
        }
        *ret = entries;
        *ret_count = done;
        return 0;
}

void cache_entries_free(struct cache_entry *entries, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                free(entries[i].step);
                free(entries[i].layers);
        }
        free(entries);
}

int cache_remove(struct store *store, const struct cache_entry *entry, struct error *err)
{
        for (size_t i = 0; i < entry->layer_count; i++)
                if (store_is_pinned(store, &entry->layers[i]))
                        return error_set(err, -EBUSY, "a process that is at work needs it");
        return store_record_remove(store, &entry->group, &entry->key, err);
}

static int forget(struct store *store, const struct cache_prune_options *options, struct error *err)
{
        _cleanup_free_ struct store_record *places = NULL;
        time_t until = time(NULL) - MEMORY_SECONDS;
        struct digest memory;
        size_t count;
        int r = digest_of(RECORD_MEMORY, strlen(RECORD_MEMORY), &memory, err);

        if (r == 0)
                r = store_record_list(store, &memory, &places, &count, err);
        if (options->forget)
                until = options->until > 0 ? options->until : INT64_MAX;
        for (size_t i = 0; r == 0 && i < count; i++)
                if (places[i].used.tv_sec < until)
                        r = store_record_remove(store, &memory, &places[i].key, err);
        return r;
}

int cache_prune(struct store *store, const struct cache_prune_options *options, size_t *ret_count,
                uint64_t *ret_bytes, struct error *err)
{
        struct cache_entry *entries;
        uint64_t kept = 0, records = 0;
        size_t count;
        int r = cache_list(store, &entries, &count, err);

        if (r < 0)
                return r;
        *ret_count = 0;
        for (size_t i = 0; i < count && r == 0; i++) {
                const struct cache_entry *entry = &entries[i];

                kept += entry->size_bytes;
                if ((options->keep_bytes > 0 && kept <= options->keep_bytes) ||
                    (options->until > 0 && entry->used.tv_sec >= options->until) ||
                    (options->unused_only && entry->in_image))
                        continue;
                r = cache_remove(store, entry, err);
                if (r == -EBUSY) {
                        *err = ERROR_INIT;
                        r = 0;
                        continue;
                }
                kept -= entry->size_bytes;
                records += entry->record_bytes;
                ++*ret_count;
        }
        cache_entries_free(entries, count);
        if (r == 0)
                r = forget(store, options, err);
        if (r == 0)
                r = store_collect(store, ret_bytes, err);
        if (r == 0)
                *ret_bytes += records;
        return r;
}
