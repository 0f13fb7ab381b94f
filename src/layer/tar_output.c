#include "tar_output.h"

#include "base/cleanup.h"
#include "base/stream.h"

#include <stdlib.h>

struct tar_output {
        struct fd_stream tar;  /* fd -1 where there is none */
        struct fd_stream copy; /* likewise */
        struct digest_hasher *hasher;
        struct block_stage *write;
        struct block_stage *digest;
};

DEFINE_CLEANUP(tar_output, struct tar_output, tar_output_free)

static int write_to(struct fd_stream *stream, const struct block *block, struct error *err)
{
        struct byte_sink sink = byte_sink_of_fd(stream);

        if (stream->fd < 0)
                return 0;
        return sink.write(sink.context, block->data, block->len, err);
}

static int write_block(void *context, const struct block *block, struct error *err)
{
        struct tar_output *output = context;
        int r;

        r = write_to(&output->tar, block, err);
        return r < 0 ? r : write_to(&output->copy, block, err);
}

static int digest_block(void *context, const struct block *block, struct error *err)
{
        struct tar_output *output = context;

        return digest_hasher_update(output->hasher, block->data, block->len, err);
}

int tar_output_new(int tar_fd, int copy_fd, struct tar_output **ret, struct error *err)
{
        _cleanup_(cleanup_tar_output) struct tar_output *output = calloc(1, sizeof(*output));
        int r;

        if (!output)
                return error_set_oom(err);
        output->tar = (struct fd_stream){ .fd = tar_fd, .name = "the layer's tar" };
        output->copy = (struct fd_stream){ .fd = copy_fd, .name = "the layer's blob" };
        r = digest_hasher_new(&output->hasher, err);
        if (r < 0)
                return r;
        r = block_stage_new(write_block, output, &output->write, err);
        if (r < 0)
                return r;
        r = block_stage_new(digest_block, output, &output->digest, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(output);
        return 0;
}

void tar_output_free(struct tar_output *output)
{
        if (!output)
                return;
        block_stage_free(output->write);
        block_stage_free(output->digest);
        digest_hasher_free(output->hasher);
        free(output);
}

int tar_output_push(struct tar_output *output, struct block *block)
{
        int r;

        r = block_stage_push(output->digest, block);
        return r < 0 ? r : block_stage_push(output->write, block);
}

int tar_output_finish(struct tar_output *output, struct digest *ret, struct error *err)
{
        int r;

        r = block_stage_finish(output->write, err);
        if (r < 0)
                return r;
        r = block_stage_finish(output->digest, err);
        if (r < 0)
                return r;
        return digest_hasher_finish(output->hasher, ret, err);
}
