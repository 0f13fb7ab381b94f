/*
 * An image of what a container has become: floor 4.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "container/container.h"
#include "oci/descriptor.h"

struct commit_options {
        const char *name;   /* NULL: none */
        const char *author; /* or NULL, as the next */
        const char *message;
        const struct strv *changes; /* instructions of a Dockerfile */
};

/*
 * Makes an image of the container's image with its own layers on top, which become blobs as they
 * lie there, and its command, environment and so on. `ret_id` is the image's ID. Of one that runs,
 * what it has changed by now.
 */
int container_commit(struct store *store, struct container *container,
                     const struct commit_options *options, struct digest *ret_id,
                     struct error *err);
