#include "document.h"

#include "base/cleanup.h"
#include "oci/json.h"
#include "oci/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Members with a meaning in any document. In another spelling they would be read by programs that
 * do not heed case. */
static const char *const known_members[] = {
        "schemaVersion", "mediaType",   "artifactType", "config",  "layers",     "manifests",
        "subject",       "annotations", "fsLayers",     "history", "signatures",
};

void document_free_subject(struct descriptor *subject)
{
        if (subject)
                descriptor_done(subject);
        free(subject);
}

void document_done(struct document *document)
{
        json_decref(document->object);
        free(document->media_type);
        free(document->artifact_type);
        document_free_subject(document->subject);
        strmap_done(&document->annotations);
        *document = DOCUMENT_INIT;
}

static int check_members(json_t *object, const struct document_kind *kind, struct error *err)
{
        const char *name;
        json_t *value;

        json_object_foreach(object, name, value)
        {
                for (size_t i = 0; i < ARRAY_SIZE(known_members); i++) {
                        if (strcasecmp(name, known_members[i]) == 0 &&
                            strcmp(name, known_members[i]) != 0)
                                return error_set(err, -EBADMSG,
                                                 "it has \"%s\", which some would read as \"%s\"",
                                                 name, known_members[i]);
                }
                for (size_t i = 0; kind->foreign_members[i]; i++) {
                        if (strcmp(name, kind->foreign_members[i]) == 0)
                                return error_set(
                                        err, -EBADMSG,
                                        "it has \"%s\", which belongs to another kind of document",
                                        name);
                }
        }
        return 0;
}

/* Finds out the type: what it was said to be and what it says must agree. */
static int read_media_type(const json_t *object, const char *expected,
                           const struct document_kind *kind, char **ret, struct error *err)
{
        const char *own, *type;
        int r;

        r = json_get_string(object, "mediaType", &own, err);
        if (r < 0)
                return r;
        type = own && own[0] != '\0' ? own : expected ? expected : kind->default_media_type;
        if (expected && !media_type_equal(type, expected))
                return error_set(err, -EBADMSG,
                                 "it says its type is %.100s, but is served as %.100s", type,
                                 expected);
        if (media_type_kind(type) != kind->kind)
                return error_set(err, -EBADMSG, "its type is %.100s", type);
        *ret = strndup(type, strcspn(type, "; \t"));
        return *ret ? 0 : error_set_oom(err);
}

static int read_version(const json_t *object, struct error *err)
{
        int64_t version;
        int r;

        r = json_get_integer(object, "schemaVersion", &version, err);
        if (r < 0)
                return r;
        if (version == 1) {
                error_set(err, -EBADMSG,
                          "it is of Docker's schema 1, which is no longer supported");
                return error_hint(err, "pull and push the image with a tool that converts it");
        }
        if (version != 2)
                return error_set(err, -EBADMSG, "\"schemaVersion\" is not 2");
        return 0;
}

static int read_subject(const json_t *object, struct descriptor **ret, struct error *err)
{
        struct descriptor *subject;
        json_t *member;
        int r;

        r = json_get_object(object, "subject", &member, err);
        if (r < 0 || !member)
                return r;
        subject = calloc(1, sizeof(*subject));
        if (!subject)
                return error_set_oom(err);
        r = descriptor_read(member, subject, err);
        if (r < 0) {
                free(subject);
                return error_wrap(err, "\"subject\"");
        }
        *ret = subject;
        return 0;
}

static int parse_members(const char *media_type, const struct document_kind *kind,
                         struct document *document, struct error *err)
{
        int r;

        /* The version first: what a schema 1 manifest has is not worth other complaints. */
        if ((r = read_version(document->object, err)) < 0 ||
            (r = check_members(document->object, kind, err)) < 0 ||
            (r = read_media_type(document->object, media_type, kind, &document->media_type, err)) <
                    0 ||
            (r = json_get_string_copy(document->object, "artifactType", &document->artifact_type,
                                      err)) < 0 ||
            (r = read_subject(document->object, &document->subject, err)) < 0 ||
            (r = json_get_strmap(document->object, "annotations", &document->annotations, err)) < 0)
                return r;
        return 0;
}

int document_parse(const void *data, size_t len, const char *media_type,
                   const struct document_kind *kind, struct document *ret, struct error *err)
{
        _cleanup_(document_done) struct document document = DOCUMENT_INIT;
        int r;

        if (len > MANIFEST_BYTES_MAX)
                return error_set(err, -EFBIG, "%s is larger than %d bytes", kind->name,
                                 MANIFEST_BYTES_MAX);
        r = json_parse_object(data, len, kind->name, &document.object, err);
        if (r < 0)
                return r;
        r = parse_members(media_type, kind, &document, err);
        if (r < 0)
                return error_wrap(err, "%s is refused", kind->name);
        *ret = document;
        document = DOCUMENT_INIT;
        return 0;
}

int document_read_list(const json_t *object, const char *key, struct descriptors *ret,
                       struct error *err)
{
        _cleanup_(descriptors_done) struct descriptors list = { .items = NULL };
        json_t *array, *item;
        size_t i;
        int r;

        if (!json_object_get(object, key))
                return error_set(err, -EBADMSG, "\"%s\" is missing", key);
        r = json_get_array(object, key, &array, err);
        if (r < 0)
                return r;
        json_array_foreach(array, i, item)
        {
                struct descriptor *descriptor = descriptors_add(&list);

                if (!descriptor)
                        return error_set_oom(err);
                r = descriptor_read(item, descriptor, err);
                if (r < 0)
                        return error_wrap(err, "item %zu of \"%s\"", i, key);
        }
        *ret = list;
        list = (struct descriptors){ .items = NULL };
        return 0;
}

int document_begin(const char *media_type, const char *artifact_type, json_t **ret,
                   struct error *err)
{
        _cleanup_json_ json_t *object = json_object();

        if (json_put_integer(object, "schemaVersion", 2) < 0 ||
            json_put_string(object, "mediaType", media_type) < 0 ||
            json_put_string(object, "artifactType", artifact_type) < 0)
                return error_set_oom(err);
        *ret = TAKE_PTR(object);
        return 0;
}

int document_write_descriptor(json_t *object, const char *key, const struct descriptor *descriptor,
                              struct error *err)
{
        json_t *value;
        int r;

        r = descriptor_write(descriptor, &value, err);
        if (r < 0)
                return r;
        return json_put(object, key, value) < 0 ? error_set_oom(err) : 0;
}

int document_write_list(json_t *object, const char *key, const struct descriptors *list,
                        struct error *err)
{
        json_t *array = json_array();

        if (json_put(object, key, array) < 0)
                return error_set_oom(err);
        for (size_t i = 0; i < list->count; i++) {
                json_t *value;
                int r;

                r = descriptor_write(&list->items[i], &value, err);
                if (r < 0)
                        return r;
                if (json_append(array, value) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

int document_end(json_t *object, const struct descriptor *subject, const struct strmap *annotations,
                 struct buf *ret, struct error *err)
{
        int r;

        r = subject ? document_write_descriptor(object, "subject", subject, err) : 0;
        if (r < 0)
                return r;
        if (json_put_strmap(object, "annotations", annotations) < 0)
                return error_set_oom(err);
        return json_write(object, ret, err);
}
