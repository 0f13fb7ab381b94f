#include "trees.h"

#include "build/layers.h"
#include "build/transfer.h"
#include "container/changes.h"
#include "store/images.h"

int cli_open_tree(struct store *store, const char *name, struct tree **ret, struct error *err)
{
        struct layers layers = { .items = NULL };
        struct container container;
        struct stored_image image;
        struct error none = ERROR_INIT;
        int r = container_find(store, name, &container, &none);

        if (r == 0) {
                r = container_checkpoint(store, &container, err);
                if (r == 0)
                        r = container_open_tree(store, &container, ret, err);
                container_done(&container);
                return r;
        }
        r = store_image_find(store, name, NULL, &image, err);
        if (r < 0)
                return r;
        r = layers_of_image(&image.parsed, &image.config, &layers, err);
        stored_image_done(&image);
        if (r == 0)
                r = layers_fetch(store, &layers, false, NULL, err);
        if (r == 0)
                r = layers_open(store, &layers, ret, err);
        layers_done(&layers);
        return r;
}
