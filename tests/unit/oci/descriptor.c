#include "oci/descriptor.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" /* of "{}" */

static int read_text(const char *text, struct descriptor *ret, struct error *err)
{
        _cleanup_json_ json_t *object = NULL;

        cr_assert_eq(json_parse(text, strlen(text), "the text", &object, err), 0);
        return descriptor_read(object, ret, err);
}

Test(descriptor, reads_and_writes_every_member)
{
        static const char text[] =
                "{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"sha256:" HEX
                "\","
                "\"size\":2,\"urls\":[\"https://example.com/a\"],\"annotations\":{\"a\":\"1\","
                "\"b\":\"2\"},\"data\":\"e30=\",\"platform\":{\"architecture\":\"arm\",\"os\":"
                "\"linux\","
                "\"os.version\":\"1\",\"os.features\":[\"f\"],\"variant\":\"v7\"},"
                "\"artifactType\":\"text/x\"}";
        struct descriptor descriptor, copy;
        struct error err = ERROR_INIT;
        _cleanup_json_ json_t *object = NULL;
        struct buf buf = BUF_INIT;

        cr_assert_eq(read_text(text, &descriptor, &err), 0, "%s", err.message);
        cr_assert_eq(descriptor.size, 2);
        cr_assert_str_eq(buf_str(&descriptor.data), "{}");
        cr_assert_str_eq(descriptor.platform->variant, "v7");
        cr_assert_eq(descriptor_copy(&descriptor, &copy), 0);
        descriptor_done(&descriptor);
        cr_assert_eq(descriptor_write(&copy, &object, &err), 0);
        cr_assert_eq(json_write(object, &buf, &err), 0);
        cr_assert_str_eq(buf_str(&buf), text);
        buf_done(&buf);
        descriptor_done(&copy);
}

Test(descriptor, refuses_what_is_missing_or_untrue)
{
        static const char *const bad[] = {
                "[]",
                "{}",
                "{\"digest\":\"sha256:" HEX "\",\"size\":2}",
                "{\"mediaType\":\"\",\"digest\":\"sha256:" HEX "\",\"size\":2}",
                "{\"mediaType\":\"a/b\",\"size\":2}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\"}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":-1}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":2.0}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:../x\",\"size\":2}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha512:" HEX HEX "\",\"size\":2}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX
                "\",\"size\":2,\"data\":\"e3w=\"}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX
                "\",\"size\":3,\"data\":\"e30=\"}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":2,\"data\":\"!\"}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX
                "\",\"size\":2,\"data\":\"====\"}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":2,\"data\":\"\"}",
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":2,\"platform\":[]}",
        };
        struct descriptor descriptor;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(read_text(bad[i], &descriptor, &err), -EBADMSG, "%s", bad[i]);
                cr_assert(error_is_set(&err));
        }
}
