#include "shared_image.h"

#include "base/cleanup.h"
#include "oci/json.h"
#include "shared_config.h"

#define RECORDS_MEMBER "varve.cache.v1"

void shared_image_clear(struct image_config *config)
{
        if (!config->other)
                return;
        json_object_del(config->other, RECORDS_MEMBER);
        json_object_del(config->other, SHARED_CONFIG_INLINE);
}

int shared_image_set(struct image_config *config, const struct buf *steps,
                     const struct buf *records, struct error *err)
{
        if (!config->other)
                config->other = json_object();
        if (!config->other ||
            json_put_base64(config->other, SHARED_CONFIG_INLINE, steps->data, steps->len) < 0 ||
            json_put_base64(config->other, RECORDS_MEMBER, records->data, records->len) < 0)
                return error_set_oom(err);
        return 0;
}

int shared_image_read(const struct buf *config, struct buf *ret, struct error *err)
{
        _cleanup_json_ json_t *object = NULL;
        bool has_records;
        int r = json_parse_object(config->data, config->len, "the image's config", &object, err);

        return r < 0 ? r : json_get_base64(object, RECORDS_MEMBER, &has_records, ret, err);
}
