#include "layer/seal.h"

#include "archive/block.h"
#include "archive/compress.h"
#include "archive/tar_write.h"
#include "base/cleanup.h"
#include "base/stream.h"
#include "oci/media_type.h"
#include "tar_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Blocks in the pipeline besides those that are being compressed: one that is filled, and those
 * that wait for being written or digested. */
#define BLOCKS_BESIDES 4

/*
 * The caller's thread reads the entries and lays the tar down in blocks. Each block goes to threads
 * that write it, digest it and compress it, and comes back when all have done with it.
 */
struct seal {
        const struct entry_source *source;
        const struct entry_sink *sink;
        const struct layer_seal_options *options;
        struct layer_sealed result;
        struct error *err; /* the caller's */

        struct block_pool *pool;
        struct block *block; /* being filled, or NULL */
        struct tar_writer *writer;
        struct byte_sink to_blocks; /* for `writer` */
        struct tar_output *tar;

        struct compressor *compressor; /* NULL where no other blob than the tar is wanted */
        struct digest_hasher *blob_hasher;
        struct fd_stream blob;
        struct byte_sink to_blob; /* for `compressor` */
};

const char *layer_media_type(enum codec codec, bool docker)
{
        switch (codec) {
        case CODEC_NONE:
                return docker ? MEDIA_TYPE_DOCKER_LAYER : MEDIA_TYPE_OCI_LAYER;
        case CODEC_GZIP:
        case CODEC_FAST:
                return docker ? MEDIA_TYPE_DOCKER_LAYER ".gzip" : MEDIA_TYPE_OCI_LAYER "+gzip";
        case CODEC_ZSTD:
                return docker ? NULL : MEDIA_TYPE_OCI_LAYER "+zstd";
        case CODEC_XZ:
        case CODEC_BZIP2:
        default:
                return NULL;
        }
}

static void seal_done(struct seal *seal)
{
        block_unref(seal->block);
        tar_writer_free(seal->writer);
        compressor_free(seal->compressor);
        tar_output_free(seal->tar);
        digest_hasher_free(seal->blob_hasher);
        block_pool_free(seal->pool);
}

/* Called on the compressor's threads, one at a time. */
static int write_blob(void *context, const void *data, size_t len, struct error *err)
{
        struct seal *seal = context;
        struct byte_sink sink = byte_sink_of_fd(&seal->blob);
        int r;

        seal->result.size += len;
        r = digest_hasher_update(seal->blob_hasher, data, len, err);
        return r < 0 ? r : sink.write(sink.context, data, len, err);
}

/* Hands the block on. What failed is told when the pipeline is finished. */
static int push_block(struct seal *seal, struct error *err)
{
        int r;

        r = tar_output_push(seal->tar, seal->block);
        if (r == 0 && seal->compressor)
                r = compressor_push(seal->compressor, seal->block);
        block_unref(TAKE_PTR(seal->block));
        return r < 0 ? error_set_errno(err, r, "cannot seal the layer") : 0;
}

/* Makes room in the current block, or in a new one. */
static int make_room(struct seal *seal, struct error *err)
{
        if (seal->block && seal->block->len == block_pool_block_bytes(seal->pool)) {
                int r = push_block(seal, err);

                if (r < 0)
                        return r;
        }
        if (!seal->block)
                seal->block = block_pool_get(seal->pool);
        return seal->block ? 0 : error_set_oom(err);
}

/* Takes the tar's bytes. Content has already been read to where it belongs. */
static int fill_blocks(void *context, const void *data, size_t len, struct error *err)
{
        struct seal *seal = context;
        const char *at = data;

        seal->result.tar_size += len;
        while (len > 0) {
                uint8_t *end;
                size_t n;
                int r;

                r = make_room(seal, err);
                if (r < 0)
                        return r;
                end = seal->block->data + seal->block->len;
                n = block_pool_block_bytes(seal->pool) - seal->block->len;
                n = n < len ? n : len;
                if (at != (const char *)end)
                        memcpy(end, at, n);
                seal->block->len += n;
                at += n;
                len -= n;
        }
        return 0;
}

static int start_compressor(struct seal *seal)
{
        const struct layer_seal_options *options = seal->options;
        int r;

        if (options->blob_fd < 0 || options->compression.codec == CODEC_NONE)
                return 0;
        seal->blob = (struct fd_stream){ .fd = options->blob_fd, .name = "the layer's blob" };
        seal->to_blob = (struct byte_sink){ write_blob, seal };
        r = digest_hasher_new(&seal->blob_hasher, seal->err);
        if (r < 0)
                return r;
        return compressor_new(&options->compression, options->threads, &seal->to_blob,
                              &seal->compressor, seal->err);
}

