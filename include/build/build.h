/*
 * Building an image from a Dockerfile: floor 3.
 *
 * The calling process plans, starts one worker process for each stage that is needed, passes their
 * reports on and stores the result. A worker owns its stage's union tree, serves its mounts, runs
 * its steps and seals what they change. When the caller is killed, its workers and all that they
 * run die with it.
 */
#pragma once

#include "archive/compression.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/strmap.h"
#include "base/strv.h"
#include "base/whole_file.h"
#include "build/execute.h"
#include "build/network.h"
#include "build/transfer.h"
#include "oci/descriptor.h"
#include "oci/platform.h"
#include "sandbox/sandbox.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum build_event_type {
        BUILD_STEP_BEGIN,
        BUILD_STEP_OUTPUT, /* `data`: bytes that the step wrote */
        BUILD_STEP_DONE,
        BUILD_STEP_CACHED, /* nothing had to be done; `data`: how that is known */
        BUILD_STEP_MISSED, /* it has to be done; `data`: why it was not in the cache */
        BUILD_STEP_FAILED,
        BUILD_WARNING, /* `text` */
        BUILD_NOTE,    /* `text`: nothing is wrong */
};

struct build_event {
        enum build_event_type type;
        unsigned step;    /* counted from 1 over the whole build; 0 for warnings */
        const char *text; /* BEGIN: the step's title, "[name 2/5] RUN make" */
        const void *data;
        size_t len;
};

/* What RUN --mount=type=secret may ask for: the content of a file, or of a variable of the caller's
 * environment. */
struct build_secret {
        const char *id;
        const char *path; /* or NULL */
        const char *env;  /* or NULL */
};

/* What RUN --mount=type=ssh may ask for: an agent that listens on a socket. */
struct build_agent {
        const char *id;
        const char *socket;
};

/* What FROM and --from may name: a directory, "docker-image://REFERENCE",
 * "oci-layout://PATH[:TAG][@DIGEST]", a git repository, or a URL of http or https, of which there
 * is one file, "context". All but directories are looked for when they are needed. */
struct build_context {
        const char *name;
        const char *source;
};

enum build_cache_type {
        BUILD_CACHE_LOCAL,    /* `place` is a directory: an OCI layout */
        BUILD_CACHE_REGISTRY, /* `place` is a reference */
        BUILD_CACHE_INLINE,   /* the config of the image that is built; only written */
};

/* A cache that is shared with others. */
struct build_cache {
        enum build_cache_type type;
        const char *place;
        const char *tag;    /* LOCAL: what it is called in there; NULL: latest */
        const char *digest; /* LOCAL, to take from: its manifest's, instead of `tag`; or NULL */
        bool all_stages;    /* mode=max: what all stages have done, not the target alone */
        bool ignore_error;  /* that it cannot be written is a warning */
};

enum build_output_type {
        BUILD_OUTPUT_IMAGE,         /* in the store, under its names */
        BUILD_OUTPUT_NONE,          /* nothing but what the cache keeps */
        BUILD_OUTPUT_OCI,           /* an archive of an OCI layout */
        BUILD_OUTPUT_OCI_DIRECTORY, /* an OCI layout */
        BUILD_OUTPUT_DOCKER,        /* an archive as of `docker save` */
        BUILD_OUTPUT_TAR,           /* the files */
        BUILD_OUTPUT_LOCAL,         /* the files, in a directory */
};

/* Where the result of a build goes. */
struct build_output {
        enum build_output_type type;
        struct whole_file *file;           /* archives: planned, not open; NULL: standard output */
        struct whole_directory *directory; /* of the directories; the same */
        bool push;                         /* IMAGE: to the registries of the names, too */
        bool insecure;                     /* as push_options has it */
};

