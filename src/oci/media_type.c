#include "oci/media_type.h"

#include "base/cleanup.h"

#include <string.h>
#include <strings.h>

static const struct {
        const char *name;
        enum media_kind kind;
} media_types[] = {
        { MEDIA_TYPE_OCI_INDEX, MEDIA_INDEX },
        { MEDIA_TYPE_OCI_MANIFEST, MEDIA_MANIFEST },
        { MEDIA_TYPE_OCI_CONFIG, MEDIA_CONFIG },
        { MEDIA_TYPE_OCI_LAYER, MEDIA_LAYER },
        { MEDIA_TYPE_OCI_LAYER "+gzip", MEDIA_LAYER },
        { MEDIA_TYPE_OCI_LAYER "+zstd", MEDIA_LAYER },
        { "application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER },
        { "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER },
        { "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER },
        { MEDIA_TYPE_DOCKER_LIST, MEDIA_INDEX },
        { MEDIA_TYPE_DOCKER_MANIFEST, MEDIA_MANIFEST },
        { MEDIA_TYPE_DOCKER_CONFIG, MEDIA_CONFIG },
        { MEDIA_TYPE_DOCKER_LAYER, MEDIA_LAYER },
        { MEDIA_TYPE_DOCKER_LAYER ".gzip", MEDIA_LAYER },
        { MEDIA_TYPE_DOCKER_LAYER ".zstd", MEDIA_LAYER },
        { "application/vnd.docker.image.rootfs.foreign.diff.tar", MEDIA_LAYER },
        { "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER },
};

bool media_type_equal(const char *a, const char *b)
{
        size_t len = strcspn(a, "; \t");

        return strcspn(b, "; \t") == len && strncasecmp(a, b, len) == 0;
}

enum media_kind media_type_kind(const char *media_type)
{
        for (size_t i = 0; i < ARRAY_SIZE(media_types); i++) {
                if (media_type_equal(media_types[i].name, media_type))
                        return media_types[i].kind;
        }
        return MEDIA_OTHER;
}

bool media_type_is_docker(const char *media_type)
{
        return strncasecmp(media_type, "application/vnd.docker.", 23) == 0;
}

bool media_type_is_foreign(const char *media_type)
{
        return media_type_kind(media_type) == MEDIA_LAYER &&
               (strcasestr(media_type, ".nondistributable.") ||
                strcasestr(media_type, ".foreign."));
}
