/*
 * What a build has to do, before anything is done. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/expand.h"
#include "store/images.h"

/* An image of the store that the build begins with or copies from. */
struct plan_image {
        char *name; /* as the Dockerfile has it; owned */
        struct stored_image image;
};

enum plan_base { PLAN_SCRATCH, PLAN_IMAGE, PLAN_STAGE };

/* One instruction to carry out. */
struct plan_step {
        const struct instruction *instruction;
        unsigned number; /* of those that are shown; 0: it only changes the config */
        char *title;     /* owned */
};

struct plan_stage {
        const struct stage *stage;
        size_t index;
        bool needed;
        enum plan_base base;
        size_t base_index; /* of the stage or the image */
        struct plan_step from;
        struct plan_step *steps; /* owned; ONBUILD triggers of the base first */
        size_t step_count;
        bool *needs;                  /* owned; of each stage: its result is needed */
        struct dockerfile **triggers; /* owned, each too */
        size_t trigger_count;
};

struct plan {
        const struct build_options *options; /* borrowed */
        char *path;                          /* of the Dockerfile; owned */
        struct buf text;
        struct dockerfile *file;
        struct strv globals;  /* values of ARG before the first FROM, of platforms, "NAME=value" */
        struct strv declared; /* the names of those ARGs */
        struct plan_stage *stages;
        size_t stage_count;
        size_t target;
        struct plan_image *images; /* owned */
        size_t image_count;
        struct platform platform;
};

void plan_done(struct plan *plan);

/* Reads the Dockerfile and makes the plan of what `options` ask for. `ret_fault` as build_image().
 */
int plan_make(struct store *store, const struct build_options *options, struct plan *ret,
              struct build_fault *ret_fault, struct error *err);

/* What --from names, as seen from a stage: a stage (true) or an image. */
bool plan_find_source(const struct plan *plan, const struct plan_stage *stage, const char *name,
                      size_t *ret_index);

/* The Dockerfile's name, without where it lies. */
const char *plan_file_name(const struct plan *plan);

/* Names the instruction in an error, "Dockerfile:3: ...", and shows its lines in `ret_fault`. */
int plan_blame(const struct plan *plan, const struct instruction *instruction,
               struct source_position where, struct build_fault *ret_fault, struct error *err);
