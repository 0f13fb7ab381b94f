#include "layer/compress.h"

#include "archive/block.h"
#include "archive/compress.h"
#include "base/cleanup.h"

#include <errno.h>

/* Blocks besides those that are being compressed: the one that is filled, and one that waits. */
#define BLOCKS_BESIDES 2

struct job {
        struct block_pool *pool;
        struct compressor *compressor;
        struct digest_hasher *hasher;
        struct fd_stream blob;
        uint64_t size;
};

static void job_done(struct job *job)
{
        compressor_free(job->compressor);
        digest_hasher_free(job->hasher);
        block_pool_free(job->pool);
}

/* Called on the compressor's threads, one at a time. */
static int write_blob(void *context, const void *data, size_t len, struct error *err)
{
        struct job *job = context;
        struct byte_sink sink = byte_sink_of_fd(&job->blob);
        int r = digest_hasher_update(job->hasher, data, len, err);

        job->size += len;
        return r < 0 ? r : sink.write(sink.context, data, len, err);
}

/* Fills blocks until the tar ends; every one but the last is full. */
static int push_all(struct job *job, const struct byte_source *tar, struct error *err)
{
        size_t block_bytes = block_pool_block_bytes(job->pool);
        ssize_t n = 1;
        int r = 0;

        while (r == 0 && n > 0) {
                struct block *block = block_pool_get(job->pool);

                if (!block)
                        return error_set_oom(err);
                while (block->len < block_bytes && n > 0) {
                        n = tar->read(tar->context, block->data + block->len,
                                      block_bytes - block->len, err);
                        if (n > 0)
                                block->len += (size_t)n;
                }
                if (n < 0)
                        r = (int)n;
                else if (block->len > 0 && compressor_push(job->compressor, block) < 0)
                        n = 0; /* compressor_finish() tells why */
                block_unref(block);
        }
        return r;
}

int layer_compress(const struct byte_source *tar, const struct compression *compression,
                   int blob_fd, struct digest *ret_digest, uint64_t *ret_size, struct error *err)
{
        _cleanup_(job_done) struct job job = { .blob = { blob_fd, "the layer's blob" } };
        struct byte_sink to_blob = { .write = write_blob, .context = &job };
        unsigned threads = compress_default_threads();
        int r;

        r = block_pool_new(threads + BLOCKS_BESIDES, compression_block_bytes(compression),
                           &job.pool, err);
        if (r == 0)
                r = digest_hasher_new(&job.hasher, err);
        if (r == 0)
                r = compressor_new(compression, threads, &to_blob, &job.compressor, err);
        if (r == 0)
                r = push_all(&job, tar, err);
        if (r == 0)
                r = compressor_finish(job.compressor, err);
        if (r == 0)
                r = digest_hasher_finish(job.hasher, ret_digest, err);
        if (r == 0)
                *ret_size = job.size;
        return r;
}
