/*
 * One image of an OCI layout. Private to src/build/.
 */
#pragma once

#include "base/error.h"
#include "store/images.h"
#include "store/store.h"

/* What "PATH[:TAG][@DIGEST]" names. */
struct layout_name {
        char *path; /* owned, as the next */
        char *tag;  /* NULL: not given */
        bool by_digest;
        struct digest digest;
};

void layout_name_done(struct layout_name *name);

/* A ":" that no tag can follow is of the path. -EINVAL: what follows "@" is no digest. */
int layout_name_parse(const char *text, struct layout_name *ret, struct error *err);

/*
 * Takes an image of a layout, a directory or an archive, into the store, without a name: the one of
 * the digest, or of the tag, or else "latest", or the only one. Where the only one has no name, a
 * tag that is given means it, too. -ENOENT: it has no such image. Else as images_load().
 */
int layout_load(struct store *store, const struct layout_name *name, struct stored_image *ret,
                struct error *err);
