/*
 * COPY and ADD: which files go where, and putting them there. Private to src/build/.
 *
 * The rules are those of BuildKit (https://docs.docker.com/reference/dockerfile/#copy): sources
 * are rooted in the source, wildcards are Go's filepath.Match for one component each, of a
 * directory its contents are copied, a symlink that is a source is followed and one below is kept.
 */
#pragma once

#include "base/stream.h"
#include "base/strv.h"
#include "copy_source.h"
#include "dockerfile/instruction.h"
#include "dockerfile/mode.h"
#include "key.h"

/* Directories inside directories. */
#define COPY_DEPTH_MAX 2000

/* One file or directory to copy. */
struct copy_item {
        char *path;   /* in the source; owned */
        char *target; /* in the image, absolute; owned */
        char *name;   /* what it is called inside `target` where that is a directory; owned, NULL
                       * for what can only be `target` itself */
        struct copy_stat st;
        bool is_destination; /* the directory that contents are copied to: kept if it is there */
        bool unpack;         /* ADD: an archive, to be unpacked into the directory `target` */
};

struct copy_items {
        struct copy_item *items; /* owned */
        size_t count;
        size_t cap;
};

void copy_items_done(struct copy_items *items);

/* What COPY is asked to do. */
struct copy_rules {
        const struct copy_source *source;
        const char *const *sources; /* as written, expanded */
        size_t source_count;
        const char *destination;      /* absolute and clean but for a trailing slash */
        bool unpacks;                 /* ADD: local archives are unpacked */
        bool is_literal;              /* the sources are paths, not patterns */
        bool parents;                 /* --parents */
        const struct ignore *exclude; /* of --exclude, or NULL: paths below a source */
};

/* Whether a destination, as it is written, can be nothing but a directory. */
bool copy_names_directory(const char *written);

/* Of sources of several kinds - local ones, URLs, repositories, here-documents - it is not seen
 * that two of them go to one name: -EINVAL, unless the destination names a directory. */
int copy_check_parts(const struct instruction_copy *copy, struct error *err);

/* Finds what there is to copy, in a reproducible order, whatever the image holds. -ENOENT, -EINVAL,
 * -ELOOP: the error names the source. */
int copy_find(const struct copy_rules *rules, struct copy_items *ret, struct error *err);

/* How it is written. */
struct copy_manner {
        const struct tree_owner *owner; /* NULL: as in the source */
        const struct mode_change *mode; /* NULL: as in the source */
};

/*
 * Reads all items once: adds what they are, and hold, to `key` where it is not NULL, and writes
 * them into `image` where that is not NULL.
 */
int copy_items_apply(const struct copy_source *source, const struct copy_items *items,
                     const struct copy_manner *manner, struct tree *image, struct key *key,
                     struct error *err);

/* Refuses, with -EINVAL, a path in the image that has a name which begins with ".wh.": in a layer
 * it would be a deletion. */
int copy_check_target(const char *path, struct error *err);

/* ---- copy_unpack.c ---- */

/* Whether a file is a tar archive, of any compression that is known. Returns 1 or 0. */
int copy_is_archive(const struct copy_source *source, const char *path, struct error *err);

/* Unpacks an archive, of any compression that is known, into the root of an empty tree. */
int copy_unpack_stream(const struct byte_source *source, struct tree *image, struct error *err);

/* Unpacks an archive into a directory of the image. */
int copy_unpack(const struct copy_source *source, const struct copy_item *item,
                const struct copy_manner *manner, struct tree *image, struct error *err);
