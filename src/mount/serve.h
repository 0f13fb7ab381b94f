/*
 * One mount, from its beginning to its end: private to src/mount/.
 */
#pragma once

#include "base/error.h"
#include "options.h"

/* What is told while the mount lives. */
struct mount_events {
        /* The mount can be used; with a warning for a person, or "". */
        void (*ready)(void *context, const char *warning);
        /* The mount is gone, and what was changed cannot be sealed at present. */
        void (*stuck)(void *context, const struct error *err);
        void *context;
};

/*
 * Opens the layers, mounts their union on `target` (an absolute path), serves it until it is
 * unmounted, and seals what was changed into the upper directory; where that fails, until it
 * succeeds. SIGTERM, SIGINT and SIGHUP unmount it, and end what cannot be sealed. The process has
 * one thread when this is called.
 *
 * -EIO: it is sealed, but for files that cannot be read, which the error names.
 */
int mount_serve(const struct mount_options *options, const char *target,
                const struct mount_events *events, struct error *err);
