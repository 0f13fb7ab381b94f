/*
 * A sealed layer, as files of one directory: private to src/mount/.
 *
 * NAME.tar is the layer, NAME.idx its index, which can be made again from the tar at any time.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "fs/change.h"
#include "fs/tree.h"

#include <stdbool.h>

/*
 * Opens the layer of which `tar` is the tar's name in the directory. Where there is no index of it,
 * or one that is damaged, of another version or of another tar, one is made in memory. `own`: it
 * was sealed by sealed_replace(), so that it is known how it ends. -ENOENT: there is no such tar.
 * -EBADMSG: it is not one, or is cut; the error says so too of a compressed one.
 */
int sealed_open(int dir_fd, const char *tar, bool own, struct tree_layer *ret, struct error *err);

/* Removes what a sealing that was killed has left. */
void sealed_remove_rest(int dir_fd, const char *tar);

/*
 * Replaces the layer `tar` by what is in the list, as a whole or not at all: an error, or an end at
 * any moment, leaves the one or the other. A list that is empty leaves no layer. After an error it
 * can be tried again.
 *
 * Files that may not be read are taken out of the list, and told in `ret_left_out`.
 */
int sealed_replace(int dir_fd, const char *tar, struct change_list *changes,
                   struct buf *ret_left_out, struct error *err);
