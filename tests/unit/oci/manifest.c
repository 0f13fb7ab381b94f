#include "oci/manifest.h"

#include "oci/media_type.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEX    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define BLOB   "\"digest\":\"sha256:" HEX "\",\"size\":2}"
#define CONFIG "{\"mediaType\":\"" MEDIA_TYPE_OCI_CONFIG "\"," BLOB
#define LAYER  "{\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER "+gzip\"," BLOB
#define OCI    "\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\""
#define DOCKER "\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_DOCKER_MANIFEST "\""
#define PARTS  "\"config\":" CONFIG ",\"layers\":[" LAYER "," LAYER "]"

static int parse(const char *text, const char *media_type, struct manifest *ret, struct error *err)
{
        return manifest_parse(text, strlen(text), media_type, ret, err);
}

static void assert_round_trip(const char *text, const char *media_type)
{
        struct manifest manifest;
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;

        cr_assert_eq(parse(text, media_type, &manifest, &err), 0, "%s", err.message);
        cr_assert_eq(manifest_write(&manifest, &buf, &err), 0);
        cr_assert_str_eq(buf_str(&buf), text);
        buf_done(&buf);
        manifest_done(&manifest);
}

Test(manifest, is_read_and_written_in_both_forms)
{
        assert_round_trip("{" OCI "," PARTS "}", NULL);
        assert_round_trip("{" OCI "," PARTS "}", MEDIA_TYPE_OCI_MANIFEST "; charset=utf-8");
        assert_round_trip("{" OCI ",\"artifactType\":\"a/b\"," PARTS ",\"subject\":" LAYER
                          ",\"annotations\":{\"k\":\"v\"}}",
                          MEDIA_TYPE_OCI_MANIFEST);
        assert_round_trip("{" DOCKER ",\"config\":{\"mediaType\":\"" MEDIA_TYPE_DOCKER_CONFIG
                          "\"," BLOB ",\"layers\":[{\"mediaType\":\"" MEDIA_TYPE_DOCKER_LAYER
                          ".gzip\"," BLOB "]}",
                          MEDIA_TYPE_DOCKER_MANIFEST);
}

Test(manifest, takes_its_type_from_outside_where_it_says_none)
{
        struct manifest manifest;
        struct error err = ERROR_INIT;

        cr_assert_eq(parse("{\"schemaVersion\":2," PARTS "}", NULL, &manifest, &err), 0);
        cr_assert_str_eq(manifest.media_type, MEDIA_TYPE_OCI_MANIFEST);
        manifest_done(&manifest);
        cr_assert_eq(parse("{\"schemaVersion\":2," PARTS "}", MEDIA_TYPE_DOCKER_MANIFEST, &manifest,
                           &err),
                     0);
        cr_assert_str_eq(manifest.media_type, MEDIA_TYPE_DOCKER_MANIFEST);
        manifest_done(&manifest);
}

Test(manifest, may_have_no_layers)
{
        struct manifest manifest;
        struct error err = ERROR_INIT;

        cr_assert_eq(parse("{" OCI ",\"config\":" CONFIG ",\"layers\":[]}", NULL, &manifest, &err),
                     0);
        cr_assert_eq(manifest.layers.count, 0);
        manifest_done(&manifest);
        cr_assert_eq(
                parse("{" OCI ",\"config\":" CONFIG ",\"layers\":null}", NULL, &manifest, &err), 0);
        manifest_done(&manifest);
}

Test(manifest, leaves_out_of_dockers_form_what_that_has_no_place_for)
{
        struct manifest manifest;
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;

        cr_assert_eq(parse("{" DOCKER "," PARTS ",\"annotations\":{\"k\":\"v\"},\"subject\":" LAYER
                           "}",
                           NULL, &manifest, &err),
                     0);
        cr_assert_eq(manifest_write(&manifest, &buf, &err), 0);
        cr_assert_str_eq(buf_str(&buf), "{" DOCKER "," PARTS "}");
        buf_done(&buf);
        manifest_done(&manifest);
}

Test(manifest, whose_members_and_types_disagree_is_refused)
{
        static const struct {
                const char *text;
                const char *media_type;
                const char *message;
        } bad[] = {
                { "{\"schemaVersion\":1," PARTS "}", NULL, "schema 1" },
                { "{" PARTS "}", NULL, "\"schemaVersion\" is not 2" },
                { "{" OCI "," PARTS "}", MEDIA_TYPE_DOCKER_MANIFEST, "is served as" },
                { "{" OCI "," PARTS "}", MEDIA_TYPE_OCI_INDEX, "is served as" },
                { "{\"schemaVersion\":2," PARTS "}", MEDIA_TYPE_OCI_INDEX, "its type is" },
                { "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_INDEX "\"," PARTS "}",
                  NULL, "its type is" },
                { "{" OCI "," PARTS ",\"manifests\":[]}", NULL, "\"manifests\"" },
                { "{" OCI "," PARTS ",\"fsLayers\":[]}", NULL, "\"fsLayers\"" },
                { "{" OCI "," PARTS ",\"LAYERS\":[]}", NULL, "\"LAYERS\"" },
                { "{" OCI ",\"layers\":[]}", NULL, "\"config\" is missing" },
                { "{" OCI ",\"config\":" CONFIG "}", NULL, "\"layers\" is missing" },
                { "{" OCI ",\"config\":" LAYER ",\"layers\":[]}", NULL, "its config is of type" },
                { "{" OCI ",\"config\":" CONFIG ",\"layers\":[" CONFIG "]}", NULL,
                  "its layer is of type" },
                { "{" OCI ",\"config\":" CONFIG ",\"layers\":[{}]}", NULL, "item 0 of \"layers\"" },
                { "{" OCI "," PARTS ",\"subject\":{}}", NULL, "\"subject\"" },
                { "{" OCI "," PARTS ",\"config\":" CONFIG "}", NULL, "no valid JSON" },
                { "[]", NULL, "no JSON object" },
        };
        struct manifest manifest;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(parse(bad[i].text, bad[i].media_type, &manifest, &err), -EBADMSG, "%s",
                             bad[i].text);
                cr_assert_not_null(strstr(err.message, bad[i].message), "%s: %s", bad[i].text,
                                   err.message);
        }
}

Test(manifest, of_more_than_four_megabytes_is_refused)
{
        size_t len = MANIFEST_BYTES_MAX + 1;
        struct error err = ERROR_INIT;
        struct manifest manifest;
        char *text = malloc(len);

        memset(text, ' ', len);
        memcpy(text, "{" OCI "," PARTS "}", strlen("{" OCI "," PARTS "}"));
        cr_assert_eq(manifest_parse(text, len - 1, NULL, &manifest, &err), 0);
        manifest_done(&manifest);
        cr_assert_eq(manifest_parse(text, len, NULL, &manifest, &err), -EFBIG);
        free(text);
}
