#include "build/layers.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "build/transfer.h"
#include "fs/index.h"
#include "layers_blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a step writes stays in memory up to this. */
#define SPOOL_MEMORY_BYTES ((uint64_t)64 << 20)

void layers_done(struct layers *layers)
{
        for (size_t i = 0; i < layers->count; i++)
                descriptor_done(&layers->items[i].blob);
        free(layers->items);
        *layers = (struct layers){ .items = NULL };
}

int layers_add(struct layers *layers, struct layer *layer)
{
        struct layer *items =
                reallocarray(layers->items, layers->count + 1, sizeof(*layers->items));

        if (!items) {
                descriptor_done(&layer->blob);
                return -ENOMEM;
        }
        layers->items = items;
        layers->items[layers->count++] = *layer;
        return 0;
}

int layers_copy(const struct layers *from, struct layers *ret)
{
        struct layers copy = { .items = NULL };

        for (size_t i = 0; i < from->count; i++) {
                struct layer layer = { .diff_id = from->items[i].diff_id,
                                       .content = from->items[i].content,
                                       .has_content = from->items[i].has_content };

                if (descriptor_copy(&from->items[i].blob, &layer.blob) < 0 ||
                    layers_add(&copy, &layer) < 0) {
                        layers_done(&copy);
                        return -ENOMEM;
                }
        }
        *ret = copy;
        return 0;
}

/* An image may have a layer twice, but what it says of it must be the same. */
static int check_layer_again(const struct layers *layers, const struct descriptor *blob,
                             const struct digest *diff_id, struct error *err)
{
        char text[DIGEST_TEXT_MAX];

        for (size_t i = 0; i < layers->count; i++)
                if (digest_equal(&layers->items[i].blob.digest, &blob->digest) &&
                    !digest_equal(&layers->items[i].diff_id, diff_id)) {
                        digest_format(&blob->digest, text);
                        return error_set(err, -EBADMSG, "the image gives its layer %s two diffIDs",
                                         text);
                }
        return 0;
}

int layers_of_image(const struct manifest *manifest, const struct image_config *config,
                    struct layers *ret, struct error *err)
{
        struct layers layers = { .items = NULL };

        if (manifest->layers.count != config->diff_id_count)
                return error_set(err, -EBADMSG,
                                 "the image's manifest has %zu layers and its config %zu",
                                 manifest->layers.count, config->diff_id_count);
        for (size_t i = 0; i < config->diff_id_count; i++) {
                const struct descriptor *blob = &manifest->layers.items[i];
                struct layer layer = { .diff_id = config->diff_ids[i] };
                int r = check_layer_again(&layers, blob, &layer.diff_id, err);

                if (r == 0 &&
                    (descriptor_copy(blob, &layer.blob) < 0 || layers_add(&layers, &layer) < 0))
                        r = error_set_oom(err);
                if (r < 0) {
                        layers_done(&layers);
                        return r;
                }
        }
        *ret = layers;
        return 0;
}

/* ---- taking in ---- */

/*
 * Passes a blob on and writes it to a file on the way, if it is compressed in a way that images
 * may have. A plain tar is its own blob; and of xz or bzip2 one is made that is plain.
 */
struct tee {
        const struct byte_source *from;
        int fd;
        bool begun;
        bool keeps;
};

static ssize_t tee_read(void *context, void *data, size_t len, struct error *err)
{
        struct tee *tee = context;
        ssize_t n = tee->from->read(tee->from->context, data, len, err);
        enum codec codec;
        int r = 0;

        if (n > 0 && !tee->begun) {
                codec = decompress_sniff(data, (size_t)n);
                tee->begun = true;
                tee->keeps = codec == CODEC_GZIP || codec == CODEC_ZSTD;
        }
        if (n > 0 && tee->keeps)
                r = io_write(tee->fd, data, (size_t)n);
        return r < 0 ? error_set_errno(err, r, "cannot write a layer to the store") : n;
}

/* The files that a layer consists of, while they are written. */
struct layer_files {
        struct store *store;
        struct store_file tar;
        struct store_file index;
        struct store_file blob;
        struct index_builder *builder;
};

