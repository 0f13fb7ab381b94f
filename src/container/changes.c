#include "container/changes.h"

#include "base/cleanup.h"
#include "container/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int container_image(struct store *store, const struct container *container,
                    struct stored_image *ret, struct error *err)
{
        struct descriptor manifest = { .media_type = container->spec.manifest_type };
        int r = digest_parse(container->spec.manifest, &manifest.digest, err);

        if (r == 0)
                r = store_image_load(store, &manifest, NULL, ret, err);
        return r < 0 ? error_wrap(err, "the image of the container %s", container->spec.name) : 0;
}

int container_checkpoint(struct store *store, struct container *container, struct error *err)
{
        int r;

        if (container->state.status != CONTAINER_RUNNING)
                return 0;
        r = channel_ask(container->dir_fd, CHANNEL_CHECKPOINT, "", err);
        if (r < 0)
                return r;
        return container_refresh(store, container, err);
}

int container_layers(struct store *store, const struct container *container, struct layers *ret,
                     size_t *ret_own, struct error *err)
{
        struct stored_image image;
        struct layers layers = { .items = NULL };
        int r = container_image(store, container, &image, err);

        if (r < 0)
                return r;
        r = layers_of_image(&image.parsed, &image.config, &layers, err);
        stored_image_done(&image);
        for (size_t i = 0; i < container->state.layer_count && r == 0; i++) {
                struct layer layer = { .diff_id = container->state.layers[i],
                                       .blob = DESCRIPTOR_INIT };

                if (layers_add(&layers, &layer) < 0)
                        r = error_set_oom(err);
        }
        if (r < 0) {
                layers_done(&layers);
                return r;
        }
        *ret_own = container->state.layer_count;
        *ret = layers;
        return 0;
}

int container_open_tree(struct store *store, const struct container *container, struct tree **ret,
                        struct error *err)
{
        struct layers layers;
        size_t own;
        int r = container_layers(store, container, &layers, &own, err);

        if (r < 0)
                return r;
        r = layers_open(store, &layers, ret, err);
        layers_done(&layers);
        return r;
}

static int add_layer(struct container_state *state, const struct digest *diff_id, bool replaces)
{
        struct digest *layers;

        if (!replaces) {
                layers = reallocarray(state->layers, state->layer_count + 1, sizeof(*layers));
                if (!layers)
                        return -ENOMEM;
                state->layers = layers;
                state->layer_count++;
        }
        state->layers[state->layer_count - 1] = *diff_id;
        return 0;
}

int container_seal(struct store *store, struct container *container, struct tree *tree, bool onto,
                   struct error *err)
{
        struct container_state *state = &container->state;
        struct change_list *changes = NULL;
        const size_t count = state->layer_count;
        struct digest last = { .bytes = { 0 } };
        struct layer layer;
        int r = 0;

        if (!onto && state->layer_count >= CONTAINER_LAYERS_MAX) {
                error_set(err, -E2BIG, "the container has %d layers of its own",
                          CONTAINER_LAYERS_MAX);
                return error_hint(err,
                                  "Make an image of it, `varve commit %s NAME`, and go on with "
                                  "that.",
                                  container->spec.name);
        }
        r = onto ? tree_commit_onto(tree, &changes, err) : tree_commit(tree, &changes, err);
        if (r < 0 || !changes || change_list_count(changes) == 0) {
                change_list_free(changes);
                return r;
        }
        r = layers_seal(store, changes, NULL, &layer, err);
        change_list_free(changes);
        if (r < 0)
                return r;
        if (onto)
                last = state->layers[count - 1];
        r = add_layer(state, &layer.diff_id, onto) < 0 ? error_set_oom(err) : 0;
        descriptor_done(&layer.blob);
        if (r == 0)
                r = container_write_state(container, err);
        /* What nothing keeps is not the container's. */
        if (r < 0 && onto)
                state->layers[count - 1] = last;
        else if (r < 0)
                state->layer_count = count;
        return r;
}
