/*
 * Images from registries and to them: floor 3.
 */
#pragma once

#include "base/error.h"
#include "build/layers.h"
#include "oci/platform.h"
#include "registry/registry.h"
#include "store/images.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum transfer_state {
        TRANSFER_BEGINS,
        TRANSFER_MOVES,
        TRANSFER_DONE,
        TRANSFER_THERE,   /* nothing had to be moved */
        TRANSFER_MOUNTED, /* the registry had it in another repository */
        TRANSFER_NOTICE,  /* `text` */
};

/* What happens to a layer. */
struct transfer_event {
        enum transfer_state state;
        const struct digest *digest;
        uint64_t bytes; /* of it so far, and in all */
        uint64_t size;
        const char *text; /* of notices */
};

/* Is told what happens, on any thread, one at a time. */
struct transfer_watcher {
        void (*event)(void *context, const struct transfer_event *event);
        void *context;
};

/* When an image is asked for although the store has it. */
enum pull_policy {
        PULL_MISSING, /* not then */
        PULL_ALWAYS,  /* always; what has not changed is not moved */
        PULL_NEWER,   /* when the registry can be asked and has another one */
        PULL_NEVER,   /* and not even where the store has none */
};

/* Reads "missing", "always", "newer" or "never". Returns 0 or -EINVAL. */
int pull_policy_parse(const char *text, enum pull_policy *ret, struct error *err);

struct pull_options {
        enum pull_policy policy;
        bool insecure;                   /* as registry_options has it */
        bool without_layers;             /* they are fetched when they are needed */
        const struct platform *platform; /* NULL: this machine's, and the index is kept */
        bool keep_index;                 /* with a platform, too */
        bool any_platform; /* an image that is in no index may be one for another platform */
        struct transfer_watcher watcher;
};

/*
 * Sees to it that the store has the image of a name, and yields it. Its layers are fetched several
 * at a time, each checked, unpacked and indexed while it arrives; one that breaks off is gone on
 * with by the next call, of any process. The name moves when all is there. Errors of registry.h;
 * -ENOENT with PULL_NEVER where the store has none.
 */
int image_pull(struct store *store, const char *name, const struct pull_options *options,
               struct stored_image *ret, struct error *err);

/*
 * Fetches what the store does not have of these layers, from where their images came from. To be
 * called where layers_open() or a blob is to follow. `need_blobs`: the tar at rest is not enough.
 * Where nothing is missing, nothing is asked.
 */
int layers_fetch(struct store *store, const struct layers *layers, bool need_blobs,
                 const struct transfer_watcher *watcher, struct error *err);

struct push_options {
        bool insecure;
        struct transfer_watcher watcher;
};

/* Puts an image into a registry as `destination`, otherwise as image_push(). */
int image_push_stored(struct store *store, const struct stored_image *image,
                      const char *destination, const struct push_options *options,
                      struct digest *ret, struct error *err);

/*
 * Puts an image of the store into a registry, under a name of there (NULL: the same). What it has
 * is not sent; what another repository of it has is mounted; the manifest comes last. `ret` is the
 * digest that it has there.
 */
int image_push(struct store *store, const char *name, const char *destination,
               const struct push_options *options, struct digest *ret, struct error *err);
