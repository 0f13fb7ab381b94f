#include "squash.h"

#include "base/cleanup.h"
#include "build/tree_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t squash_base_count(const struct plan *plan, size_t stage)
{
        while (plan->stages[stage].base == PLAN_STAGE)
                stage = plan->stages[stage].base_index;
        if (plan->stages[stage].base == PLAN_SCRATCH)
                return 0;
        return plan->images[plan->stages[stage].base_index].image.config.diff_id_count;
}

/* Docker has a last entry for the layer, and none of the others has one. */
static int squash_history(struct image_config *config, size_t base_count, bool has_layer)
{
        struct image_history entry = { .has_created = config->has_created,
                                       .created = config->created,
                                       .comment = (char *)(uintptr_t) "squashed",
                                       .empty_layer = !has_layer };

        for (size_t i = 0, layer = 0; i < config->history_count; i++)
                if (!config->history[i].empty_layer && layer++ >= base_count)
                        config->history[i].empty_layer = true;
        return image_config_add_history(config, &entry);
}

/* Lets the stage have the first `base_count` of its layers, and `layer`, which it owns. */
static int replace_layers(struct stage_result *result, size_t base_count, struct layer *layer)
{
        struct digest diff_id;
        int r;

        while (result->layers.count > base_count)
                descriptor_done(&result->layers.items[--result->layers.count].blob);
        result->config.diff_id_count = base_count;
        if (!layer)
                return 0;
        diff_id = layer->diff_id;
        r = layers_add(&result->layers, layer);
        return r < 0 ? r : image_config_add_diff_id(&result->config, &diff_id);
}

static int seal_difference(struct store *store, const struct build_options *options,
                           struct tree *base, struct tree *is, struct layer *ret, struct error *err)
{
        struct compression compression;
        struct tree_source *source;
        struct entry_source entries;
        int r = 0;

        if (options->compression)
                compression = *options->compression;
        else
                r = compression_parse("gzip", 0, &compression, err);
        if (r == 0)
                r = tree_source_new(base, is, &source, err);
        if (r < 0)
                return r;
        entries = tree_source_entries(source);
        r = layers_seal_entries(store, &entries, &compression, ret, err);
        tree_source_free(source);
        return r;
}

int squash_layers(struct store *store, const struct build_options *options, size_t base_count,
                  struct stage_result *result, struct error *err)
{
        struct layers below = { .items = result->layers.items, .count = base_count };
        struct tree *base = NULL, *is = NULL;
        struct layer layer;
        int r;

        r = layers_fetch(store, &result->layers, false, NULL, err);
        if (r == 0)
                r = layers_open(store, &below, &base, err);
        if (r == 0)
                r = layers_open(store, &result->layers, &is, err);
        if (r == 0)
                r = seal_difference(store, options, base, is, &layer, err);
        tree_free(base);
        tree_free(is);
        if (r < 0)
                return r;
        if (replace_layers(result, base_count, r > 0 ? &layer : NULL) < 0 ||
            squash_history(&result->config, base_count, r > 0) < 0)
                return error_set_oom(err);
        return 0;
}

int squash_compress(struct store *store, const struct build_options *options, size_t base_count,
                    struct stage_result *result, struct error *err)
{
        size_t first = options->force_compression ? 0 : base_count;
        struct layers changed = { .items = result->layers.items + first,
                                  .count = result->layers.count - first };
        struct tree *tree = NULL;
        int r;

        /* Of a base the tars may be missing; opening it makes them anew. */
        r = layers_fetch(store, &changed, false, NULL, err);
        if (r == 0)
                r = layers_open(store, &changed, &tree, err);
        tree_free(tree);
        for (size_t i = 0; i < changed.count && r == 0; i++)
                r = layers_recompress(store, &changed.items[i], options->compression, err);
        return r;
}
