#include "cache_mount.h"

#include "base/cleanup.h"
#include "copy.h"
#include "key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_HEAD "varve cache 1\n"

/* A stack of this height is made one layer. */
#define LAYERS_MAX 32

/* Private caches of one id that may be in use at once. */
#define PRIVATE_MAX 64

static const struct layers no_layers;

/* ---- records ---- */

static int group_of_caches(struct digest *ret, struct error *err)
{
        struct key key;
        int r = key_begin(&key, "cache mounts", err);

        return r < 0 ? r : key_finish(&key, ret, err);
}

static int name_of(const char *id, const struct layers *base, unsigned number, struct digest *ret,
                   struct error *err)
{
        struct digest below;
        struct key key;
        int r = base ? key_of_layers(base, &below, err) : 0;

        if (r == 0)
                r = key_begin(&key, "cache mount", err);
        if (r < 0)
                return r;
        key_add_text(&key, id);
        key_add_number(&key, number);
        if (base)
                key_add_digest(&key, &below);
        return key_finish(&key, ret, err);
}

/* Appends the layers that a record names. */
static int parse_record(const char *text, struct layers *ret, struct error *err)
{
        char diff_id[DIGEST_TEXT_MAX];

        if (strncmp(text, RECORD_HEAD, strlen(RECORD_HEAD)) != 0)
                return -EBADMSG;
        for (text += strlen(RECORD_HEAD); *text; text += strcspn(text, "\n") + 1) {
                struct layer layer = { .blob = DESCRIPTOR_INIT };

                if (sscanf(text, "layer %71s", diff_id) != 1 ||
                    digest_parse(diff_id, &layer.diff_id, err) < 0 || !strchr(text, '\n'))
                        return -EBADMSG;
                if (layers_add(ret, &layer) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* What the store knows of the cache; what nobody understands is no cache. */
static int read_record(const struct cache_mount *cache, struct layers *ret, struct error *err)
{
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        struct digest group;
        int r;

        *ret = no_layers;
        r = group_of_caches(&group, err);
        if (r < 0)
                return r;
        r = store_record_get(cache->store, &group, &cache->name, &text, &ignored);
        if (r == 0)
                r = parse_record(buf_str(&text), ret, &ignored);
        buf_done(&text);
        if (r == -ENOMEM)
                return error_set_oom(err);
        if (r < 0)
                layers_done(ret);
        return 0;
}

static int write_record(const struct cache_mount *cache, const struct layers *layers,
                        struct error *err)
{
        struct buf text = BUF_INIT;
        struct digest group;
        int r = group_of_caches(&group, err);

        if (r < 0)
                return r;
        r = buf_append_str(&text, RECORD_HEAD);
        for (size_t i = 0; i < layers->count && r == 0; i++) {
                char diff_id[DIGEST_TEXT_MAX];

                digest_format(&layers->items[i].diff_id, diff_id);
                r = buf_appendf(&text, "layer %s\n", diff_id);
        }
        r = r < 0 ? error_set_oom(err)
                  : store_record_put(cache->store, &group, &cache->name, text.data, text.len, err);
        buf_done(&text);
        return r;
}

/* ---- opening ---- */

/* Finds a private cache that nobody uses. */
static int take_private(struct cache_mount *cache, const char *id, const struct layers *base,
                        struct error *err)
{
        for (unsigned number = 1; number <= PRIVATE_MAX; number++) {
                int r = name_of(id, base, number, &cache->name, err);

                if (r == 0)
                        r = store_lock_named(cache->store, &cache->name, false, &cache->lock, err);
                if (r != -EAGAIN)
                        return r;
        }
        return error_set(err, -EAGAIN, "%d private caches %s are in use", PRIVATE_MAX, id);
}

int cache_mount_open(struct store *store, const char *id, const struct layers *base,
                     enum mount_sharing sharing, struct cache_mount *ret, struct error *err)
{
        struct cache_mount *cache = ret;
        struct error ignored = ERROR_INIT;
        int r;

        *cache = CACHE_MOUNT_INIT;
        cache->store = store;
        r = sharing == MOUNT_PRIVATE ? take_private(cache, id, base, err)
                                     : name_of(id, base, 0, &cache->name, err);
        if (r == 0 && sharing == MOUNT_LOCKED)
                r = store_lock_named(store, &cache->name, true, &cache->lock, err);
        if (r == 0)
                r = read_record(cache, &cache->layers, err);
        if (r == 0 && cache->layers.count > 0 &&
            layers_open(store, &cache->layers, &cache->tree, &ignored) == 0)
                return 0;
        /* It begins, or some of it is lost: a cache is never needed. */
        layers_done(&cache->layers);
        if (r == 0 && base && layers_copy(base, &cache->layers) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = layers_open(store, &cache->layers, &cache->tree, err);
        if (r < 0)
                cache_mount_done(cache);
        return r < 0 ? error_wrap(err, "the cache %s", id) : 0;
}

void cache_mount_done(struct cache_mount *cache)
{
        tree_free(cache->tree);
        layers_done(&cache->layers);
        if (cache->store)
                store_lock_release(cache->store, &cache->lock);
        *cache = CACHE_MOUNT_INIT;
}

/* ---- keeping ---- */

static int seal_changes(struct cache_mount *cache, struct tree *tree, struct layers *onto,
                        size_t *ret_count, struct error *err)
{
        struct change_list *changes;
        struct layer layer;
        int r = tree_commit(tree, &changes, err);

        if (r < 0)
                return r;
        *ret_count = change_list_count(changes);
        if (*ret_count > 0)
                r = layers_seal(cache->store, changes, NULL, &layer, err);
        change_list_free(changes);
        if (r == 0 && *ret_count > 0 && layers_add(onto, &layer) < 0)
                r = error_set_oom(err);
        return r;
}

/* The root itself is no item of a copy. */
static int copy_root(struct tree *from, struct tree *to)
{
        struct tree_attr attr;
        int r = tree_getattr(from, TREE_ROOT, &attr);

        return r < 0 ? r
                     : tree_setattr(to, TREE_ROOT, &attr,
                                    TREE_SET_MODE | TREE_SET_UID | TREE_SET_GID | TREE_SET_MTIME,
                                    &attr);
}

/* Makes one layer of what the tree holds. */
static int flatten(struct cache_mount *cache, struct layers *ret, struct error *err)
{
        static const char *const everything[] = { "/" };
        static const struct copy_manner as_it_is;
        struct copy_source source = { .root_fd = -1, .tree = cache->tree };
        struct copy_rules rules = { .source = &source,
                                    .sources = everything,
                                    .source_count = 1,
                                    .is_literal = true,
                                    .destination = "/" };
        struct copy_items items = { .items = NULL };
        struct tree *tree = NULL;
        size_t count;
        int r = layers_open(cache->store, &no_layers, &tree, err);

        if (r == 0)
                r = copy_find(&rules, &items, err);
        if (r == 0)
                r = copy_items_apply(&source, &items, &as_it_is, tree, NULL, err);
        if (r == 0 && copy_root(cache->tree, tree) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = seal_changes(cache, tree, ret, &count, err);
        copy_items_done(&items);
        tree_free(tree);
        return r;
}

static bool same_layers(const struct layers *a, const struct layers *b)
{
        if (a->count != b->count)
                return false;
        for (size_t i = 0; i < a->count; i++)
                if (memcmp(&a->items[i].diff_id, &b->items[i].diff_id, sizeof(struct digest)) != 0)
                        return false;
        return true;
}

/* Puts `added` on top of what the cache is by now, or `whole` in its place where nobody has changed
 * it meanwhile. */
static int put_on_top(struct cache_mount *cache, const struct layers *added,
                      const struct layers *whole, struct error *err)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct layers now = no_layers, result = no_layers;
        bool alone;
        int r = store_lock_take(cache->store, &lock, err);

        if (r < 0)
                return r;
        r = read_record(cache, &now, err);
        alone = now.count == 0 || same_layers(&now, &cache->layers);
        if (r == 0 && layers_copy(alone ? &cache->layers : &now, &result) < 0)
                r = error_set_oom(err);
        for (size_t i = 0; r == 0 && i < added->count; i++) {
                struct layer layer = { .diff_id = added->items[i].diff_id,
                                       .blob = DESCRIPTOR_INIT };

                if (layers_add(&result, &layer) < 0)
                        r = error_set_oom(err);
        }
        if (r == 0 && (result.count <= TREE_LAYERS_MAX || (alone && whole->count > 0)))
                r = write_record(cache, alone && whole->count > 0 ? whole : &result, err);
        store_lock_release(cache->store, &lock);
        layers_done(&result);
        layers_done(&now);
        return r;
}

int cache_mount_commit(struct cache_mount *cache, struct error *err)
{
        struct layers added = no_layers, whole = no_layers;
        size_t count;
        int r = seal_changes(cache, cache->tree, &added, &count, err);

        if (r == 0 && count > 0 && cache->layers.count + 1 >= LAYERS_MAX)
                r = flatten(cache, &whole, err);
        if (r == 0 && count > 0)
                r = put_on_top(cache, &added, &whole, err);
        layers_done(&added);
        layers_done(&whole);
        return r;
}
