/*
 * The image that a container is made of. Private to src/cli/.
 */
#pragma once

#include "cli.h"
#include "store/images.h"

struct run_image {
        const char *pull;
        const char *platform;
        bool quiet;
};

/* Lines for a command's table of options. */
/* clang-format off */
#define RUN_IMAGE_OPTIONS(flags) \
        { OPTION_STRING, 0, "pull", &(flags)->pull, "WHEN", \
          "Ask registries for the image: missing (the default), always, newer or never" }, \
        { OPTION_STRING, 0, "platform", &(flags)->platform, "OS/ARCH", \
          "Which of an image's platforms (this machine's)" }, \
        { OPTION_FLAG, 'q', "quiet", &(flags)->quiet, NULL, "Show no progress of a pull" }
/* clang-format on */

/* Pulls the image where that is wanted, or where the store's is none for the platform that was
 * asked for, and fetches those of its layers that the store lacks. -ENOENT: there is none for the
 * platform. */
int run_image_provide(struct store *store, const char *name, const struct run_image *flags,
                      struct stored_image *ret, struct error *err);
