/*
 * Which files of a COPY have changed: the layer that it makes, beside the one that it has made on
 * the same before.
 */
#include "base/cleanup.h"
#include "fs/index.h"
#include "worker.h"

#include <stdio.h>
#include <string.h>

/* Digits of a digest for people. */
#define SHORT_DIGEST 12

int worker_find_compared(struct worker *worker, const struct digest *group,
                         const struct digest *below, struct error *err)
{
        _cleanup_free_ struct store_record *places = NULL;
        char digest[DIGEST_TEXT_MAX], line[DIGEST_TEXT_MAX + 16];
        size_t count;
        int r, found = 0;

        digest_format(below, digest);
        snprintf(line, sizeof(line), "\nbelow %s\n", digest);
        r = store_record_list(worker->store, group, &places, &count, err);
        for (size_t i = 0; r == 0 && i < count && found == 0; i++) {
                struct error ignored = ERROR_INIT;
                struct buf head = BUF_INIT;
                const char *layer;

                if (store_record_head(worker->store, group, &places[i].key, &head, &ignored) == 0 &&
                    strstr(buf_str(&head), line)) {
                        found = 2;
                        layer = strstr(buf_str(&head), "\nlayer ");
                        if (layer && sscanf(layer, "\nlayer %71s", digest) == 1 &&
                            digest_parse(digest, &worker->compared, &ignored) == 0 &&
                            store_has(worker->store, STORE_INDEX, &worker->compared))
                                found = 1;
                }
                buf_done(&head);
        }
        worker->is_compared = found == 1;
        worker->compared_at = worker->state.layers.count;
        return r < 0 ? r : found;
}

struct telling {
        struct worker *worker;
        size_t count;
};

static int tell_difference(void *context, const struct index_difference *difference)
{
        struct telling *telling = context;
        struct worker *worker = telling->worker;
        char was[DIGEST_HEX_MAX], is[DIGEST_HEX_MAX];
        int digits = worker->options->explain ? DIGEST_HEX_MAX : SHORT_DIGEST, r;
        struct digest digest;

        if (difference->was) {
                memcpy(digest.bytes, difference->was, DIGEST_BYTES);
                digest_format_hex(&digest, was);
                memcpy(digest.bytes, difference->is, DIGEST_BYTES);
                digest_format_hex(&digest, is);
                r = worker_tell(worker, "%s %s (%.*s -> %.*s)", difference->path, difference->how,
                                digits, was, digits, is);
        } else {
                r = worker_tell(worker, "%s %s", difference->path, difference->how);
        }
        telling->count++;
        if (r == 0 && telling->count >= (worker->options->explain ? EXPLAINED_MAX : 1))
                return 1;
        return r;
}

static int compare(struct worker *worker, struct error *err)
{
        const struct layers *layers = &worker->state.layers;
        const struct layer past = { .diff_id = worker->compared, .blob = DESCRIPTOR_INIT };
        struct telling telling = { .worker = worker };
        struct index *was = NULL, *is = NULL;
        struct error ignored = ERROR_INIT;
        int r = layers_open_index(worker->store, &past, &was, &ignored);

        if (r == 0)
                r = layers_open_index(worker->store, &layers->items[worker->compared_at], &is, err);
        if (r == 0)
                r = index_compare(was, is, tell_difference, &telling) < 0 ? error_set_oom(err) : 0;
        index_free(was);
        index_free(is);
        return was ? r : 0;
}

int worker_tell_files(struct worker *worker, struct error *err)
{
        int r;

        if (!worker->is_compared)
                return 0;
        worker->is_compared = false;
        r = worker_join_steps(worker, err);
        if (r == 0 && worker->state.layers.count > worker->compared_at)
                r = compare(worker, err);
        if (r == 0 && worker->told.len == 0 &&
            worker_tell(worker, "the files that it takes have changed") < 0)
                r = error_set_oom(err);
        if (r == 0)
                worker_send_missed(worker);
        return r;
}