/* Starts the pipeline, once it is known that there is something to seal. */
static int start(struct seal *seal)
{
        const struct layer_seal_options *options = seal->options;
        unsigned threads = options->threads ? options->threads : compress_default_threads();
        size_t block_bytes = compression_block_bytes(&options->compression);
        bool is_plain = options->compression.codec == CODEC_NONE;
        int r;

        if (block_bytes == 0)
                return error_set(seal->err, -EINVAL, "nothing is compressed with %s here",
                                 compression_format_name(options->compression.codec));
        r = block_pool_new(threads + BLOCKS_BESIDES, block_bytes, &seal->pool, seal->err);
        if (r < 0)
                return r;
        r = tar_output_new(options->tar_fd, is_plain ? options->blob_fd : -1, &seal->tar,
                           seal->err);
        if (r < 0)
                return r;
        r = start_compressor(seal);
        if (r < 0)
                return r;
        seal->to_blocks = (struct byte_sink){ fill_blocks, seal };
        return tar_writer_new(&seal->to_blocks, &seal->writer, seal->err);
}

/* Reads a run of the current file's content to where it stands in the tar. */
static int seal_run(struct seal *seal, uint64_t offset, uint64_t len)
{
        while (len > 0) {
                uint8_t *end;
                size_t n;
                int r;

                r = make_room(seal, seal->err);
                if (r < 0)
                        return r;
                end = seal->block->data + seal->block->len;
                n = block_pool_block_bytes(seal->pool) - seal->block->len;
                n = n < len ? n : (size_t)len;
                r = seal->source->read(seal->source->context, offset, end, n, seal->err);
                if (r < 0)
                        return r;
                if (seal->sink->content)
                        r = seal->sink->content(seal->sink->context, end, n, seal->err);
                if (r == 0)
                        r = tar_writer_data(seal->writer, end, n, seal->err);
                if (r < 0)
                        return r;
                offset += n;
                len -= n;
        }
        return 0;
}

static int seal_content(struct seal *seal, const struct entry *entry)
{
        if (!entry->extents)
                return seal_run(seal, 0, entry->size);
        for (size_t i = 0; i < entry->extent_count; i++) {
                int r = seal_run(seal, entry->extents[i].offset, entry->extents[i].length);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int seal_entry(struct seal *seal, const struct entry *entry)
{
        uint64_t data_offset;
        int r;

        r = tar_writer_add(seal->writer, entry, &data_offset, seal->err);
        if (r < 0)
                return r;
        r = seal->sink->add(seal->sink->context, entry, data_offset, seal->err);
        if (r < 0)
                return r;
        seal->result.entry_count++;
        return seal_content(seal, entry);
}

/* Seals all entries, the first of which is at hand. */
static int seal_entries(struct seal *seal, struct entry *entry)
{
        int r;

        do {
                r = seal_entry(seal, entry);
                if (r < 0)
                        return r;
                r = seal->source->next(seal->source->context, entry, seal->err);
        } while (r > 0);
        if (r < 0)
                return r;
        r = tar_writer_finish(seal->writer, seal->err);
        if (r < 0)
                return r;
        return seal->block ? push_block(seal, seal->err) : 0;
}

static int finish(struct seal *seal)
{
        int r;

        r = tar_output_finish(seal->tar, &seal->result.diff_id, seal->err);
        if (r < 0)
                return r;
        if (!seal->compressor) {
                seal->result.digest = seal->result.diff_id;
                seal->result.size = seal->result.tar_size;
                return 0;
        }
        r = compressor_finish(seal->compressor, seal->err);
        if (r < 0)
                return r;
        return digest_hasher_finish(seal->blob_hasher, &seal->result.digest, seal->err);
}

int layer_seal(const struct entry_source *source, const struct entry_sink *sink,
               const struct layer_seal_options *options, struct layer_sealed *ret,
               struct error *err)
{
        _cleanup_(seal_done) struct seal seal = {
                .source = source, .sink = sink, .options = options, .err = err
        };
        struct entry entry;
        int r, finished;

        r = source->next(source->context, &entry, err);
        if (r < 0)
                return r;
        if (r > 0) {
                r = start(&seal);
                if (r < 0)
                        return r;
                r = seal_entries(&seal, &entry);
                /* Where a thread failed, it knows better what it was. */
                finished = finish(&seal);
                if (r < 0 || finished < 0)
                        return err->code;
        }
        *ret = seal.result;
        return 0;
}
