/*
 * Images as files: taking them in, and writing them out: floor 3.
 */
#pragma once

#include "base/error.h"
#include "base/stream.h"
#include "base/strv.h"
#include "oci/descriptor.h"
#include "store/images.h"
#include "store/store.h"

/*
 * Loads the images of an OCI layout directory, or of an archive of one or of `docker save` (plain,
 * or compressed with gzip, zstd, xz or bzip2). The names that were set are appended to
 * `ret_names`; an image without one is there by its ID, "sha256:...". `path` "-" is standard input.
 *
 * Every digest of every image is checked before one of them gets its name. -EBADMSG: something is
 * not what it says, or is cut; -ENOENT.
 */
int images_load(struct store *store, const char *path, struct strv *ret_names, struct error *err);

/*
 * Makes an image of one layer out of a root filesystem's tar, plain or compressed, and names it
 * (`name` NULL: no name). `path` "-" is standard input.
 */
int image_import(struct store *store, const char *path, const char *name, struct descriptor *ret,
                 struct error *err);

enum image_format {
        IMAGE_OCI_ARCHIVE,
        IMAGE_DOCKER_ARCHIVE,
};

/* Writes images, by name or ID, as one archive. */
int images_save(struct store *store, const struct strv *names, enum image_format format,
                const struct byte_sink *out, struct error *err);
