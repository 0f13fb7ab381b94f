/*
 * What CHANNEL_EXEC asks for, as JSON. Private to src/container/.
 */
#pragma once

#include "base/buf.h"
#include "container/exec.h"

/* Appends it. */
int exec_request_write(const struct exec_request *request, struct buf *ret, struct error *err);

/* -EBADMSG: it is none. */
int exec_request_read(const void *data, size_t len, struct exec_request *ret, struct error *err);
