/*
 * Image manifests, OCI's and Docker's (schema 2): floor 1.
 *
 * OCI image-spec, manifest.md; Docker's "Image Manifest Version 2, Schema 2". A manifest that was
 * not made here is never written anew: its digest is that of its bytes, which the caller keeps.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strmap.h"
#include "oci/descriptor.h"

#define MANIFEST_BYTES_MAX (4 * 1024 * 1024) /* what registries take; indexes and configs too */

struct manifest {
        char *media_type;    /* MEDIA_TYPE_OCI_MANIFEST or MEDIA_TYPE_DOCKER_MANIFEST; owned */
        char *artifact_type; /* NULL but for artifacts; owned */
        struct descriptor config;
        struct descriptors layers;  /* lowest first */
        struct descriptor *subject; /* the manifest that this one speaks of, or NULL; owned */
        struct strmap annotations;
};

#define MANIFEST_INIT ((struct manifest){ .media_type = NULL })

/*
 * Parses a manifest. `media_type` is what the descriptor or the Content-Type said, or NULL where
 * nothing did. Refused with -EBADMSG: a document that says it is of another type, one that has
 * members of an index or of a schema 1 manifest, or the same member in two spellings
 * (CVE-2021-41190), and layers or a config of types that are none. -EFBIG above
 * MANIFEST_BYTES_MAX; -ENOMEM.
 */
int manifest_parse(const void *data, size_t len, const char *media_type, struct manifest *ret,
                   struct error *err);
void manifest_done(struct manifest *manifest);

/* Appends the manifest's text: the same manifest gives the same bytes. Docker's form leaves out
 * what it has no place for (subject, annotations). Returns 0 or -ENOMEM. */
int manifest_write(const struct manifest *manifest, struct buf *ret, struct error *err);
