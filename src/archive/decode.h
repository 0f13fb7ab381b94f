/*
 * Decompressing from one buffer into another: what the codecs have in common.
 */
#pragma once

#include "archive/compression.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decoder;

struct decode_buffers {
        const uint8_t *in;
        size_t in_len;
        bool in_is_last; /* no input comes after these bytes */
        uint8_t *out;
        size_t out_len;
};

int decoder_new(enum codec codec, struct decoder **ret, struct error *err);
void decoder_free(struct decoder *decoder);

/*
 * Takes input and gives output, and moves both buffers on by what was taken and given. Returns 1
 * when a member, frame or stream has ended and all of its output is given; 0 when there is more to
 * come, with no change to either buffer only where there was no input or no room; -EBADMSG, -EFBIG
 * for what asks for too much memory, or -ENOMEM.
 */
int decoder_run(struct decoder *decoder, struct decode_buffers *buffers, struct error *err);

/* Makes ready for a further member, after one has ended. */
int decoder_reset(struct decoder *decoder, struct error *err);
