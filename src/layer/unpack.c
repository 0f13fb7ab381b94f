#include "layer/unpack.h"

#include "archive/block.h"
#include "archive/tar_read.h"
#include "base/cleanup.h"
#include "tar_output.h"

#include <errno.h>
#include <inttypes.h>

#define BLOCK_BYTES (512 * 1024)

/* One is filled; the others are being written and digested. */
#define BLOCKS 6

/*
 * The caller's thread reads the blob, digests it, decompresses it into blocks and looks at the tar
 * in them. Each block goes to threads that write it and digest it.
 */
struct unpack {
        const struct byte_source *blob;
        const struct entry_sink *sink;
        const struct layer_unpack_options *options;
        struct layer_unpacked result;

        struct digest_hasher *blob_hasher;
        struct byte_source counted; /* `blob`, digested, for `decompressor` */
        struct decompressor *decompressor;
        struct block_pool *pool;
        struct tar_output *tar;
        struct entry_sink counting; /* `sink`, for `reader` */
        struct byte_sink content;   /* likewise */
        struct tar_reader *reader;
};

static void unpack_done(struct unpack *unpack)
{
        tar_reader_free(unpack->reader);
        tar_output_free(unpack->tar);
        decompressor_free(unpack->decompressor);
        digest_hasher_free(unpack->blob_hasher);
        block_pool_free(unpack->pool);
}

static ssize_t read_blob(void *context, void *data, size_t len, struct error *err)
{
        struct unpack *unpack = context;
        ssize_t n = unpack->blob->read(unpack->blob->context, data, len, err);
        int r;

        if (n < 0)
                return n;
        unpack->result.size += (uint64_t)n;
        if (unpack->options->has_size && unpack->result.size > unpack->options->size)
                return error_set(err, -EBADMSG,
                                 "the layer has more than the %" PRIu64
                                 " bytes that it should have",
                                 unpack->options->size);
        r = digest_hasher_update(unpack->blob_hasher, data, (size_t)n, err);
        return r < 0 ? r : n;
}

static int add_entry(void *context, const struct entry *entry, uint64_t data_offset,
                     struct error *err)
{
        struct unpack *unpack = context;

        unpack->result.entry_count++;
        return unpack->sink->add(unpack->sink->context, entry, data_offset, err);
}

static int start(struct unpack *unpack, struct error *err)
{
        int r;

        unpack->counted = (struct byte_source){ read_blob, unpack };
        unpack->counting = (struct entry_sink){ .add = add_entry, .context = unpack };
        unpack->content = (struct byte_sink){ unpack->sink->content, unpack->sink->context };
        r = digest_hasher_new(&unpack->blob_hasher, err);
        if (r < 0)
                return r;
        r = block_pool_new(BLOCKS, BLOCK_BYTES, &unpack->pool, err);
        if (r < 0)
                return r;
        r = tar_output_new(unpack->options->tar_fd, -1, &unpack->tar, err);
        if (r < 0)
                return r;
        r = tar_reader_new(&unpack->counting, unpack->content.write ? &unpack->content : NULL,
                           &unpack->reader, err);
        if (r < 0)
                return r;
        r = decompressor_new(&unpack->counted, &unpack->options->limits, &unpack->decompressor,
                             err);
        if (r < 0)
                return r;
        unpack->result.codec = decompressor_codec(unpack->decompressor);
        return 0;
}

/* Fills a block and hands it on. Returns 1, or 0 at the end. */
static int unpack_block(struct unpack *unpack, struct block *block, struct error *err)
{
        ssize_t n;
        int r;

        n = decompressor_read(unpack->decompressor, block->data, BLOCK_BYTES, err);
        if (n < 0)
                return (int)n;
        block->len = (size_t)n;
        unpack->result.tar_size += (uint64_t)n;
        r = tar_output_push(unpack->tar, block);
        if (r < 0)
                return error_set_errno(err, r, "cannot unpack the layer");
        r = tar_reader_feed(unpack->reader, block->data, block->len, err);
        return r < 0 ? r : n == BLOCK_BYTES;
}

static int unpack_blocks(struct unpack *unpack, struct error *err)
{
        int r;

        do {
                struct block *block = block_pool_get(unpack->pool);

                if (!block)
                        return error_set_oom(err);
                r = unpack_block(unpack, block, err);
                block_unref(block);
        } while (r > 0);
        return r < 0 ? r : tar_reader_finish(unpack->reader, &unpack->result.complete, err);
}

static int check_digest(const char *what, const struct digest *expected,
                        const struct digest *actual, struct error *err)
{
        char expected_text[DIGEST_TEXT_MAX], actual_text[DIGEST_TEXT_MAX];

        if (!expected || digest_equal(expected, actual))
                return 0;
        digest_format(expected, expected_text);
        digest_format(actual, actual_text);
        return error_set(err, -EBADMSG, "the %s of the layer is %s, and should be %s", what,
                         actual_text, expected_text);
}

static int check_result(const struct unpack *unpack, struct error *err)
{
        const struct layer_unpack_options *options = unpack->options;
        int r;

        if (options->has_size && unpack->result.size != options->size)
                return error_set(err, -EBADMSG,
                                 "the layer has %" PRIu64 " bytes, and should have %" PRIu64,
                                 unpack->result.size, options->size);
        r = check_digest("digest", options->digest, &unpack->result.digest, err);
        if (r < 0)
                return r;
        return check_digest("diffID", options->diff_id, &unpack->result.diff_id, err);
}

int layer_unpack(const struct byte_source *blob, const struct entry_sink *sink,
                 const struct layer_unpack_options *options, struct layer_unpacked *ret,
                 struct error *err)
{
        _cleanup_(unpack_done) struct unpack unpack = { .blob = blob,
                                                        .sink = sink,
                                                        .options = options };
        int r, finished;

        r = start(&unpack, err);
        if (r < 0)
                return r;
        r = unpack_blocks(&unpack, err);
        /* Where a thread failed, it knows better what it was. */
        finished = tar_output_finish(unpack.tar, &unpack.result.diff_id, err);
        if (r < 0 || finished < 0)
                return err->code;
        r = digest_hasher_finish(unpack.blob_hasher, &unpack.result.digest, err);
        if (r < 0)
                return r;
        r = check_result(&unpack, err);
        if (r < 0)
                return r;
        *ret = unpack.result;
        return 0;
}
