/*
 * How the blobs of layers are compressed. Private to src/build/.
 */
#pragma once

#include "archive/compression.h"
#include "base/error.h"
#include "oci/descriptor.h"

/* Sets the type of a layer's blob, and the annotation that says how it was made. */
int layer_describe_blob(const struct compression *compression, struct descriptor *blob,
                        struct error *err);
