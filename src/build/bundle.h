/*
 * A directory or a tar archive, as a set of files that are read in any order. Private to
 * src/build/.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/stream.h"
#include "store/store.h"

#include <stdint.h>

struct bundle;

/* Opens a directory, or an archive (of any compression that is known; "-" is standard input). What
 * cannot be read in any order as it lies goes to a file of the store's tmp/ first. */
int bundle_open(struct store *store, const char *path, struct bundle **ret, struct error *err);
void bundle_free(struct bundle *bundle);

/* The path that was opened; borrowed. */
const char *bundle_path(const struct bundle *bundle);

bool bundle_has(const struct bundle *bundle, const char *path);

/* A file of it that is being read: a range of a descriptor. */
struct bundle_file {
        int fd; /* owned where `close` */
        bool close;
        uint64_t offset;
        uint64_t left;
        const char *name; /* borrowed, for errors */
};

/* -ENOENT: the error names the file. */
int bundle_file_open(const struct bundle *bundle, const char *path, struct bundle_file *ret,
                     struct error *err);
void bundle_file_close(struct bundle_file *file);

/* The file as a stream, from where it stands. */
struct byte_source bundle_file_source(struct bundle_file *file);

/* Reads a whole small file and appends it. */
int bundle_read(const struct bundle *bundle, const char *path, size_t max_bytes, struct buf *ret,
                struct error *err);
