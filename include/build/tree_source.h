/*
 * A tree, or what it has beyond another one, as the entries of an archive: floor 3.
 */
#pragma once

#include "archive/entry.h"
#include "base/error.h"
#include "base/stream.h"
#include "fs/tree.h"

#include <stdbool.h>

struct tree_source;

/*
 * All of `is` but its root and what no archive can hold (sockets); or with `base` the layer that
 * makes `is` of it: what was added and changed, the root too, and ".wh.NAME" for what is gone. The
 * trees are borrowed, and must not change meanwhile.
 */
int tree_source_new(struct tree *base, struct tree *is, struct tree_source **ret,
                    struct error *err);
void tree_source_free(struct tree_source *source);

/* The entries, in the order of their paths, hard links behind the first name of their file. To be
 * read once. */
struct entry_source tree_source_entries(struct tree_source *source);

/* Writes a whole tree as a tar. */
int tree_write_tar(struct tree *tree, const struct byte_sink *out, struct error *err);