static void layer_files_done(struct layer_files *files)
{
        store_file_discard(files->store, &files->tar);
        store_file_discard(files->store, &files->index);
        store_file_discard(files->store, &files->blob);
        index_builder_free(files->builder);
}

static int layer_files_new(struct store *store, bool blob, struct layer_files *ret,
                           struct error *err)
{
        int r;

        *ret = (struct layer_files){ .store = store, .tar.fd = -1, .index.fd = -1, .blob.fd = -1 };
        r = index_builder_new(&ret->builder, err);
        if (r == 0)
                r = store_file_new(store, &ret->tar, err);
        if (r == 0)
                r = store_file_new(store, &ret->index, err);
        if (r == 0 && blob)
                r = store_file_new(store, &ret->blob, err);
        return r;
}

/* What stands in a place already is left alone, unless it is not known to be what it should be. */
static int remove_unknown(struct store *store, unsigned unknown, const struct digest *diff_id,
                          const struct digest *blob, struct error *err)
{
        int r = 0;

        if (unknown & 1u << STORE_TAR)
                r = store_remove(store, STORE_TAR, diff_id, err);
        if (r == 0 && unknown & 1u << STORE_INDEX)
                r = store_remove(store, STORE_INDEX, diff_id, err);
        if (r == 0 && unknown & 1u << STORE_BLOB)
                r = store_remove(store, STORE_BLOB, blob, err);
        return r;
}

/* Puts the files in their places: the tar last, for it says that the layer is there. */
static int layer_files_publish(struct layer_files *files, const struct digest *diff_id,
                               uint64_t tar_size, const struct digest *blob, struct error *err)
{
        unsigned unknown = store_stamp_check(files->store, diff_id, blob);
        bool knows_blob = true;
        int r;

        if (files->blob.fd < 0) {
                knows_blob = !(unknown & 1u << STORE_BLOB);
                unknown &= ~(1u << STORE_BLOB);
        }
        r = index_builder_finish(files->builder, diff_id->bytes, tar_size, files->index.fd, err);
        if (r == 0)
                r = remove_unknown(files->store, unknown, diff_id, blob, err);
        if (r == 0 && files->blob.fd >= 0)
                r = store_file_publish(files->store, &files->blob, STORE_BLOB, blob, err);
        if (r == 0)
                r = store_file_publish(files->store, &files->index, STORE_INDEX, diff_id, err);
        if (r == 0)
                r = store_file_publish(files->store, &files->tar, STORE_TAR, diff_id, err);
        if (r == 0)
                store_stamp_put(files->store, diff_id, knows_blob ? blob : NULL);
        return r;
}

int layers_take_in(struct store *store, const struct byte_source *blob,
                   const struct layer_unpack_options *expected, bool keep_blob,
                   struct layer_unpacked *ret, struct error *err)
{
        _cleanup_(layer_files_done) struct layer_files files = { .store = store, .tar.fd = -1 };
        struct layer_unpack_options options = *expected;
        struct byte_source source = *blob;
        struct entry_sink sink;
        struct tee tee = { .fd = -1 };
        int r;

        r = layer_files_new(store, keep_blob, &files, err);
        if (r < 0)
                return r;
        if (keep_blob) {
                tee = (struct tee){ .from = blob, .fd = files.blob.fd };
                source = (struct byte_source){ .read = tee_read, .context = &tee };
        }
        options.tar_fd = files.tar.fd;
        options.limits = LAYER_LIMITS;
        sink = index_builder_sink(files.builder);
        r = layer_unpack(&source, &sink, &options, ret, err);
        if (r < 0)
                return r;
        if (keep_blob && !tee.keeps)
                store_file_discard(store, &files.blob);
        r = layer_files_publish(&files, &ret->diff_id, ret->tar_size, &ret->digest, err);
        if (r == 0)
                store_pair_put(store, &ret->digest, &ret->diff_id);
        if (r < 0 || !keep_blob || tee.keeps)
                return r;
        ret->codec = CODEC_NONE;
        ret->digest = ret->diff_id;
        ret->size = ret->tar_size;
        return store_link_blob(store, &ret->diff_id, err);
}

