/*
 * Whether a layer of the store is what it was when it was put there, and its blob and its tar are
 * of each other.
 */
#include "base/cleanup.h"
#include "base/io.h"
#include "build/layers.h"
#include "fs/index.h"
#include "layers_blob.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK_BYTES ((size_t)256 << 10)

static int hash_file(struct store *store, enum store_kind kind, const struct digest *digest,
                     struct digest *ret, struct error *err)
{
        _cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
        struct digest_hasher *hasher = NULL;
        _cleanup_close_ int fd = -1;
        ssize_t n;
        int r;

        if (!chunk)
                return error_set_oom(err);
        r = store_open_file(store, kind, digest, &fd, NULL, err);
        if (r == 0)
                r = digest_hasher_new(&hasher, err);
        while (r == 0 && (n = io_read(fd, chunk, CHUNK_BYTES)) != 0)
                r = n < 0 ? error_set_errno(err, (int)n, "cannot read a layer of the store")
                          : digest_hasher_update(hasher, chunk, (size_t)n, err);
        if (r == 0)
                r = digest_hasher_finish(hasher, ret, err);
        digest_hasher_free(hasher);
        return r;
}

/* Returns 1, or 0 where the file was altered, which removes it. */
static int verify_file(struct store *store, enum store_kind kind, const struct digest *digest,
                       struct error *err)
{
        struct digest found;
        int r = hash_file(store, kind, digest, &found, err);

        if (r < 0)
                return r;
        if (digest_equal(&found, digest))
                return 1;
        r = store_remove(store, kind, digest, err);
        return r < 0 ? r : 0;
}

/* An index has no digest: it is made anew. */
static int renew_index(struct store *store, const struct layer *layer, struct error *err)
{
        struct index *index;
        int r = store_remove(store, STORE_INDEX, &layer->diff_id, err);

        if (r == 0)
                r = layers_open_index(store, layer, &index, err);
        if (r < 0)
                return r;
        index_free(index);
        return 1;
}

int layer_verify(struct store *store, const struct layer *layer, struct error *err)
{
        const struct digest *diff_id = &layer->diff_id, *blob = &layer->blob.digest;
        unsigned unknown = store_stamp_check(store, diff_id, blob);
        int r = 1;

        if (unknown == 0)
                return 1;
        if (unknown & 1u << STORE_TAR)
                r = verify_file(store, STORE_TAR, diff_id, err);
        if (r > 0 && unknown & 1u << STORE_BLOB)
                r = verify_file(store, STORE_BLOB, blob, err);
        if (r > 0 && unknown & 1u << STORE_INDEX)
                r = renew_index(store, layer, err);
        if (r > 0)
                store_stamp_put(store, diff_id, blob);
        return r;
}

/* ---- blob and diffID ---- */

static int pass_over(void *context, const struct entry *entry, uint64_t data_offset,
                     struct error *err)
{
        (void)context;
        (void)entry;
        (void)data_offset;
        (void)err;
        return 0;
}

/* Unpacks the blob to nowhere, for the sake of its digests. */
static int unpack_pair(struct store *store, const struct layer *layer, struct error *err)
{
        struct layer_unpack_options expected = { .digest = &layer->blob.digest,
                                                 .diff_id = &layer->diff_id,
                                                 .limits = LAYER_LIMITS,
                                                 .tar_fd = -1 };
        struct entry_sink sink = { .add = pass_over };
        struct fd_stream stream = { .name = "a layer of the store" };
        struct error ignored = ERROR_INIT;
        struct layer_unpacked unpacked;
        _cleanup_close_ int fd = -1;
        struct byte_source source;
        int r = store_open_file(store, STORE_BLOB, &layer->blob.digest, &fd, NULL, err);

        if (r < 0)
                return r;
        stream.fd = fd;
        source = byte_source_of_fd(&stream);
        r = layer_unpack(&source, &sink, &expected, &unpacked, err);
        /* One that was altered on disk says nothing of the image. */
        if (r == -EBADMSG && verify_file(store, STORE_BLOB, &layer->blob.digest, &ignored) == 0) {
                *err = ERROR_INIT;
                return 0;
        }
        if (r < 0)
                return r;
        store_pair_put(store, &unpacked.digest, &unpacked.diff_id);
        return 1;
}

int layer_check_pair(struct store *store, const struct layer *layer, struct error *err)
{
        char blob[DIGEST_TEXT_MAX], found[DIGEST_TEXT_MAX], claimed[DIGEST_TEXT_MAX];
        struct digest diff_id;

        /* What has no blob, or one that is its tar. */
        if (!layer->blob.media_type || digest_equal(&layer->blob.digest, &layer->diff_id))
                return 1;
        if (!store_pair_find(store, &layer->blob.digest, &diff_id))
                return store_has(store, STORE_BLOB, &layer->blob.digest)
                               ? unpack_pair(store, layer, err)
                               : 0;
        if (digest_equal(&diff_id, &layer->diff_id))
                return 1;
        digest_format(&layer->blob.digest, blob);
        digest_format(&diff_id, found);
        digest_format(&layer->diff_id, claimed);
        return error_set(err, -EBADMSG, "the diffID of the layer %s is %s, and should be %s", blob,
                         found, claimed);
}
