/*
 * Building for one platform. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "outputs.h"
#include "plan.h"

struct builder;

/* Makes the plan for the first of the platforms of the options, which are borrowed, and refuses
 * what cannot be done: nothing is carried out. `advises`: what could be better about the Dockerfile
 * is told. `ret_fault` is borrowed too. Errors as build_image(). */
int builder_new(struct store *store, const struct build_options *options, bool advises,
                struct builder **ret, struct build_fault *ret_fault, struct error *err);
void builder_free(struct builder *builder);

const struct plan *builder_plan(const struct builder *builder);

/* Carries the plan out, as often as it is called, and puts the image into the store, without a
 * name. `ret` is empty before; its parts are the caller's, also after an error. Errors as
 * build_image(). */
int builder_run(struct builder *builder, struct built *ret, struct error *err);
