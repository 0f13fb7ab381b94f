/*
 * A cache as it is written: blobs, and a manifest that names them. Private to src/build/.
 */
#pragma once

#include "base/buf.h"
#include "build/transfer.h"
#include "oci/manifest.h"

struct artifact_blob {
        struct descriptor blob; /* owned */
        struct buf bytes;       /* of a document; empty where the store has the blob */
};

struct artifact {
        struct artifact_blob *blobs; /* owned; the last is the manifest */
        size_t count;
};

void artifact_done(struct artifact *artifact);

/* Each adds a blob: one of the store, or a document, whose bytes become the artifact's. */
int artifact_add_stored(struct artifact *artifact, const struct descriptor *blob,
                        struct error *err);
int artifact_add_document(struct artifact *artifact, const char *media_type, struct buf *bytes,
                          struct error *err);

/* Writes it into a directory, as an image of an OCI layout by the name `tag`. What is there stays,
 * but for what had this name. */
int artifact_write(struct store *store, const struct artifact *artifact, const char *path,
                   const char *tag, struct error *err);

/* Puts it into a registry (push.c). */
int artifact_push(struct store *store, const struct artifact *artifact, const char *reference,
                  const struct transfer_watcher *watcher, struct error *err);
