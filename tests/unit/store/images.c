#include "fresh.h"

#include <errno.h>

static void put(struct fresh *fresh, const char *name, const struct descriptor *image)
{
        cr_assert_eq(store_images_put(fresh->store, name, image, &fresh->err), 0, "%s",
                     fresh->err.message);
}

/* The names in the list, "-" for none, each with a letter for its image. */
static void assert_list(struct fresh *fresh, const struct descriptor *a, const char *expected)
{
        struct buf text = BUF_INIT;
        struct image_index list;

        cr_assert_eq(store_images_read(fresh->store, &list, &fresh->err), 0);
        for (size_t i = 0; i < list.manifests.count; i++) {
                const struct descriptor *item = &list.manifests.items[i];
                const char *name = store_image_name(item);

                buf_appendf(&text, "%s%s=%c", i ? " " : "", name ? name : "-",
                            digest_equal(&item->digest, &a->digest) ? 'a' : 'b');
        }
        cr_assert_str_eq(buf_str(&text), expected);
        image_index_done(&list);
        buf_done(&text);
}

Test(images, are_listed_by_name)
{
        struct descriptor a, b;
        struct fresh fresh;

        fresh_begin(&fresh);
        a = fresh_image(&fresh, "a");
        b = fresh_image(&fresh, "b");
        assert_list(&fresh, &a, "");
        put(&fresh, "one", &a);
        put(&fresh, "one", &a);
        put(&fresh, "two", &b);
        put(&fresh, "three", &a);
        fresh_reopen(&fresh);
        assert_list(&fresh, &a, "one=a two=b three=a");
        descriptor_done(&a);
        descriptor_done(&b);
        fresh_end(&fresh);
}

Test(images, that_lose_their_last_name_dangle_once)
{
        struct descriptor a, b;
        struct fresh fresh;

        fresh_begin(&fresh);
        a = fresh_image(&fresh, "a");
        b = fresh_image(&fresh, "b");
        put(&fresh, "one", &a);
        put(&fresh, "two", &a);
        put(&fresh, "one", &b);
        assert_list(&fresh, &a, "two=a one=b");
        put(&fresh, "two", &b);
        assert_list(&fresh, &a, "-=a one=b two=b");
        put(&fresh, NULL, &a);
        put(&fresh, NULL, &b);
        assert_list(&fresh, &a, "one=b two=b -=a");
        put(&fresh, "three", &a);
        assert_list(&fresh, &a, "one=b two=b three=a");
        descriptor_done(&a);
        descriptor_done(&b);
        fresh_end(&fresh);
}

Test(images, are_taken_out_by_name_or_as_a_whole)
{
        struct descriptor a;
        struct fresh fresh;
        bool gone;

        fresh_begin(&fresh);
        a = fresh_image(&fresh, "a");
        put(&fresh, "one", &a);
        put(&fresh, "two", &a);
        put(&fresh, "three", &a);
        cr_assert_eq(store_images_remove(fresh.store, "one", NULL, &gone, &fresh.err), 0);
        cr_assert(!gone);
        cr_assert_eq(store_images_remove(fresh.store, NULL, &a.digest, &gone, &fresh.err), 0);
        cr_assert(gone);
        assert_list(&fresh, &a, "");
        cr_assert_eq(store_images_remove(fresh.store, "one", NULL, &gone, &fresh.err), -ENOENT);
        cr_assert_not_null(strstr(fresh.err.message, "one"));
        descriptor_done(&a);
        fresh_end(&fresh);
}

static int find(struct fresh *fresh, const char *text, struct digest *ret)
{
        struct stored_image image = STORED_IMAGE_INIT;
        int r;

        fresh->err = ERROR_INIT;
        r = store_image_find(fresh->store, text, NULL, &image, &fresh->err);
        if (r == 0) {
                *ret = image.parsed.config.digest;
                stored_image_done(&image);
        }
        return r;
}

Test(images, are_found_by_reference_and_by_id)
{
        char hex[DIGEST_HEX_MAX], text[DIGEST_TEXT_MAX];
        struct digest found, id;
        struct descriptor a, b;
        struct fresh fresh;

        fresh_begin(&fresh);
        a = fresh_image(&fresh, "a");
        b = fresh_image(&fresh, "b");
        put(&fresh, "docker.io/library/one:latest", &a);
        put(&fresh, "docker.io/library/two:latest", &b);
        cr_assert_eq(find(&fresh, "one", &id), 0, "%s", fresh.err.message);
        cr_assert_eq(find(&fresh, "docker.io/library/one:latest", &found), 0);
        cr_assert(digest_equal(&found, &id));
        digest_format(&id, text);
        cr_assert_eq(find(&fresh, text, &found), 0);
        cr_assert(digest_equal(&found, &id));
        digest_format_hex(&id, hex);
        hex[12] = '\0';
        cr_assert_eq(find(&fresh, hex, &found), 0);
        cr_assert(digest_equal(&found, &id));
        hex[3] = '\0';
        cr_assert_eq(find(&fresh, hex, &found), -ENOENT);
        cr_assert_eq(find(&fresh, "one:other", &found), -ENOENT);
        cr_assert_eq(find(&fresh, "No:Such:Thing", &found), -EINVAL);
        descriptor_done(&a);
        descriptor_done(&b);
        fresh_end(&fresh);
}

Test(images, whose_documents_are_damaged_are_told_of)
{
        struct descriptor a;
        struct fresh fresh;
        struct digest found;
        char path[200], hex[DIGEST_HEX_MAX];
        int fd;

        fresh_begin(&fresh);
        a = fresh_image(&fresh, "a");
        put(&fresh, "docker.io/library/one:latest", &a);
        digest_format_hex(&a.digest, hex);
        snprintf(path, sizeof(path), "%s/oci/blobs/sha256/%s", fresh.root, hex);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        cr_assert_eq(io_write(fd, "[", 1), 0);
        close(fd);
        cr_assert_eq(find(&fresh, "one", &found), -EBADMSG);
        cr_assert_not_null(strstr(fresh.err.message, hex));
        descriptor_done(&a);
        fresh_end(&fresh);
}

Test(images, are_never_half_listed)
{
        struct image_index list;
        struct fresh fresh;
        char path[100];
        int fd;

        fresh_begin(&fresh);
        snprintf(path, sizeof(path), "%s/oci/index.json", fresh.root);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_eq(io_write(fd, "{\"schemaVersion\":2,", 19), 0);
        close(fd);
        cr_assert_eq(store_images_read(fresh.store, &list, &fresh.err), -EBADMSG);
        cr_assert_not_null(strstr(fresh.err.message, fresh.root));
        fresh_end(&fresh);
}
