#include "oci/index.h"

#include "oci/media_type.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEX  "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define HEAD "\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_INDEX "\""

/* An item of the given size (by which the tests know it), and of a platform. */
#define ITEM(size, platform)                                                            \
        "{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:" HEX "\"," \
        "\"size\":" #size platform "}"
#define ON(os, architecture) \
        ",\"platform\":{\"architecture\":\"" architecture "\",\"os\":\"" os "\"}"

static void parse(const char *text, struct image_index *ret)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(image_index_parse(text, strlen(text), NULL, ret, &err), 0, "%s: %s", text,
                     err.message);
}

/* The size of the one that is chosen, or 0. */
static uint64_t chosen(const char *items, const char *platform_text)
{
        struct error err = ERROR_INIT;
        const struct descriptor *best;
        struct platform platform;
        struct image_index index;
        char text[4096];
        uint64_t size;

        snprintf(text, sizeof(text), "{" HEAD ",\"manifests\":[%s]}", items);
        parse(text, &index);
        cr_assert_eq(platform_parse(platform_text, &platform, &err), 0);
        best = image_index_choose(&index, &platform);
        size = best ? best->size : 0;
        platform_done(&platform);
        image_index_done(&index);
        return size;
}

Test(image_index, is_read_and_written)
{
        static const char text[] = "{" HEAD ",\"manifests\":[" ITEM(
                1, ON("linux", "amd64")) "," ITEM(2, "") "],"
                                                         "\"annotations\":{\"k\":\"v\"}}";
        struct image_index index;
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;

        parse(text, &index);
        cr_assert_eq(image_index_write(&index, &buf, &err), 0);
        cr_assert_str_eq(buf_str(&buf), text);
        buf_done(&buf);
        image_index_done(&index);
}

Test(image_index, chooses_the_platform_that_suits_best)
{
        static const char items[] =
                ITEM(1, ON("linux", "386")) "," ITEM(2, ON("linux", "arm64")) "," ITEM(
                        3, ON("linux", "amd64")) "," ITEM(4, ON("linux", "amd64"));

        cr_assert_eq(chosen(items, "linux/amd64"), 3);
        cr_assert_eq(chosen(items, "linux/arm64/v8"), 2);
        cr_assert_eq(chosen(items, "linux/386"), 1);
        cr_assert_eq(chosen(items, "linux/s390x"), 0);
}

Test(image_index, chooses_one_without_platform_only_when_there_is_no_other)
{
        cr_assert_eq(chosen(ITEM(1, ""), "linux/amd64"), 1);
        cr_assert_eq(chosen(ITEM(1, "") "," ITEM(2, ""), "linux/amd64"), 0);
        cr_assert_eq(chosen(ITEM(1, "") "," ITEM(2, ON("linux", "amd64")), "linux/amd64"), 2);
}

Test(image_index, never_chooses_an_attestation)
{
        cr_assert_eq(chosen(ITEM(1, ON("unknown", "unknown")), "linux/amd64"), 0);
        cr_assert_eq(chosen(ITEM(1, ON("unknown", "unknown")) "," ITEM(2, ""), "linux/amd64"), 2);
}

Test(image_index, with_members_of_a_manifest_is_refused)
{
        static const char *const bad[] = {
                "{" HEAD ",\"manifests\":[],\"layers\":[]}",
                "{" HEAD ",\"manifests\":[],\"config\":{}}",
                "{" HEAD ",\"manifests\":[],\"Manifests\":[]}",
                "{" HEAD "}",
                "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST
                "\",\"manifests\":[]}",
        };
        struct image_index index;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(image_index_parse(bad[i], strlen(bad[i]), NULL, &index, &err),
                             -EBADMSG, "%s", bad[i]);
        }
}
