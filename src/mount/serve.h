/*
 * One mount, from its beginning to its end: private to src/mount/.
 */
#pragma once

#include "base/error.h"
#include "options.h"

/*
 * Opens the layers, mounts their union on `target` (an absolute path), serves it until it is
 * unmounted, and seals what was changed into the upper directory. SIGTERM, SIGINT and SIGHUP
 * unmount it. The process has one thread when this is called.
 *
 * `ready` is called once the mount can be used, with a warning for a person or "".
 */
int mount_serve(const struct mount_options *options, const char *target,
                void (*ready)(void *context, const char *warning), void *context,
                struct error *err);
