/*
 * Media types of images, OCI's and Docker's: floor 1.
 */
#pragma once

#include <stdbool.h>

#define MEDIA_TYPE_OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_OCI_CONFIG   "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_OCI_EMPTY    "application/vnd.oci.empty.v1+json"
#define MEDIA_TYPE_OCI_LAYER    "application/vnd.oci.image.layer.v1.tar" /* plain; +gzip, +zstd */

#define MEDIA_TYPE_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_TYPE_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define MEDIA_TYPE_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar" /* plain; .gzip */

enum media_kind {
        MEDIA_OTHER,
        MEDIA_INDEX,
        MEDIA_MANIFEST,
        MEDIA_CONFIG,
        MEDIA_LAYER, /* foreign ones too */
};

/* Parameters ("; charset=utf-8"), as a Content-Type may have, do not count. */
enum media_kind media_type_kind(const char *media_type);
bool media_type_equal(const char *a, const char *b);

/* One of Docker's types. */
bool media_type_is_docker(const char *media_type);

/* A layer that registries need not hold: its descriptor says by URLs where it is. */
bool media_type_is_foreign(const char *media_type);
