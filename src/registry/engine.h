/*
 * The thread that moves bytes: one libcurl multi handle, and with it one pool of connections, for
 * all transfers of a client. Private to src/registry/.
 *
 * Who wants a transfer sets up an easy handle and waits; its callbacks are called on the engine's
 * thread, and are not to block.
 */
#pragma once

#include "base/error.h"

#include <curl/curl.h>

struct engine;

int engine_new(struct engine **ret, struct error *err);

/* No transfer may be under way. */
void engine_free(struct engine *engine);

/* Carries a transfer out, beside those of other threads. Takes CURLOPT_PRIVATE for itself. */
CURLcode engine_perform(struct engine *engine, CURL *easy);
