/*
 * Platforms as members of JSON objects: descriptors and configs have the same ones.
 */
#pragma once

#include "base/error.h"
#include "oci/platform.h"

#include <jansson.h>

/* Reads os, architecture, variant, os.version and os.features; none need be there, and nothing is
 * normalised. Returns 0, -EBADMSG or -ENOMEM. */
int platform_read(const json_t *object, struct platform *ret, struct error *err);

/* Adds them in the order of Go's image-spec. Returns 0 or -ENOMEM. */
int platform_write(const struct platform *platform, json_t *object);
