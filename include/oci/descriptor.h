/*
 * Descriptors, by which image documents point at each other: floor 1.
 *
 * OCI image-spec, descriptor.md.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strmap.h"
#include "base/strv.h"
#include "oci/digest.h"
#include "oci/platform.h"

#include <jansson.h>
#include <stdint.h>

struct descriptor {
        char *media_type; /* owned, as all of them */
        struct digest digest;
        uint64_t size;
        struct strv urls;
        struct strmap annotations;
        bool has_data; /* `data` is the whole content */
        struct buf data;
        struct platform *platform; /* NULL where none is given */
        char *artifact_type;
};

#define DESCRIPTOR_INIT ((struct descriptor){ .media_type = NULL })

void descriptor_done(struct descriptor *descriptor);

/* A copy. Returns 0 or -ENOMEM. */
int descriptor_copy(const struct descriptor *from, struct descriptor *ret);

/*
 * Reads a descriptor. mediaType, digest and size must be there; embedded `data` must have this size
 * and digest. Returns 0, -ENOMEM, or -EBADMSG.
 */
int descriptor_read(const json_t *object, struct descriptor *ret, struct error *err);

/* The descriptor as a new JSON object, members in the order of Go's image-spec. */
int descriptor_write(const struct descriptor *descriptor, json_t **ret, struct error *err);

/* A list of them. */
struct descriptors {
        struct descriptor *items; /* owned */
        size_t count;
};

void descriptors_done(struct descriptors *list);

/* Appends an empty descriptor for the caller to fill. NULL when memory ran out. */
struct descriptor *descriptors_add(struct descriptors *list);
