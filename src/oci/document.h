/*
 * What manifests and indexes have in common: being read strictly, and being written.
 */
#pragma once

#include "base/error.h"
#include "base/strmap.h"
#include "oci/descriptor.h"
#include "oci/media_type.h"

#include <jansson.h>

/* The members that a manifest and an index share. Everything is owned. */
struct document {
        json_t *object;
        char *media_type;
        char *artifact_type;
        struct descriptor *subject;
        struct strmap annotations;
};

#define DOCUMENT_INIT ((struct document){ .object = NULL })

/* A kind of document: which members it must not have, and its type where nothing says which. */
struct document_kind {
        const char *name; /* "the manifest" */
        enum media_kind kind;
        const char *default_media_type;
        const char *const *foreign_members; /* those of other kinds; ends with NULL */
};

/* Parses and checks all but the lists of descriptors, as manifest_parse() says. */
int document_parse(const void *data, size_t len, const char *media_type,
                   const struct document_kind *kind, struct document *ret, struct error *err);
void document_done(struct document *document);

/* Reads a member that is an array of descriptors; null is an empty one. */
int document_read_list(const json_t *object, const char *key, struct descriptors *ret,
                       struct error *err);

/* Begins a document: schemaVersion, mediaType, artifactType. */
int document_begin(const char *media_type, const char *artifact_type, json_t **ret,
                   struct error *err);
int document_write_descriptor(json_t *object, const char *key, const struct descriptor *descriptor,
                              struct error *err);
int document_write_list(json_t *object, const char *key, const struct descriptors *list,
                        struct error *err);

/* Ends it: subject and annotations. */
int document_end(json_t *object, const struct descriptor *subject, const struct strmap *annotations,
                 struct buf *ret, struct error *err);

void document_free_subject(struct descriptor *subject);
