#include "oci/descriptor.h"

#include "base/cleanup.h"
#include "oci/json.h"
#include "platform_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void descriptor_done(struct descriptor *descriptor)
{
        free(descriptor->media_type);
        strv_done(&descriptor->urls);
        strmap_done(&descriptor->annotations);
        buf_done(&descriptor->data);
        if (descriptor->platform)
                platform_done(descriptor->platform);
        free(descriptor->platform);
        free(descriptor->artifact_type);
        *descriptor = DESCRIPTOR_INIT;
}

static int copy_platform(const struct platform *from, struct platform **ret)
{
        struct platform *copy = calloc(1, sizeof(*copy));

        if (!copy || platform_copy(from, copy) < 0) {
                free(copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

int descriptor_copy(const struct descriptor *from, struct descriptor *ret)
{
        _cleanup_(descriptor_done) struct descriptor copy = DESCRIPTOR_INIT;

        copy.digest = from->digest;
        copy.size = from->size;
        copy.has_data = from->has_data;
        copy.media_type = from->media_type ? strdup(from->media_type) : NULL;
        copy.artifact_type = from->artifact_type ? strdup(from->artifact_type) : NULL;
        if ((from->media_type && !copy.media_type) ||
            (from->artifact_type && !copy.artifact_type) ||
            strv_extend(&copy.urls, &from->urls) < 0 ||
            strmap_extend(&copy.annotations, &from->annotations) < 0 ||
            buf_append(&copy.data, from->data.data, from->data.len) < 0 ||
            (from->platform && copy_platform(from->platform, &copy.platform) < 0))
                return -ENOMEM;
        *ret = copy;
        copy = DESCRIPTOR_INIT;
        return 0;
}

/* Decodes embedded content, and checks it. */
static int read_data(const json_t *object, struct descriptor *descriptor, struct error *err)
{
        struct digest digest;
        int r = json_get_base64(object, "data", &descriptor->has_data, &descriptor->data, err);

        if (r < 0 || !descriptor->has_data)
                return r;
        r = digest_of(descriptor->data.data, descriptor->data.len, &digest, err);
        if (r < 0)
                return r;
        if (descriptor->data.len != descriptor->size || !digest_equal(&digest, &descriptor->digest))
                return error_set(err, -EBADMSG,
                                 "\"data\" has not the size and digest that the descriptor says");
        return 0;
}

static int read_platform(const json_t *object, struct descriptor *descriptor, struct error *err)
{
        json_t *member;
        int r;

        r = json_get_object(object, "platform", &member, err);
        if (r < 0 || !member)
                return r;
        descriptor->platform = calloc(1, sizeof(*descriptor->platform));
        if (!descriptor->platform)
                return error_set_oom(err);
        return platform_read(member, descriptor->platform, err);
}

int descriptor_read(const json_t *object, struct descriptor *ret, struct error *err)
{
        _cleanup_(descriptor_done) struct descriptor descriptor = DESCRIPTOR_INIT;
        const char *digest;
        int r;

        if (!json_is_object(object))
                return error_set(err, -EBADMSG, "a descriptor is no object");
        if ((r = json_get_string_copy(object, "mediaType", &descriptor.media_type, err)) < 0 ||
            (r = json_get_string(object, "digest", &digest, err)) < 0 ||
            (r = json_get_size(object, "size", &descriptor.size, err)) < 0 ||
            (r = json_get_strv(object, "urls", &descriptor.urls, err)) < 0 ||
            (r = json_get_strmap(object, "annotations", &descriptor.annotations, err)) < 0 ||
            (r = json_get_string_copy(object, "artifactType", &descriptor.artifact_type, err)) < 0)
                return r;
        if (!descriptor.media_type || descriptor.media_type[0] == '\0')
                return error_set(err, -EBADMSG, "\"mediaType\" is missing");
        if (!digest)
                return error_set(err, -EBADMSG, "\"digest\" is missing");
        if (digest_parse(digest, &descriptor.digest, err) < 0)
                return err->code = -EBADMSG;
        r = read_data(object, &descriptor, err);
        if (r < 0)
                return r;
        r = read_platform(object, &descriptor, err);
        if (r < 0)
                return r;
        *ret = descriptor;
        descriptor = DESCRIPTOR_INIT;
        return 0;
}

static int put_data(const struct descriptor *descriptor, json_t *object)
{
        if (!descriptor->has_data)
                return 0;
        return json_put_base64(object, "data", buf_str(&descriptor->data), descriptor->data.len);
}

static int put_platform(const struct descriptor *descriptor, json_t *object)
{
        json_t *platform;

        if (!descriptor->platform)
                return 0;
        platform = json_object();
        if (json_put(object, "platform", platform) < 0)
                return -ENOMEM;
        return platform_write(descriptor->platform, platform);
}

int descriptor_write(const struct descriptor *descriptor, json_t **ret, struct error *err)
{
        _cleanup_json_ json_t *object = json_object();
        char digest[DIGEST_TEXT_MAX];

        digest_format(&descriptor->digest, digest);
        if (json_put_string(object, "mediaType", descriptor->media_type) < 0 ||
            json_put(object, "digest", json_string(digest)) < 0 ||
            json_put(object, "size", json_integer((json_int_t)descriptor->size)) < 0 ||
            json_put_strv(object, "urls", &descriptor->urls) < 0 ||
            json_put_strmap(object, "annotations", &descriptor->annotations) < 0 ||
            put_data(descriptor, object) < 0 || put_platform(descriptor, object) < 0 ||
            json_put_string(object, "artifactType", descriptor->artifact_type) < 0)
                return error_set_oom(err);
        *ret = TAKE_PTR(object);
        return 0;
}

void descriptors_done(struct descriptors *list)
{
        for (size_t i = 0; i < list->count; i++)
                descriptor_done(&list->items[i]);
        free(list->items);
        *list = (struct descriptors){ .items = NULL };
}

struct descriptor *descriptors_add(struct descriptors *list)
{
        struct descriptor *items = reallocarray(list->items, list->count + 1, sizeof(*items));

        if (!items)
                return NULL;
        list->items = items;
        items[list->count] = DESCRIPTOR_INIT;
        return &items[list->count++];
}
