/*
 * What a worker tells the builder, through a pipe. Private to src/build/.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "build/build.h"
#include "dockerfile/instruction.h"

enum message_type {
        MESSAGE_BEGIN = 1,
        MESSAGE_OUTPUT,
        MESSAGE_DONE,
        MESSAGE_CACHED, /* how it is known: text */
        MESSAGE_MISSED, /* why it is not in the cache: text */
        MESSAGE_FAILED,
        MESSAGE_WARNING, /* text, without an end */
        MESSAGE_NOTE,    /* likewise */
        MESSAGE_RESULT,  /* stage_result_write() */
        MESSAGE_FAILURE, /* struct message_failure */
};

struct message {
        uint32_t type;
        uint32_t step; /* index in the stage's plan; STEP_FROM for its FROM */
        uint64_t len;  /* of what follows */
};

#define STEP_FROM       UINT32_MAX
#define MESSAGE_LEN_MAX ((uint64_t)64 << 20)

struct message_failure {
        struct error err;
        struct source_position where;
};

/* Writes a message as a whole. A builder that is gone makes the worker end: errors do not matter.
 * May be called from any thread for messages of up to PIPE_BUF bytes. */
void message_send(int fd, enum message_type type, uint32_t step, const void *data, size_t len);

/* Takes the first whole message out of bytes that have arrived. Returns false where there is none
 * yet. `ret_data` points into `buf`; message_drop() removes the message. */
bool message_next(const struct buf *buf, struct message *ret, const char **ret_data);
void message_drop(struct buf *buf, const struct message *message);
