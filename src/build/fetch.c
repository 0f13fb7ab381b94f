/*
 * A layer on its way into the store.
 *
 * The registry's engine appends what arrives to a file of the store. A second thread follows it
 * there: digest, decompression, tar and index are made while the rest arrives, and neither waits
 * for the other longer than it must. The file is the blob that is kept, and where the transfer
 * breaks off, what the next one goes on with.
 */
#include "fetch.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "oci/media_type.h"
#include "origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4

/* ---- reports ---- */

static void tell(struct reporter *reporter, const struct transfer_event *event)
{
        if (!reporter->watcher || !reporter->watcher->event)
                return;
        pthread_mutex_lock(&reporter->lock);
        reporter->watcher->event(reporter->watcher->context, event);
        pthread_mutex_unlock(&reporter->lock);
}

void reporter_tell(struct reporter *reporter, enum transfer_state state,
                   const struct digest *digest, uint64_t bytes, uint64_t size)
{
        struct transfer_event event = {
                .state = state, .digest = digest, .bytes = bytes, .size = size
        };

        tell(reporter, &event);
}

void reporter_notice(void *context, const char *text)
{
        struct transfer_event event = { .state = TRANSFER_NOTICE, .text = text };

        tell(context, &event);
}

/* ---- side by side ---- */

struct crew {
        struct registry *registry;
        int (*work)(void *context, size_t index, struct error *err);
        void *context;
        size_t count;

        pthread_mutex_t lock;
        /* Guarded by `lock`: */
        size_t next;
        struct error err; /* the first failure's */
};

static void *work_on(void *context)
{
        struct crew *crew = context;

        for (;;) {
                struct error err = ERROR_INIT;
                size_t index = SIZE_MAX;
                int r;

                pthread_mutex_lock(&crew->lock);
                if (crew->next < crew->count && !error_is_set(&crew->err))
                        index = crew->next++;
                pthread_mutex_unlock(&crew->lock);
                if (index == SIZE_MAX)
                        return NULL;
                r = crew->work(crew->context, index, &err);
                pthread_mutex_lock(&crew->lock);
                if (r < 0 && !error_is_set(&crew->err)) {
                        crew->err = err;
                        registry_cancel(crew->registry);
                }
                pthread_mutex_unlock(&crew->lock);
        }
}

int work_side_by_side(struct registry *registry, size_t count,
                      int (*work)(void *context, size_t index, struct error *err), void *context,
                      struct error *err)
{
        struct crew crew = { .registry = registry,
                             .work = work,
                             .context = context,
                             .count = count,
                             .lock = PTHREAD_MUTEX_INITIALIZER };
        pthread_t threads[THREADS];
        size_t started = 0;

        while (started < THREADS && started < count &&
               pthread_create(&threads[started], NULL, work_on, &crew) == 0)
                started++;
        if (started == 0)
                work_on(&crew);
        while (started-- > 0)
                pthread_join(threads[started], NULL);
        if (error_is_set(&crew.err))
                *err = crew.err;
        return crew.err.code;
}

/* ---- one layer ---- */

struct fetch {
        struct store *store;
        struct registry *registry;
        const struct layers *layers;
        const struct reference *source; /* NULL: to be found out */
        bool need_blobs;
        struct reporter *reporter;
};

/* A file that grows while it is read. */
struct follower {
        struct fetch *fetch;
        const struct layer *layer;
        int fd;
        uint64_t position; /* of the thread that reads */
        struct layer_unpacked unpacked;
        struct error err; /* of the thread that reads, when it has ended */

        pthread_mutex_t lock;
        pthread_cond_t changed;
        /* Guarded by `lock`: */
        uint64_t available;
        bool broken; /* no more will come */
        bool failed; /* nobody reads any more */
};

static ssize_t follow(void *context, void *data, size_t len, struct error *err)
{
        struct follower *follower = context;
        uint64_t size = follower->layer->blob.size, available;
        ssize_t n;
        bool broken;

        pthread_mutex_lock(&follower->lock);
        while (follower->available <= follower->position && follower->available < size &&
               !follower->broken)
                pthread_cond_wait(&follower->changed, &follower->lock);
        available = follower->available;
        broken = follower->broken;
        pthread_mutex_unlock(&follower->lock);
        if (broken && available <= follower->position)
                return error_set(err, -EPIPE, "the transfer has broken off");
        if (available - follower->position < len)
                len = (size_t)(available - follower->position);
        if (len == 0)
                return 0;
        n = io_pread(follower->fd, data, len, (off_t)follower->position);
        if (n <= 0)
                return error_set_errno(err, n < 0 ? (int)n : -EIO, "cannot read from the store");
        follower->position += (uint64_t)n;
        return n;
}

