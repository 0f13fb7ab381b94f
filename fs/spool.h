/*
 * Where the bytes lie that steps write: one space of blocks, the first part of it in memory, the
 * rest in one file without a name. Private to fs/.
 *
 * Blocks are handed out from the end, so that what is written together lies together; once a good
 * part has been given back, those are used again. Safe from any thread.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>

#define SPOOL_BLOCK 512u

struct spool;

/* `dir_fd` is borrowed for as long as the spool lives. */
int spool_new(int dir_fd, uint64_t memory_max, struct spool **ret, struct error *err);
void spool_free(struct spool *spool);

/* Takes up to `want` blocks that lie together. Returns 0 and how many there are (at least 1), or a
 * negative errno. */
int spool_take(struct spool *spool, uint64_t want, uint64_t *ret_block, uint64_t *ret_count);
void spool_give(struct spool *spool, uint64_t block, uint64_t count);

/* Whether memory ends and the file begins at `block`: no run goes across. */
bool spool_is_seam(const struct spool *spool, uint64_t block);

/* `offset` is in bytes from the beginning of `block`; the range lies within blocks taken at once.
 */
int spool_write(struct spool *spool, uint64_t block, uint64_t offset, const void *data, size_t len);
int spool_read(struct spool *spool, uint64_t block, uint64_t offset, void *data, size_t len);

int spool_statfs(const struct spool *spool, struct statvfs *ret);
