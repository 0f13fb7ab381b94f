#include "platform_json.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <errno.h>

int platform_read(const json_t *object, struct platform *ret, struct error *err)
{
        _cleanup_(platform_done) struct platform platform = PLATFORM_INIT;
        int r;

        if ((r = json_get_string_copy(object, "os", &platform.os, err)) < 0 ||
            (r = json_get_string_copy(object, "architecture", &platform.architecture, err)) < 0 ||
            (r = json_get_string_copy(object, "variant", &platform.variant, err)) < 0 ||
            (r = json_get_string_copy(object, "os.version", &platform.os_version, err)) < 0 ||
            (r = json_get_strv(object, "os.features", &platform.os_features, err)) < 0)
                return r;
        *ret = platform;
        platform = PLATFORM_INIT;
        return 0;
}

int platform_write(const struct platform *platform, json_t *object)
{
        if (json_put_string(object, "architecture", platform->architecture) < 0 ||
            json_put_string(object, "os", platform->os) < 0 ||
            json_put_string(object, "os.version", platform->os_version) < 0 ||
            json_put_strv(object, "os.features", &platform->os_features) < 0 ||
            json_put_string(object, "variant", platform->variant) < 0)
                return -ENOMEM;
        return 0;
}