static void *unpack(void *context)
{
        struct follower *follower = context;
        const struct layer *layer = follower->layer;
        struct layer_unpack_options expected = { .digest = &layer->blob.digest,
                                                 .has_size = true,
                                                 .size = layer->blob.size,
                                                 .diff_id = &layer->diff_id };
        struct byte_source source = { .read = follow, .context = follower };
        int r = layers_take_in(follower->fetch->store, &source, &expected, false,
                               &follower->unpacked, &follower->err);

        pthread_mutex_lock(&follower->lock);
        follower->failed = r < 0;
        pthread_mutex_unlock(&follower->lock);
        return NULL;
}

/* Is told, on the engine's thread, that there is more. */
static int moved(void *context, uint64_t bytes, struct error *err)
{
        struct follower *follower = context;
        bool failed;

        pthread_mutex_lock(&follower->lock);
        follower->available = bytes;
        failed = follower->failed;
        pthread_cond_signal(&follower->changed);
        pthread_mutex_unlock(&follower->lock);
        reporter_tell(follower->fetch->reporter, TRANSFER_MOVES, &follower->layer->blob.digest,
                      bytes, follower->layer->blob.size);
        return failed ? error_set(err, -ECANCELED, "the layer is refused") : 0;
}

/* The repositories to ask: the image's own, or those that are known to have the blob. */
static int list_sources(const struct fetch *fetch, const struct layer *layer, struct strv *ret,
                        struct error *err)
{
        char digest[DIGEST_TEXT_MAX];
        int r;

        if (fetch->source)
                return strv_take(ret, reference_format_repository(fetch->source)) < 0
                               ? error_set_oom(err)
                               : 0;
        r = origin_find(fetch->store, &layer->blob.digest, ret, err);
        if (r < 0 || ret->count > 0)
                return r;
        digest_format(&layer->blob.digest, digest);
        error_set(err, -ENOENT, "the store lacks the layer %s", digest);
        return error_hint(err, "Pull the image that it belongs to again.");
}

static int get_blob(struct follower *follower, struct error *err)
{
        struct registry_progress progress = { .moved = moved, .context = follower };
        const struct fetch *fetch = follower->fetch;
        struct strv sources = STRV_INIT;
        int r = list_sources(fetch, follower->layer, &sources, err);

        for (size_t i = 0; i < sources.count; i++) {
                struct reference repository = REFERENCE_INIT;

                *err = ERROR_INIT;
                r = reference_parse(sources.items[i], &repository, err);
                if (r == 0)
                        r = registry_get_blob(fetch->registry, &repository, &follower->layer->blob,
                                              follower->fd, follower->available, &progress, err);
                reference_done(&repository);
                if (r == 0 || r == -ECANCELED)
                        break;
        }
        strv_done(&sources);
        return r;
}

/* Gets the blob into its file, from `have` on, and its tar and index beside it. */
static int get_and_unpack(struct fetch *fetch, const struct layer *layer, int fd, uint64_t have,
                          struct layer_unpacked *ret, struct error *err)
{
        struct follower follower = { .fetch = fetch,
                                     .layer = layer,
                                     .fd = fd,
                                     .available = have,
                                     .err = ERROR_INIT,
                                     .lock = PTHREAD_MUTEX_INITIALIZER,
                                     .changed = PTHREAD_COND_INITIALIZER };
        pthread_t thread;
        int r = -pthread_create(&thread, NULL, unpack, &follower);

        if (r < 0)
                return error_set_errno(err, r, "cannot start a thread");
        r = get_blob(&follower, err);
        pthread_mutex_lock(&follower.lock);
        follower.broken = r < 0;
        pthread_cond_signal(&follower.changed);
        pthread_mutex_unlock(&follower.lock);
        pthread_join(thread, NULL);
        /* Where both have failed, it is the one that did not merely notice. */
        if (error_is_set(&follower.err) && (r == 0 || follower.err.code != -EPIPE)) {
                *err = follower.err;
                return err->code;
        }
        *ret = follower.unpacked;
        return r;
}

/* A plain layer's blob is its tar, which the store has by now. */
static int publish(struct fetch *fetch, const struct layer *layer, struct store_file *file,
                   const struct layer_unpacked *unpacked, struct error *err)
{
        if (unpacked->codec != CODEC_NONE)
                return store_file_publish(fetch->store, file, STORE_BLOB, &layer->blob.digest, err);
        store_file_discard(fetch->store, file);
        return store_link_blob(fetch->store, &layer->diff_id, err);
}

static int fetch_once(struct fetch *fetch, const struct layer *layer, bool *ret_resumed,
                      struct error *err)
{
        struct store_file file = STORE_FILE_INIT;
        struct layer_unpacked unpacked;
        uint64_t have = 0;
        int r = store_partial_open(fetch->store, &layer->blob.digest, &file, &have, err);

