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

struct import_options {
        const char *name;           /* NULL: none */
        const char *message;        /* of its history; NULL: where it was imported from */
        const struct strv *changes; /* instructions of a Dockerfile (config_change.h), or NULL */
};

/*
 * Makes an image of one layer out of a root filesystem's tar, plain or compressed. `path` "-" is
 * standard input.
 */
int image_import(struct store *store, const char *path, const struct import_options *options,
                 struct descriptor *ret, struct error *err);

enum image_format {
        IMAGE_OCI_ARCHIVE,
        IMAGE_OCI_DIRECTORY,
        IMAGE_DOCKER_ARCHIVE,
};

/* Where it is written: an archive to `out`, a directory to the empty one of `dir_fd`. */
struct save_target {
        enum image_format format;
        const struct byte_sink *out;
        int dir_fd;
};

/* Writes images, by name or ID. Of an index of which the store has all images OCI's forms get all,
 * else, as Docker's does, the one for this machine. */
int images_save(struct store *store, const struct strv *names, const struct save_target *target,
                struct error *err);

/* Writes the image of a descriptor, under these names, whole references. `platform` as
 * store_image_load() takes it. */
int image_save(struct store *store, const struct descriptor *root, const struct platform *platform,
               const struct strv *names, const struct save_target *target, struct error *err);
