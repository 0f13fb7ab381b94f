#include "container/commit.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "build/config_change.h"
#include "build/image_put.h"
#include "container/changes.h"
#include "oci/media_type.h"
#include "oci/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A layer of the container's own is its own blob: the tar as it lies there. */
static int make_blob(struct store *store, struct layer *layer, struct error *err)
{
        uint64_t size;
        int fd, r;

        r = store_pin(store, &layer->diff_id, err);
        if (r == 0)
                r = store_open_file(store, STORE_TAR, &layer->diff_id, &fd, &size, err);
        if (r < 0)
                return r;
        close(fd);
        layer->blob.digest = layer->diff_id;
        layer->blob.size = size;
        layer->blob.media_type = strdup(MEDIA_TYPE_OCI_LAYER);
        return layer->blob.media_type ? store_link_blob(store, &layer->diff_id, err)
                                      : error_set_oom(err);
}

static int add_history(const struct container *container, const struct commit_options *options,
                       size_t layers, struct image_config *config)
{
        struct strv argv = STRV_INIT;
        struct buf text = BUF_INIT;
        int r = container_spec_argv(&container->spec, &argv);

        for (size_t i = 0; i < argv.count && r == 0; i++)
                r = buf_appendf(&text, "%s%s", i > 0 ? " " : "", argv.items[i]);
        /* Of several layers the last has the message. */
        for (size_t i = 0; i < (layers ? layers : 1) && r == 0; i++) {
                const bool last = i + 1 >= layers;
                const struct image_history entry = {
                        .has_created = true,
                        .created = config->created,
                        .created_by = (char *)(uintptr_t)buf_str(&text),
                        .author = (char *)(uintptr_t)options->author,
                        .comment = last ? (char *)(uintptr_t)options->message : NULL,
                        .empty_layer = layers == 0,
                };

                r = image_config_add_history(config, &entry);
        }
        strv_done(&argv);
        buf_done(&text);
        return r;
}

static int replace(struct strv *list, const struct strv *by)
{
        strv_done(list);
        return strv_extend(list, by);
}

/* What the container was told goes into the image. */
static int take_spec(const struct container_spec *spec, struct image_config *config)
{
        int r = replace(&config->entrypoint, &spec->entrypoint);

        if (r == 0)
                r = replace(&config->cmd, &spec->cmd);
        if (r == 0)
                r = replace(&config->env, &spec->env);
        if (r == 0)
                r = image_config_set(&config->working_dir, spec->workdir);
        if (r == 0)
                r = image_config_set(&config->user, spec->user);
        if (r == 0)
                r = image_config_set(&config->stop_signal, spec->stop_signal);
        if (r == 0)
                r = strmap_extend(&config->labels, &spec->labels);
        for (size_t i = 0; i < spec->exposed.count && r == 0; i++)
                r = image_config_add_to_set(&config->exposed_ports, spec->exposed.items[i]);
        return r;
}

static int make_config(const struct container *container, const struct commit_options *options,
                       const struct layers *layers, size_t own, struct image_config *config,
                       struct error *err)
{
        int r;

        config->has_created = true;
        config->created = clock_now();
        r = take_spec(&container->spec, config);
        if (r == 0 && options->author)
                r = image_config_set(&config->author, options->author);
        for (size_t i = layers->count - own; i < layers->count && r == 0; i++)
                r = image_config_add_diff_id(config, &layers->items[i].diff_id);
        if (r == 0)
                r = add_history(container, options, own, config);
        if (r < 0)
                return error_set_oom(err);
        for (size_t i = 0; options->changes && i < options->changes->count && r == 0; i++)
                r = config_change_by_text(config, options->changes->items[i], err);
        return r;
}

static int put(struct store *store, const struct image_config *config, const struct layers *layers,
               const char *name, struct digest *ret_id, struct error *err)
{
        struct descriptor manifest = DESCRIPTOR_INIT;
        struct buf text = BUF_INIT;
        int r = image_config_write(config, &text, err);

        if (r == 0)
                r = digest_of(text.data, text.len, ret_id, err);
        if (r == 0)
                r = image_put(store, &text, &config->platform, layers, NULL, &manifest, err);
        buf_done(&text);
        if (r < 0)
                return r;
        r = store_images_put(store, name, &manifest, err);
        descriptor_done(&manifest);
        return r;
}

int container_commit(struct store *store, struct container *container,
                     const struct commit_options *options, struct digest *ret_id, struct error *err)
{
        struct layers layers = { .items = NULL };
        _cleanup_free_ char *name = NULL;
        struct stored_image image;
        size_t own = 0;
        int r = options->name ? store_name_new(store, options->name, &name, err) : 0;

        if (r == 0)
                r = container_check_whole(container, err);
        if (r == 0)
                r = container_checkpoint(store, container, err);
        if (r == 0)
                r = container_image(store, container, &image, err);
        if (r < 0)
                return r;
        r = container_layers(store, container, &layers, &own, err);
        for (size_t i = layers.count - own; i < layers.count && r == 0; i++)
                r = make_blob(store, &layers.items[i], err);
        if (r == 0)
                r = make_config(container, options, &layers, own, &image.config, err);
        if (r == 0)
                r = put(store, &image.config, &layers, name, ret_id, err);
        layers_done(&layers);
        stored_image_done(&image);
        return r < 0 ? store_explain_full(store, err) : 0;
}
