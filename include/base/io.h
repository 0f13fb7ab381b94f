/*
 * Whole reads and writes, and files that appear at once or not at all: floor 0.
 *
 * Every descriptor is opened with O_CLOEXEC. EINTR is retried everywhere.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"

#include <dirent.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads until `len` bytes or the end, also of a descriptor that does not block. Returns the number
 * of bytes, or a negative errno. */
ssize_t io_read(int fd, void *data, size_t len);
ssize_t io_pread(int fd, void *data, size_t len, off_t offset);

/* Writes all of `len` bytes. Returns 0 or a negative errno. */
int io_write(int fd, const void *data, size_t len);
int io_pwrite(int fd, const void *data, size_t len, off_t offset);

/*
 * Reads the whole of `path` (relative to `dir_fd`, or AT_FDCWD) and appends it to `ret`.
 * More than `max_bytes` is -EFBIG. Errors name the path. A FIFO that nobody writes to is empty.
 */
int io_read_file(int dir_fd, const char *path, size_t max_bytes, struct buf *ret,
                 struct error *err);

/* The same of a descriptor from where it stands; `name` is for errors. */
int io_read_fd(int fd, const char *name, size_t max_bytes, struct buf *ret, struct error *err);

/*
 * Replaces `path` by a file of these bytes and of this mode: written beside it under a name that
 * nobody else uses, fsynced, renamed over it, and its directory fsynced. On an error nothing has
 * changed and nothing is left.
 */
int io_write_file_atomic(int dir_fd, const char *path, const void *data, size_t len, mode_t mode,
                         struct error *err);

/* Makes `path` and the directories above it that are missing (mode 0700 each). */
int io_mkdir_parents(const char *path, struct error *err);

/*
 * Opens the directory `name` in `dir_fd` (no symbolic link; "." with a position of its own) to be
 * listed. Returns 0 or a negative errno. The caller closes `*ret` by closedir().
 */
int io_open_dir(int dir_fd, const char *name, DIR **ret);

/*
 * Appends the names in a directory but "." and "..", in no order. `fd` is any descriptor of it and
 * stays as it is. Returns 0 or a negative errno.
 */
int io_list_names(int fd, struct strv *ret);

/* Appends the target of the symlink `name`, or with "" of `fd` itself. Returns 0 or a negative
 * errno. */
int io_readlink(int fd, const char *name, struct buf *ret);

/*
 * Opens a file to read, or a directory to read and to change, of the caller's own: where its mode
 * keeps its owner out, it gets the bits that let him in. Returns the descriptor or a negative
 * errno; -ELOOP for a symlink, -EINVAL for whatever else is neither.
 */
int io_open_own(int dir_fd, const char *name);

/*
 * Removes a directory tree or file; what is not there is no error. Never follows a symlink, and
 * never leaves the tree, even if somebody moves its directories meanwhile (-EXDEV). However deep
 * the tree is, it takes two descriptors.
 */
int io_remove_tree(int dir_fd, const char *path, struct error *err);

/* Copies `len` bytes from `in` at `offset` to where `out` stands. -ENODATA when `in` ends first. */
int io_copy_range(int in, off_t offset, uint64_t len, int out);
