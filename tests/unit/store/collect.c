#include "fresh.h"

static uint64_t collect(struct fresh *fresh)
{
        uint64_t bytes = 0;

        /* What this process has written is pinned by it. */
        store_leave(fresh->store);
        cr_assert_eq(store_collect(fresh->store, &bytes, &fresh->err), 0, "%s", fresh->err.message);
        return bytes;
}

Test(collect, keeps_all_of_an_image_until_it_is_taken_out)
{
        struct descriptor image;
        struct digest blob = fresh_digest("layer"), layer;
        struct fresh fresh;
        bool gone;

        fresh_begin(&fresh);
        image = fresh_image(&fresh, "layer");
        layer = fresh_layer(&fresh, "plain layer");
        cr_assert_eq(store_images_put(fresh.store, "name", &image, &fresh.err), 0);
        cr_assert_eq(collect(&fresh), 0);
        cr_assert(store_has(fresh.store, STORE_BLOB, &image.digest));
        cr_assert(store_has(fresh.store, STORE_BLOB, &blob));
        cr_assert(store_has(fresh.store, STORE_TAR, &layer));
        cr_assert_eq(store_images_remove(fresh.store, "name", NULL, &gone, &fresh.err), 0);
        cr_assert_gt(collect(&fresh), 0);
        cr_assert(!store_has(fresh.store, STORE_BLOB, &image.digest));
        cr_assert(!store_has(fresh.store, STORE_BLOB, &blob));
        cr_assert(!store_has(fresh.store, STORE_TAR, &layer));
        descriptor_done(&image);
        fresh_end(&fresh);
}

Test(collect, keeps_the_layers_that_records_name)
{
        struct digest named, other, group = fresh_digest("group"), key = fresh_digest("key");
        char line[DIGEST_TEXT_MAX + 40], text[DIGEST_TEXT_MAX];
        struct fresh fresh;

        fresh_begin(&fresh);
        named = fresh_layer(&fresh, "named");
        other = fresh_layer(&fresh, "other");
        digest_format(&named, text);
        snprintf(line, sizeof(line), "step 1\nlayer %s\nlayer x\n", text);
        cr_assert_eq(store_record_put(fresh.store, &group, &key, line, strlen(line), &fresh.err),
                     0);
        cr_assert_gt(collect(&fresh), 0);
        cr_assert(store_has(fresh.store, STORE_TAR, &named));
        cr_assert(!store_has(fresh.store, STORE_TAR, &other));
        fresh_end(&fresh);
}

Test(collect, keeps_what_a_living_process_has_pinned)
{
        struct digest layer = fresh_digest("layer"), other;
        struct fresh fresh;

        fresh_begin(&fresh);
        other = fresh_layer(&fresh, "other");
        fresh_layer(&fresh, "layer");
        store_leave(fresh.store);
        cr_assert_eq(store_pin(fresh.store, &layer, &fresh.err), 0);
        {
                uint64_t bytes;

                cr_assert_eq(store_collect(fresh.store, &bytes, &fresh.err), 0);
        }
        cr_assert(store_has(fresh.store, STORE_TAR, &layer));
        cr_assert(!store_has(fresh.store, STORE_TAR, &other));
        cr_assert_gt(collect(&fresh), 0);
        cr_assert(!store_has(fresh.store, STORE_TAR, &layer));
        fresh_end(&fresh);
}

Test(collect, leaves_alone_what_is_not_of_the_store)
{
        struct fresh fresh;
        char path[100];
        int fd;

        fresh_begin(&fresh);
        snprintf(path, sizeof(path), "%s/oci/blobs/sha256/README", fresh.root);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        close(fd);
        cr_assert_eq(collect(&fresh), 0);
        cr_assert(fresh_has(&fresh, "oci/blobs/sha256/README"));
        fresh_end(&fresh);
}

Test(collect, removes_nothing_where_an_image_cannot_be_read)
{
        struct descriptor image;
        struct digest layer;
        struct fresh fresh;
        uint64_t bytes;
        char path[200], hex[DIGEST_HEX_MAX];
        int fd;

        fresh_begin(&fresh);
        image = fresh_image(&fresh, "image");
        layer = fresh_layer(&fresh, "layer");
        cr_assert_eq(store_images_put(fresh.store, "name", &image, &fresh.err), 0);
        digest_format_hex(&image.digest, hex);
        snprintf(path, sizeof(path), "%s/oci/blobs/sha256/%s", fresh.root, hex);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        cr_assert_eq(io_write(fd, "[", 1), 0);
        close(fd);
        store_leave(fresh.store);
        cr_assert_lt(store_collect(fresh.store, &bytes, &fresh.err), 0);
        cr_assert(store_has(fresh.store, STORE_TAR, &layer));
        descriptor_done(&image);
        fresh_end(&fresh);
}
