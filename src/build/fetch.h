/*
 * Fetching layers, several at a time. Private to src/build/.
 */
#pragma once

#include "build/transfer.h"

#include <pthread.h>

/* A watcher that several threads may tell. */
struct reporter {
        const struct transfer_watcher *watcher;
        pthread_mutex_t lock;
};

#define REPORTER_INIT(of)                                          \
        {                                                          \
                .watcher = (of), .lock = PTHREAD_MUTEX_INITIALIZER \
        }

void reporter_tell(struct reporter *reporter, enum transfer_state state,
                   const struct digest *digest, uint64_t bytes, uint64_t size);

/* For registry_options.notice; the context is the reporter. */
void reporter_notice(void *reporter, const char *text);

/* Does `count` pieces of work on a few threads, by their index. Ends at the first failure, whose
 * error is told; the others are cancelled by the registry. */
int work_side_by_side(struct registry *registry, size_t count,
                      int (*work)(void *context, size_t index, struct error *err), void *context,
                      struct error *err);

/*
 * Takes those layers in which the store lacks, from the repositories (references, the first that
 * has it) that `sources` gives for each.
 */
int fetch_layers(struct store *store, struct registry *registry, const struct layers *layers,
                 bool need_blobs, const struct reference *source, struct reporter *reporter,
                 struct error *err);

/* Whether the store has all of a layer, and knows that its blob holds what its diffID says. Pins it
 * first, so that it stays. */
bool layer_is_stored(struct store *store, const struct layer *layer, bool need_blob);
