/*
 * What a build has to do, before anything is done. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "build/layers.h"
#include "builder_args.h"
#include "context.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/expand.h"
#include "store/images.h"

/* An image of the store that the build begins with or copies from. */
struct plan_image {
        char *name;     /* as the Dockerfile has it; owned */
        char *platform; /* that was wanted; owned */
        struct stored_image image;
};

/* What --build-context gives a name: an image (PLAN_SOURCE_IMAGE) or files. */
enum plan_source_kind { PLAN_SOURCE_STAGE, PLAN_SOURCE_IMAGE, PLAN_SOURCE_CONTEXT };

/* What --from or a mount's from means. */
struct plan_source {
        enum plan_source_kind kind;
        size_t index; /* of the stage, of the image, or in `contexts` */
};

struct plan_context {
        const char *name; /* borrowed from the options, as the next */
        const char *text; /* what it stands for */
        enum plan_source_kind kind;
        struct context context; /* CONTEXT */
        size_t image;           /* IMAGE: its index */
        bool resolved;          /* it is there */
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
        size_t base_index;        /* of the stage or the image */
        const char *base_context; /* what SCRATCH is filled with, or NULL */
        struct platform platform; /* what it is built for: the target's, or as FROM says */
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
        struct context context;
        struct plan_context *contexts; /* owned; those with names */
        size_t context_count;
        struct dockerfile *file;
        struct strv globals;  /* values of ARG before the first FROM, of platforms, "NAME=value" */
        struct strv declared; /* the names of those ARGs */
        struct plan_stage *stages;
        size_t stage_count;
        size_t target;
        struct plan_image *images; /* owned */
        size_t image_count;
        struct platform platform; /* of the target */
        struct platform host;     /* where it is built */
        struct builder_args builder_args;
        bool has_epoch; /* the Dockerfile says it, and nobody else */
        struct timespec epoch;
};

void plan_done(struct plan *plan);

/* Reads the Dockerfile and makes the plan of what `options` ask for. `ret_fault` as build_image().
 */
int plan_make(struct store *store, const struct build_options *options, struct plan *ret,
              struct build_fault *ret_fault, struct error *err);

/* The values of ARG before the first FROM, and of platforms, where --build-arg says `args` (or
 * NULL), as "NAME=value". */
int plan_globals(const struct plan *plan, const struct strv *args, struct strv *ret,
                 struct build_fault *ret_fault, struct error *err);

/* What `name` stands for as seen from a stage, if it is known. A number is that of a stage where
 * `numbers`: in COPY --from, not in mounts. */
bool plan_find_source(const struct plan *plan, const struct plan_stage *stage, const char *name,
                      bool numbers, struct plan_source *ret);

/* What to call an image that a RUN's mounts or a COPY take files from. Its layers, owned by the
 * caller. */
int plan_image_layers(const struct plan *plan, size_t image, struct layers *ret, struct error *err);

/* ---- epoch.c ---- */

/* Finds what an ARG SOURCE_DATE_EPOCH before the first FROM says, where nobody else does: seconds
 * since 1970, or "context". */
int plan_find_epoch(struct plan *plan, struct build_fault *ret_fault, struct error *err);

/* ---- plan_sources.c ---- */

/* Finds an image, in the store or else in a registry, and gives it a place in the plan. Of one that
 * is not in the store only the config comes now: its layers may never be needed. */
int plan_add_image(struct store *store, struct plan *plan, const char *name,
                   const struct platform *platform, size_t *ret, struct error *err);

/* Gives an image of the store a place in the plan, as plan_add_image() does. Owns `image`. */
int plan_add_stored(struct plan *plan, const char *name, const struct platform *platform,
                    struct stored_image *image, size_t *ret, struct error *err);

/* The named context that `name` is, there by then; NULL for none. */
int plan_resolve_context(struct store *store, struct plan *plan, const char *name,
                         struct plan_context **ret, struct error *err);

/* Sees to what the steps of a stage copy from and mount. */
int plan_resolve_sources(struct store *store, struct plan *plan, struct plan_stage *stage,
                         struct build_fault *ret_fault, struct error *err);

/* Whether a word says what it says whatever the variables are; NULL does not. */
bool plan_is_plain(const char *text);

/* Refuses by name, before anything is done, what would otherwise be passed over. */
int plan_check_steps(const struct plan *plan, const struct plan_stage *stage,
                     struct build_fault *ret_fault, struct error *err);

/* ---- plan_context.c ---- */

/* Opens the contexts and reads the Dockerfile's text. */
int plan_open_context(struct store *store, const struct build_options *options, struct plan *plan,
                      struct error *err);

/* Gets a context with a name that is not there yet: an image, a repository or a file. */
int plan_get_context(struct store *store, struct plan *plan, struct plan_context *context,
                     struct error *err);

/* The context of this name, or NULL: "debian" is also that of FROM debian:latest. */
struct plan_context *plan_find_context(const struct plan *plan, const char *name);

/* The Dockerfile's name, without where it lies. */
const char *plan_file_name(const struct plan *plan);

/* Names the instruction in an error, "Dockerfile:3: ...", and shows its lines in `ret_fault`. */
int plan_blame(const struct plan *plan, const struct instruction *instruction,
               struct source_position where, struct build_fault *ret_fault, struct error *err);
