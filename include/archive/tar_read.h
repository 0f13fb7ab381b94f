/*
 * Reading tar archives as a stream: floor 1.
 *
 * The reader is fed the archive's bytes as they come and reports each entry with the offset of its
 * content, so that the caller can keep the archive as it is and read files from it in place.
 *
 * It is our own code and not libarchive's because layers are kept by their exact bytes: the offset
 * of every file's content must be exact for every form of sparse file, an archive must mean here
 * what it means to the Go programs that all other engines are, and what is not exactly a tar must
 * be refused and not guessed at.
 *
 * Read: V7, ustar, pax, GNU (long names, base-256 numbers, old sparse files) and star headers; pax
 * records, sparse files 0.0, 0.1 and 1.0 among them; SCHILY.xattr and LIBARCHIVE.xattr. Global pax
 * headers are checked and have no effect, as in Go. Names are given as archived, byte for byte:
 * whoever takes them cleans them.
 */
#pragma once

#include "archive/entry.h"
#include "base/error.h"
#include "base/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the pax records, a long name or a long link of one entry; Go's and libarchive's limit. */
#define TAR_META_BYTES_MAX (1024 * 1024)
#define TAR_PATH_MAX       (64 * 1024)
#define TAR_XATTRS_MAX     4096          /* of one entry */
#define TAR_XATTR_NAME_MAX 255           /* XATTR_NAME_MAX of Linux */
#define TAR_XATTR_SIZE_MAX 65536         /* XATTR_SIZE_MAX of Linux */
#define TAR_EXTENTS_MAX    (1024 * 1024) /* of one sparse file */

/* After the end marker: tar fills up its last record, which nobody makes larger. Without this, a
 * small blob of compressed zeros would fill a disk. */
#define TAR_TRAILER_BYTES_MAX (64u * 1024 * 1024)

struct tar_reader;

/*
 * `sink` gets the entries. `content` (NULL where nobody wants it) gets the content of each file
 * after its entry, as it is stored: the runs of data of a sparse file without its holes. Both are
 * borrowed and outlive the reader. Returns 0 or -ENOMEM.
 */
int tar_reader_new(const struct entry_sink *sink, const struct byte_sink *content,
                   struct tar_reader **ret, struct error *err);
void tar_reader_free(struct tar_reader *reader);

/*
 * Takes the next bytes of the archive. What follows the end marker is counted, and not
 * looked at. Returns 0, -EBADMSG for what is no tar or exceeds the limits above (the error names
 * the entry and the offset), -ENOMEM, or what a callback returned. After an error the reader is
 * only to be freed.
 */
int tar_reader_feed(struct tar_reader *reader, const void *data, size_t len, struct error *err);

/*
 * Says that the archive's bytes have ended. -EBADMSG where they may not. `ret_complete` is false
 * where the end marker is missing, as in archives of some tools: nothing then tells a whole archive
 * from one cut between two entries.
 */
int tar_reader_finish(struct tar_reader *reader, bool *ret_complete, struct error *err);