int layers_seal_entries(struct store *store, const struct entry_source *source,
                        const struct compression *compression, struct layer *ret, struct error *err)
{
        _cleanup_(layer_files_done) struct layer_files files = { .store = store, .tar.fd = -1 };
        struct layer_seal_options options = { .blob_fd = -1 };
        struct layer_sealed sealed;
        struct entry_sink sink;
        int r;

        r = layer_files_new(store, compression, &files, err);
        if (r < 0)
                return r;
        if (compression)
                options.compression = *compression;
        options.tar_fd = files.tar.fd;
        options.blob_fd = files.blob.fd;
        sink = index_builder_sink(files.builder);
        r = layer_seal(source, &sink, &options, &sealed, err);
        if (r < 0 || sealed.entry_count == 0)
                return r;
        r = layer_files_publish(&files, &sealed.diff_id, sealed.tar_size, &sealed.digest, err);
        if (r < 0)
                return r;
        *ret = (struct layer){ .diff_id = sealed.diff_id, .blob = DESCRIPTOR_INIT };
        if (!compression)
                return 1;
        store_pair_put(store, &sealed.digest, &sealed.diff_id);
        ret->blob.digest = sealed.digest;
        ret->blob.size = sealed.size;
        r = layer_describe_blob(compression, &ret->blob, err);
        return r < 0 ? r : 1;
}

int layers_seal(struct store *store, struct change_list *changes,
                const struct compression *compression, struct layer *ret, struct error *err)
{
        struct entry_source source = change_list_source(changes);
        int r = layers_seal_entries(store, &source, compression, ret, err);

        return r < 0 ? r : 0;
}

/* ---- opening ---- */

/* Makes tar and index of a layer anew from its blob; or from its tar, where garbage collection has
 * left no more. */
static int restore(struct store *store, const struct layer *layer, struct error *err)
{
        struct layer_unpack_options expected = { .digest = &layer->blob.digest,
                                                 .has_size = true,
                                                 .size = layer->blob.size,
                                                 .diff_id = &layer->diff_id };
        const struct layer_unpack_options plain = { .diff_id = &layer->diff_id };
        bool from_tar = !store_has(store, STORE_BLOB, &layer->blob.digest) &&
                        store_has(store, STORE_TAR, &layer->diff_id);
        _cleanup_close_ int fd = -1;
        struct fd_stream stream = { .name = "a layer of the store" };
        struct layer_unpacked unpacked;
        struct byte_source source;
        int r;

        r = store_open_file(store, from_tar ? STORE_TAR : STORE_BLOB,
                            from_tar ? &layer->diff_id : &layer->blob.digest, &fd, NULL, err);
        if (r < 0)
                return r;
        stream.fd = fd;
        source = byte_source_of_fd(&stream);
        r = store_remove(store, STORE_INDEX, &layer->diff_id, err);
        if (r == 0)
                r = store_remove(store, STORE_TAR, &layer->diff_id, err);
        return r < 0 ? r
                     : layers_take_in(store, &source, from_tar ? &plain : &expected, false,
                                      &unpacked, err);
}

/* Whether the index is of this layer, and the tar as long as it says. */
static int check_parts(const struct layer *layer, int fd, const struct index *index,
                       struct error *err)
{
        struct stat st;

        if (memcmp(index_diff_id(index), layer->diff_id.bytes, INDEX_DIFF_ID_BYTES) != 0)
                return error_set(err, -EBADMSG, "a layer of the store has another's index");
        if (fstat(fd, &st) < 0)
                return error_set_errno(err, -errno, "cannot look at a layer");
        if ((uint64_t)st.st_size != index_tar_size(index))
                return error_set(err, -EBADMSG, "a layer of the store was cut");
        return 0;
}

static int try_open(struct store *store, const struct layer *layer, struct tree_layer *ret,
                    struct error *err)
{
        _cleanup_close_ int tar_fd = -1, index_fd = -1;
        char name[DIGEST_TEXT_MAX];
        struct index *index;
        int r;

