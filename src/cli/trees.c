#include "trees.h"

#include "build/layers.h"
#include "container/changes.h"
#include "store/images.h"

int cli_open_tree(struct store *store, const char *name, struct tree **ret, struct error *err)
{
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
        r = layers_open_image(store, &image, ret, err);
        stored_image_done(&image);
        return r;
}
