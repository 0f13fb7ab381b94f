/*
 * Writing tar archives as a stream: floor 1.
 *
 * The form is ustar where an entry fits in it and pax else: what a pax record says is said by
 * records sorted by key. The same entries give the same bytes, whatever the locale, the time, the
 * process or the user. User and group names are not written. Sparse files are GNU's pax format 1.0,
 * which GNU tar, bsdtar, Python and Go read.
 */
#pragma once

#include "archive/entry.h"
#include "base/error.h"
#include "base/stream.h"

#include <stddef.h>
#include <stdint.h>

struct tar_writer;

/* The archive's bytes go to `out`, which is borrowed and outlives the writer. Returns 0 or -ENOMEM.
 */
int tar_writer_new(const struct byte_sink *out, struct tar_writer **ret, struct error *err);
void tar_writer_free(struct tar_writer *writer);

/*
 * Writes the headers of an entry. A directory's name gets a "/" at its end. The content of the
 * entry before must be complete. `ret_data_offset` is where this one's content begins. Returns 0,
 * -ENOMEM, -EINVAL for what a tar cannot hold (a socket, an empty name, a name with a trailing
 * slash that is no directory, extents out of order), or what `out` returned.
 */
int tar_writer_add(struct tar_writer *writer, const struct entry *entry, uint64_t *ret_data_offset,
                   struct error *err);

/* Writes the next bytes of the entry's content: of a sparse file its runs of data, one after
 * another. -EINVAL for more than the entry has. */
int tar_writer_data(struct tar_writer *writer, const void *data, size_t len, struct error *err);

/* Writes the end marker, two blocks of zeros and no more. */
int tar_writer_finish(struct tar_writer *writer, struct error *err);
