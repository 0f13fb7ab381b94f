#include "oci/manifest.h"

#include "base/cleanup.h"
#include "document.h"
#include "oci/json.h"
#include "oci/media_type.h"

#include <errno.h>
#include <stdlib.h>

static const char *const members_of_others[] = { "manifests", "fsLayers", "history", "signatures",
                                                 NULL };

static const struct document_kind manifest_kind = {
        .name = "the manifest",
        .kind = MEDIA_MANIFEST,
        .default_media_type = MEDIA_TYPE_OCI_MANIFEST,
        .foreign_members = members_of_others,
};

void manifest_done(struct manifest *manifest)
{
        free(manifest->media_type);
        free(manifest->artifact_type);
        descriptor_done(&manifest->config);
        descriptors_done(&manifest->layers);
        document_free_subject(manifest->subject);
        strmap_done(&manifest->annotations);
        *manifest = MANIFEST_INIT;
}

/* Artifacts have configs and layers of any type, but never a manifest's or an index's. */
static int check_part(const struct descriptor *part, enum media_kind expected, struct error *err)
{
        enum media_kind kind = media_type_kind(part->media_type);

        if (kind == expected || kind == MEDIA_OTHER)
                return 0;
        return error_set(err, -EBADMSG, "its %s is of type %.100s",
                         expected == MEDIA_CONFIG ? "config" : "layer", part->media_type);
}

static int read_parts(const json_t *object, struct manifest *manifest, struct error *err)
{
        json_t *config;
        int r;

        r = json_get_object(object, "config", &config, err);
        if (r < 0)
                return r;
        if (!config)
                return error_set(err, -EBADMSG, "\"config\" is missing");
        r = descriptor_read(config, &manifest->config, err);
        if (r < 0)
                return error_wrap(err, "\"config\"");
        r = check_part(&manifest->config, MEDIA_CONFIG, err);
        if (r < 0)
                return r;
        r = document_read_list(object, "layers", &manifest->layers, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < manifest->layers.count; i++) {
                r = check_part(&manifest->layers.items[i], MEDIA_LAYER, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int manifest_parse(const void *data, size_t len, const char *media_type, struct manifest *ret,
                   struct error *err)
{
        _cleanup_(manifest_done) struct manifest manifest = MANIFEST_INIT;
        _cleanup_(document_done) struct document document = DOCUMENT_INIT;
        int r;

        r = document_parse(data, len, media_type, &manifest_kind, &document, err);
        if (r < 0)
                return r;
        r = read_parts(document.object, &manifest, err);
        if (r < 0)
                return error_wrap(err, "the manifest is refused");
        manifest.media_type = TAKE_PTR(document.media_type);
        manifest.artifact_type = TAKE_PTR(document.artifact_type);
        manifest.subject = TAKE_PTR(document.subject);
        manifest.annotations = document.annotations;
        document.annotations = STRMAP_INIT;
        *ret = manifest;
        manifest = MANIFEST_INIT;
        return 0;
}

int manifest_write(const struct manifest *manifest, struct buf *ret, struct error *err)
{
        _cleanup_json_ json_t *object = NULL;
        bool docker = media_type_is_docker(manifest->media_type);
        const struct strmap none = STRMAP_INIT;
        int r;

        r = document_begin(manifest->media_type, docker ? NULL : manifest->artifact_type, &object,
                           err);
        if (r < 0)
                return r;
        r = document_write_descriptor(object, "config", &manifest->config, err);
        if (r < 0)
                return r;
        r = document_write_list(object, "layers", &manifest->layers, err);
        if (r < 0)
                return r;
        return document_end(object, docker ? NULL : manifest->subject,
                            docker ? &none : &manifest->annotations, ret, err);
}
