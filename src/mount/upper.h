/*
 * An upper directory: private to src/mount/.
 *
 * It is a plain directory that was there before, which is never changed, under a sealed layer that
 * holds what mounts have changed: `.varve/layer.tar` and its index. A mount that has it for its
 * upper keeps it to itself until it has sealed it; mounts that have it for a lower share it.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "fs/change.h"
#include "fs/tree.h"

#include <stdbool.h>

struct upper {
        int dir_fd;  /* owned; the directory */
        int own_fd;  /* owned; its `.varve`, -1 where there is none */
        int lock_fd; /* owned; -1 likewise */
};

#define UPPER_INIT ((struct upper){ .dir_fd = -1, .own_fd = -1, .lock_fd = -1 })

void upper_done(struct upper *upper);

/*
 * Opens the directory. `to_change`: its `.varve` is made if need be, and it is kept from every
 * other mount; else only from those that change it. Waits while another mount, whose end has begun,
 * is sealing it. -EBUSY: another mount has it and goes on having it, or cannot seal it at present.
 *
 * Appends to `ret_warning` what went wrong when a mount before sealed it.
 */
int upper_open(const char *path, bool to_change, struct upper *ret, struct buf *ret_warning,
               struct error *err);

/* Adds the layers that it consists of, the bottom first: one or two. */
int upper_layers(const struct upper *upper, const char *path, struct tree_layer *ret,
                 size_t *ret_count, struct error *err);

/* Says that the mount is gone: who waits for the directory now waits for the sealing to end. */
void upper_unmounted(const struct upper *upper);

/* Replaces the sealed layer by what is in the list, as sealed_replace(). */
int upper_seal(const struct upper *upper, struct change_list *changes, struct buf *ret_left_out,
               struct error *err);

/* Keeps a message for those that want the directory before it is sealed, and for the next mount if
 * it never is. NULL: there is none any more. Returns 0, or a negative errno, which is not that the
 * disk is full: there is room for it since the directory was opened. */
int upper_keep_message(const struct upper *upper, const char *message);

/* Whether the directory is still there. */
bool upper_is_there(const struct upper *upper);
