/*
 * Records of steps as one blob, for a cache that is shared. Private to src/build/.
 *
 * A line that says what it is and in which byte order observations are, then of each record a line
 * "GROUP KEY LENGTH" and its bytes (record.h). Who reads it trusts nothing of it: what a record
 * says is checked when it is of use (cache_import.h).
 */
#pragma once

#include "base/buf.h"
#include "oci/digest.h"

#define SHARED_RECORDS_TYPE "application/vnd.varve.cache.records.v1"

/* Of a blob from outside. */
#define SHARED_RECORDS_BYTES_MAX ((size_t)256 << 20)
#define SHARED_RECORDS_COUNT_MAX 65536u

struct shared_record {
        struct digest group;
        struct digest key;
        const char *text; /* borrowed */
        size_t len;
};

/* Both append, and return 0 or -ENOMEM. */
int shared_records_begin(struct buf *ret);
int shared_records_add(const struct shared_record *record, struct buf *ret);

/* Yields the records, which the caller frees; their texts are the blob's. -EBADMSG; -ESTALE: it is
 * of another version or of machines of another byte order; -ENOMEM. */
int shared_records_parse(const char *data, size_t len, struct shared_record **ret,
                         size_t *ret_count);