        if (r < 0)
                return r;
        if (have > layer->blob.size) {
                have = 0;
                if (ftruncate(file.fd, 0) < 0)
                        r = error_set_errno(err, -errno, "cannot write to the store");
        }
        *ret_resumed = have > 0;
        reporter_tell(fetch->reporter, TRANSFER_BEGINS, &layer->blob.digest, have,
                      layer->blob.size);
        if (r == 0)
                r = get_and_unpack(fetch, layer, file.fd, have, &unpacked, err);
        if (r == 0)
                r = publish(fetch, layer, &file, &unpacked, err);
        if (r == -EIO || r == -ECANCELED || r == -EACCES || r == -EKEYREJECTED)
                store_partial_keep(fetch->store, &file);
        store_file_discard(fetch->store, &file);
        return r;
}

/* Whether the layer came from a registry; others were made here. */
static bool has_origin(struct store *store, const struct layer *layer)
{
        struct error ignored = ERROR_INIT;
        struct strv origins = STRV_INIT;
        bool has = origin_find(store, &layer->blob.digest, &origins, &ignored) == 0 &&
                   origins.count > 0;

        strv_done(&origins);
        return has;
}

bool layer_is_stored(struct store *store, const struct layer *layer, bool need_blob)
{
        struct error ignored = ERROR_INIT;
        bool unpacked, blob;
        int r;

        if (store_pin(store, &layer->blob.digest, &ignored) < 0 ||
            store_pin(store, &layer->diff_id, &ignored) < 0)
                return false;
        unpacked = store_has(store, STORE_INDEX, &layer->diff_id) &&
                   store_has(store, STORE_TAR, &layer->diff_id);
        blob = store_has(store, STORE_BLOB, &layer->blob.digest);
        /* Either can be made of the other, where the layer is only to be read: of the blob the tar
         * of this diffID alone, but a tar that is there may be another image's. */
        if (!unpacked)
                return blob && !need_blob;
        if (!blob && need_blob)
                return false;
        r = layer_check_pair(store, layer, &ignored);
        return r > 0 || (r == 0 && !need_blob && !has_origin(store, layer));
}

static int fetch_layer(void *context, size_t index, struct error *err)
{
        struct fetch *fetch = context;
        const struct layer *layer = &fetch->layers->items[index];
        char digest[DIGEST_TEXT_MAX];
        bool resumed = false;
        int r;

        for (size_t i = 0; i < index; i++)
                if (digest_equal(&fetch->layers->items[i].blob.digest, &layer->blob.digest))
                        return 0; /* an image may have a layer twice */
        if (layer_is_stored(fetch->store, layer, fetch->need_blobs)) {
                reporter_tell(fetch->reporter, TRANSFER_THERE, &layer->blob.digest,
                              layer->blob.size, layer->blob.size);
                return 0;
        }
        r = fetch_once(fetch, layer, &resumed, err);
        /* It may be what was there before that is wrong. */
        if (r == -EBADMSG && resumed) {
                *err = ERROR_INIT;
                r = fetch_once(fetch, layer, &resumed, err);
        }
        digest_format(&layer->blob.digest, digest);
        if (r < 0)
                return error_wrap(err, "the layer %s", digest);
        reporter_tell(fetch->reporter, TRANSFER_DONE, &layer->blob.digest, layer->blob.size,
                      layer->blob.size);
        return 0;
}

int fetch_layers(struct store *store, struct registry *registry, const struct layers *layers,
                 bool need_blobs, const struct reference *source, struct reporter *reporter,
                 struct error *err)
{
        struct fetch fetch = { .store = store,
                               .registry = registry,
                               .layers = layers,
                               .source = source,
                               .need_blobs = need_blobs,
                               .reporter = reporter };
        int fd, r = store_tmp_dir(store, &fd, err);

        return r < 0 ? r : work_side_by_side(registry, layers->count, fetch_layer, &fetch, err);
}

int layers_fetch(struct store *store, const struct layers *layers, bool need_blobs,
                 const struct transfer_watcher *watcher, struct error *err)
{
        struct reporter reporter = REPORTER_INIT(watcher);
        struct registry_options options = { .notice = reporter_notice,
                                            .notice_context = &reporter };
        struct registry *registry = NULL;
        bool missing = false;
        int r;

        for (size_t i = 0; i < layers->count && !missing; i++)
                missing = !layer_is_stored(store, &layers->items[i], need_blobs);
        if (!missing)
                return 0;
        r = registry_new(&options, &registry, err);
        if (r == 0)
                r = fetch_layers(store, registry, layers, need_blobs, NULL, &reporter, err);
        registry_free(registry);
        return r;
}
