/*
 * -v, --mount and --tmpfs, as Docker writes them. Private to src/cli/.
 */
#pragma once

#include "container/spec.h"

/* Each adds what a person has written to the spec's mounts. -EINVAL: it is not understood;
 * -EOPNOTSUPP: it is, and cannot be done. */
int mount_flags_volume(const char *text, struct container_spec *spec, struct error *err);
int mount_flags_mount(const char *text, struct container_spec *spec, struct error *err);
int mount_flags_tmpfs(const char *text, struct container_spec *spec, struct error *err);

/* VOLUME of the image, unless something else is mounted there. */
int mount_flags_image_volume(const char *path, struct container_spec *spec, struct error *err);