        digest_format(&layer->diff_id, name);
        r = store_open_file(store, STORE_TAR, &layer->diff_id, &tar_fd, NULL, err);
        if (r == 0)
                r = store_open_file(store, STORE_INDEX, &layer->diff_id, &index_fd, NULL, err);
        if (r == 0)
                r = index_open(index_fd, name, &index, err);
        if (r < 0)
                return r;
        r = check_parts(layer, tar_fd, index, err);
        if (r < 0) {
                index_free(index);
                return r;
        }
        *ret = (struct tree_layer){ .index = index, .tar_fd = TAKE_FD(tar_fd) };
        return 0;
}

/* Whether a layer that cannot be opened for this can be made again. */
static bool is_mendable(int r)
{
        return r == -ENOENT || r == -EBADMSG || r == -ESTALE;
}

/* One process after the other, so that none removes what another has just made. */
static int restore_and_open(struct store *store, const struct layer *layer, struct tree_layer *ret,
                            struct error *err)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct error ignored = ERROR_INIT;
        int r = store_lock_take(store, &lock, err);

        if (r < 0)
                return r;
        r = try_open(store, layer, ret, &ignored);
        if (is_mendable(r)) {
                r = restore(store, layer, err);
                if (r == 0)
                        r = try_open(store, layer, ret, err);
        } else if (r < 0) {
                *err = ignored;
        }
        store_lock_release(store, &lock);
        return r;
}

static int open_layer(struct store *store, const struct layer *layer, struct tree_layer *ret,
                      struct error *err)
{
        struct error first = ERROR_INIT;
        int r;

        r = store_pin(store, &layer->diff_id, err);
        if (r < 0)
                return r;
        r = try_open(store, layer, ret, &first);
        if (is_mendable(r))
                return restore_and_open(store, layer, ret, err);
        if (r < 0)
                *err = first;
        return r;
}

int layers_open_index(struct store *store, const struct layer *layer, struct index **ret,
                      struct error *err)
{
        struct tree_layer opened;
        int r = open_layer(store, layer, &opened, err);

        if (r < 0)
                return r;
        close(opened.tar_fd);
        *ret = opened.index;
        return 0;
}

/* Where the index is of use, a look at its head tells. */
int layer_know_content(struct store *store, struct layer *layer, struct error *err)
{
        struct error ignored = ERROR_INIT;
        struct tree_layer opened;
        _cleanup_close_ int fd = -1;
        int r;

        r = store_open_file(store, STORE_INDEX, &layer->diff_id, &fd, NULL, &ignored);
        if (r == 0)
                r = index_read_content_id(fd, layer->diff_id.bytes, layer->content.bytes);
        if (r < 0) {
                r = open_layer(store, layer, &opened, err);
                if (r < 0)
                        return r;
                memcpy(layer->content.bytes, index_content_id(opened.index), DIGEST_BYTES);
                index_free(opened.index);
                close(opened.tar_fd);
        }
        layer->has_content = true;
        return 0;
}

int layers_open(struct store *store, const struct layers *layers, struct tree **ret,
                struct error *err)
{
        struct tree_options options = { .spool_memory_max = SPOOL_MEMORY_BYTES };
        struct tree_layer opened[TREE_LAYERS_MAX];
        size_t count = 0;
        int r;

        if (layers->count > TREE_LAYERS_MAX)
                return error_set(err, -E2BIG, "the image has %zu layers, at most %u can be stacked",
                                 layers->count, TREE_LAYERS_MAX);
        r = store_tmp_dir(store, &options.spool_dir_fd, err);
        while (r == 0 && count < layers->count) {
                r = open_layer(store, &layers->items[count], &opened[count], err);
                count += r == 0;
        }
        if (r == 0)
                return tree_new(&options, opened, count, ret, err);
        while (count-- > 0) {
                index_free(opened[count].index);
                close(opened[count].tar_fd);
        }
        return r;
}

int layers_open_image(struct store *store, const struct stored_image *image, struct tree **ret,
                      struct error *err)
{
        struct layers layers = { .items = NULL };
        int r = layers_of_image(&image->parsed, &image->config, &layers, err);

        if (r == 0)
                r = layers_fetch(store, &layers, false, NULL, err);
        if (r == 0)
                r = layers_open(store, &layers, ret, err);
        layers_done(&layers);
        return r;
}
