/*
 * Shorthand for the tests of the store: a store in a new directory below /tmp, and images in it.
 */
#pragma once

#include "base/cleanup.h"
#include "base/io.h"
#include "oci/media_type.h"
#include "store/images.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

struct fresh {
        char root[40];
        struct store *store;
        struct error err;
};

static inline void fresh_begin(struct fresh *fresh)
{
        *fresh = (struct fresh){ .root = "/tmp/varve-store-XXXXXX" };
        cr_assert_not_null(mkdtemp(fresh->root));
        cr_assert_eq(store_open(fresh->root, &fresh->store, &fresh->err), 0, "%s",
                     fresh->err.message);
}

static inline void fresh_end(struct fresh *fresh)
{
        struct error err = ERROR_INIT;

        store_free(fresh->store);
        cr_assert_eq(io_remove_tree(AT_FDCWD, fresh->root, &err), 0, "%s", err.message);
}

/* The store as another process would see it. */
static inline void fresh_reopen(struct fresh *fresh)
{
        store_free(fresh->store);
        cr_assert_eq(store_open(fresh->root, &fresh->store, &fresh->err), 0, "%s",
                     fresh->err.message);
}

/* Whether there is something at a path in the store's directory. */
static inline bool fresh_has(const struct fresh *fresh, const char *path)
{
        char whole[512];

        snprintf(whole, sizeof(whole), "%s/%s", fresh->root, path);
        return faccessat(AT_FDCWD, whole, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline struct digest fresh_digest(const char *text)
{
        struct error err = ERROR_INIT;
        struct digest digest;

        cr_assert_eq(digest_of(text, strlen(text), &digest, &err), 0);
        return digest;
}

/* Puts a layer at rest of these bytes. */
static inline struct digest fresh_layer(struct fresh *fresh, const char *bytes)
{
        struct digest diff_id = fresh_digest(bytes);
        struct store_file file = STORE_FILE_INIT;

        cr_assert_eq(store_file_new(fresh->store, &file, &fresh->err), 0);
        cr_assert_eq(io_write(file.fd, bytes, strlen(bytes)), 0);
        cr_assert_eq(store_file_publish(fresh->store, &file, STORE_TAR, &diff_id, &fresh->err), 0);
        return diff_id;
}

/*
 * Puts an image of one layer and yields its descriptor. The layer's blob has these bytes, as if it
 * were compressed: its diffID is that of "plain BYTES", and the layer at rest is not put. Two
 * images of different `bytes` have nothing in common.
 */
static inline struct descriptor fresh_image(struct fresh *fresh, const char *bytes)
{
        struct descriptor image = DESCRIPTOR_INIT;
        char layer[DIGEST_TEXT_MAX], diff_id[DIGEST_TEXT_MAX], config[DIGEST_TEXT_MAX], text[1024];
        struct digest digest;
        size_t config_size;
        int len;

        snprintf(text, sizeof(text), "plain %s", bytes);
        digest = fresh_digest(text);
        digest_format(&digest, diff_id);
        cr_assert_eq(store_put_blob(fresh->store, bytes, strlen(bytes), &digest, &fresh->err), 0);
        digest_format(&digest, layer);
        len = snprintf(text, sizeof(text),
                       "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},"
                       "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
                       diff_id);
        config_size = (size_t)len;
        cr_assert_eq(store_put_blob(fresh->store, text, config_size, &digest, &fresh->err), 0);
        digest_format(&digest, config);
        len = snprintf(text, sizeof(text),
                       "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\","
                       "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"%s\","
                       "\"digest\":\"%s\",\"size\":%zu}]}",
                       MEDIA_TYPE_OCI_MANIFEST, MEDIA_TYPE_OCI_CONFIG, config, config_size,
                       MEDIA_TYPE_OCI_LAYER, layer, strlen(bytes));
        cr_assert_eq(store_put_blob(fresh->store, text, (size_t)len, &image.digest, &fresh->err),
                     0);
        image.media_type = strdup(MEDIA_TYPE_OCI_MANIFEST);
        image.size = (uint64_t)len;
        return image;
}
