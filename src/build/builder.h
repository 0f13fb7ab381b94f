/*
 * Building for one platform. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "outputs.h"

/* Builds for the first of the platforms of the options, and puts the image into the store, without
 * a name. `advises`: what could be better about the Dockerfile is told. `ret` is empty before;
 * its parts are the caller's, also after an error. Errors as build_image(). */
int builder_run(struct store *store, const struct build_options *options, bool advises,
                struct built *ret, struct build_fault *ret_fault, struct error *err);
