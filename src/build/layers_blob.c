#include "layers_blob.h"

#include "base/cleanup.h"
#include "build/layers.h"
#include "layer/compress.h"
#include "oci/media_type.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int layer_describe_blob(const struct compression *compression, struct descriptor *blob,
                        struct error *err)
{
        struct buf record = BUF_INIT;
        int r = 0;

        free(blob->media_type);
        blob->media_type = strdup(layer_media_type(compression->codec, false));
        strmap_remove(&blob->annotations, LAYER_COMPRESSION);
        if (compression->codec != CODEC_NONE) {
                r = compression_record(compression, &record);
                if (r == 0)
                        r = strmap_set(&blob->annotations, LAYER_COMPRESSION, buf_str(&record));
        }
        buf_done(&record);
        return r < 0 || !blob->media_type ? error_set_oom(err) : 0;
}

/* Compresses the tar of a layer. With another version of a library than the blob was once made by,
 * it is another blob. */
static int compress(struct store *store, struct layer *layer, const struct compression *compression,
                    struct error *err)
{
        struct store_file file = STORE_FILE_INIT;
        struct fd_stream stream = { .name = "a layer of the store" };
        _cleanup_close_ int fd = -1;
        struct byte_source source;
        int r = store_open_file(store, STORE_TAR, &layer->diff_id, &fd, NULL, err);

        if (r == 0)
                r = store_file_new(store, &file, err);
        if (r < 0)
                return r;
        stream.fd = fd;
        source = byte_source_of_fd(&stream);
        r = layer_compress(&source, compression, file.fd, &layer->blob.digest, &layer->blob.size,
                           err);
        if (r < 0) {
                store_file_discard(store, &file);
                return r;
        }
        r = store_file_publish(store, &file, STORE_BLOB, &layer->blob.digest, err);
        if (r == 0)
                store_pair_put(store, &layer->blob.digest, &layer->diff_id);
        return r < 0 ? r : layer_describe_blob(compression, &layer->blob, err);
}

/* How a blob was compressed: as its annotation says, else by the default of what it is. */
static int compression_of(const struct descriptor *blob, struct compression *ret, struct error *err)
{
        const char *record = strmap_get(&blob->annotations, LAYER_COMPRESSION);

        if (record && compression_parse_record(record, ret) == 0)
                return 0;
        return compression_parse(strstr(blob->media_type, "zstd") ? "zstd" : "gzip", 0, ret, err);
}

int layers_restore_blob(struct store *store, struct layer *layer, struct error *err)
{
        struct compression compression;
        int r;

        if (store_has(store, STORE_BLOB, &layer->blob.digest))
                return 0;
        if (strcmp(layer->blob.media_type, MEDIA_TYPE_OCI_LAYER) == 0)
                return store_link_blob(store, &layer->diff_id, err);
        r = compression_of(&layer->blob, &compression, err);
        return r < 0 ? r : compress(store, layer, &compression, err);
}

/* Takes the tar itself for the blob. */
static int take_plain(struct store *store, struct layer *layer, struct error *err)
{
        static const struct compression none = { .codec = CODEC_NONE };
        _cleanup_close_ int fd = -1;
        int r = store_open_file(store, STORE_TAR, &layer->diff_id, &fd, &layer->blob.size, err);

        if (r == 0)
                r = store_link_blob(store, &layer->diff_id, err);
        if (r < 0)
                return r;
        layer->blob.digest = layer->diff_id;
        return layer_describe_blob(&none, &layer->blob, err);
}

int layers_recompress(struct store *store, struct layer *layer,
                      const struct compression *compression, struct error *err)
{
        const char *made = strmap_get(&layer->blob.annotations, LAYER_COMPRESSION);
        struct buf wanted = BUF_INIT;
        bool same;

        if (compression->codec == CODEC_NONE)
                return digest_equal(&layer->blob.digest, &layer->diff_id)
                               ? 0
                               : take_plain(store, layer, err);
        if (compression_record(compression, &wanted) < 0) {
                buf_done(&wanted);
                return error_set_oom(err);
        }
        same = made && strcmp(made, buf_str(&wanted)) == 0 &&
               store_has(store, STORE_BLOB, &layer->blob.digest);
        buf_done(&wanted);
        return same ? 0 : compress(store, layer, compression, err);
}