struct build_options {
        /* A directory; "-": standard input, which is a tar archive or a Dockerfile; a git
         * repository, "URL[#REF[:DIR]]"; or a URL of http or https, of what standard input may be.
         */
        const char *context;
        /* A path, of the host where the context is a directory, else in the context, but for the
         * absolute ones beside a URL; "-" is standard input. NULL: Dockerfile, then dockerfile,
         * then Containerfile, in the context. */
        const char *dockerfile;
        const struct build_context *contexts;
        size_t context_count;
        const struct build_secret *secrets;
        size_t secret_count;
        const struct build_agent *agents;
        size_t agent_count;
        const struct strv *tags; /* references */
        /* What the image is for; of several, an index of images is made. None: this machine. */
        const struct platform *platforms;
        size_t platform_count;
        const struct build_output *outputs; /* none: an image in the store */
        size_t output_count;
        struct transfer_watcher watcher;       /* of pushes */
        const struct compression *compression; /* of the layers that are made; NULL: gzip for those
                                                * that are not in the cache */
        bool force_compression;                /* of those of the base too */
        bool squash;                           /* what all steps have changed is one layer */
        const struct strv *args;               /* "NAME=value", of --build-arg */
        const struct strmap *labels;           /* of --label */
        const struct strmap *annotations;      /* of the manifest; or NULL */
        const char *target;                    /* a stage's name or number; NULL: the last */
        /* --timestamp and SOURCE_DATE_EPOCH, else what the Dockerfile says of the latter: no time
         * in the layers that are made, in the config and in its history is later. What RUN steps
         * have done is kept apart by it. */
        bool clamps_times;
        struct timespec latest;
        bool no_cache;
        enum pull_policy pull;              /* of the images that it begins with or copies from */
        const struct strv *no_cache_stages; /* names and numbers of --no-cache-filter; or NULL */
        const struct build_cache *cache_from;
        size_t cache_from_count;
        const struct build_cache *cache_to;
        size_t cache_to_count;
        bool explain;    /* of a miss all that differs is told, not only the first */
        bool chain_only; /* what RUN steps have read is neither noted nor compared */
        enum sandbox_users users;
        enum execution_files files;            /* of RUN steps */
        struct network_options network;        /* of RUN, unless it says otherwise; borrowed */
        const struct execution_bounds *bounds; /* of RUN steps; or NULL */
        const struct strv *allowed;            /* entitlements, of --allow; or NULL */
        unsigned jobs; /* stages that run side by side; 0: as many as CPUs */

        /* Is told what happens, on the caller's thread. */
        void (*event)(void *context, const struct build_event *event);
        void *event_context;
};

/* Where in a Dockerfile a build went wrong, for showing. */
struct build_fault {
        char *excerpt; /* the lines around it, the bad ones marked; owned; NULL where unknown */
};

struct build_result {
        struct digest config;       /* the image's ID; of several platforms, the index's digest */
        struct descriptor manifest; /* or of the index */
};

/* Whether a context is a repository or a URL: a directory of that name comes first. */
bool build_context_is_remote(const char *context);

/* Whether the result is to be an image of the store. */
bool build_keeps_image(const struct build_options *options);

/* Reads seconds since 1970, as SOURCE_DATE_EPOCH has them; `what` names the text in the error:
 * -EINVAL where it is something else, or after the year 9999. */
int build_parse_epoch(const char *what, const char *text, struct timespec *ret, struct error *err);

/*
 * When the context was made: of a repository the time of its commit, of a URL what the server says.
 * `ret_known` is false for a directory, standard input, and where the server says nothing. It is
 * got for that. Errors as build_image().
 */
int build_context_date(struct store *store, const struct build_options *options, bool *ret_known,
                       struct timespec *ret, struct error *err);

void build_fault_done(struct build_fault *fault);
void build_result_done(struct build_result *result);

/*
 * Builds. On an error no name has moved, nothing is left behind, and `ret_fault` may say where.
 * What people have written wrong is -EINVAL; a step that failed is -ECHILD; one that wants what was
 * not allowed is -EPERM, before anything is done.
 */
int build_image(struct store *store, const struct build_options *options, struct build_result *ret,
                struct build_fault *ret_fault, struct error *err);

/*
 * Builds twice from scratch, and hands over what was built if both are the same; -EBADMSG where
 * they are not: `ret_report` then says which steps' layers and which files differ, and how.
 */
int build_verify(struct store *store, const struct build_options *options, struct build_result *ret,
                 struct buf *ret_report, struct build_fault *ret_fault, struct error *err);

/* What can be told of a Dockerfile without building it. */
enum build_description {
        BUILD_DESCRIBE_CHECK,   /* how many warnings there are; they are told as events */
        BUILD_DESCRIBE_OUTLINE, /* build arguments, secrets and agents of the target */
        BUILD_DESCRIBE_TARGETS, /* the stages, with what the comments before them say */
};

/* Appends it to `ret`, as text or as BuildKit's JSON. `ret_warnings` is 0 but for CHECK. Errors as
 * build_image(). */
int build_describe(struct store *store, const struct build_options *options,
                   enum build_description what, bool json, struct buf *ret, size_t *ret_warnings,
                   struct build_fault *ret_fault, struct error *err);
