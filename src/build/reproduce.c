#include "reproduce.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "build/compare.h"
#include "build/layers.h"
#include "store/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of one layer so many files are told. */
#define FILES_MAX 100

/* The step that has made a layer, as the history has it. */
static const char *step_of(const struct image_config *config, size_t layer)
{
        for (size_t i = 0; i < config->history_count; i++)
                if (!config->history[i].empty_layer && layer-- == 0)
                        return config->history[i].created_by ? config->history[i].created_by : "";
        return "";
}

static int add_difference(struct tree *first, struct tree *second,
                          const struct difference *difference, struct buf *ret, struct error *err)
{
        static const char *const only[] = { "is of the second build alone", "",
                                            "is of the first build alone" };
        int r = buf_appendf(ret, "  /%s: %s", difference->path, only[difference->state]);

        if (r < 0)
                return error_set_oom(err);
        if (difference->state == COMPARE_CHANGED)
                r = difference_describe(first, second, difference, ret, err);
        return r < 0 || buf_append_char(ret, '\n') == 0 ? r : error_set_oom(err);
}

static int add_differences(struct tree *first, struct tree *second, struct buf *ret,
                           struct error *err)
{
        struct comparison *comparison;
        struct difference difference;
        size_t count = 0;
        int r = comparison_new(first, second, &comparison, err);

        if (r < 0)
                return r;
        while ((r = comparison_next(comparison, &difference, err)) > 0)
                if (count++ < FILES_MAX &&
                    add_difference(first, second, &difference, ret, err) < 0) {
                        r = err->code;
                        break;
                }
        comparison_free(comparison);
        if (r == 0 && count > FILES_MAX)
                r = buf_appendf(ret, "  and %zu more\n", count - FILES_MAX);
        else if (r == 0 && count == 0)
                r = buf_append_str(ret, "  what is deleted in it differs\n");
        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}

/* What one layer holds by itself is compared: what lies below was told of already. */
static int compare_layer(struct store *store, struct layer *first, struct layer *second,
                         struct buf *ret, struct error *err)
{
        struct layers one = { .items = first, .count = 1 }, other = { .items = second, .count = 1 };
        struct tree *left = NULL, *right = NULL;
        int r = layers_open(store, &one, &left, err);

        if (r == 0)
                r = layers_open(store, &other, &right, err);
        if (r == 0)
                r = add_differences(left, right, ret, err);
        tree_free(left);
        tree_free(right);
        return r;
}

static int compare_layers(struct store *store, const struct stored_image *first,
                          const struct stored_image *second, struct buf *ret, struct error *err)
{
        struct layers one = { .items = NULL }, other = { .items = NULL };
        int r = layers_of_image(&first->parsed, &first->config, &one, err);

        if (r == 0)
                r = layers_of_image(&second->parsed, &second->config, &other, err);
        for (size_t i = 0; r == 0 && (i < one.count || i < other.count); i++) {
                bool both = i < one.count && i < other.count;

                if (both && digest_equal(&one.items[i].diff_id, &other.items[i].diff_id))
                        continue;
                if (buf_appendf(ret, "layer %zu, %s\n", i + 1,
                                step_of(i < one.count ? &first->config : &second->config, i)) < 0)
                        r = error_set_oom(err);
                else if (!both)
                        r = buf_append_str(ret, "  one build alone has it\n") < 0
                                    ? error_set_oom(err)
                                    : 0;
                else
                        r = compare_layer(store, &one.items[i], &other.items[i], ret, err);
        }
        layers_done(&one);
        layers_done(&other);
        return r;
}

static int compare_configs(const struct image_config *first, const struct image_config *second,
                           struct buf *ret)
{
        char one[CLOCK_TEXT_MAX], other[CLOCK_TEXT_MAX];

        if (clock_equal(&first->created, &second->created))
                return 0;
        clock_format(&first->created, one);
        clock_format(&second->created, other);
        return buf_appendf(ret, "the config: another time (%s, %s)\n", one, other);
}

int reproduce_compare(struct store *store, const struct descriptor *first,
                      const struct descriptor *second, struct buf *ret, struct error *err)
{
        struct stored_image one, other;
        size_t begin = ret->len;
        int r;

        if (digest_equal(&first->digest, &second->digest))
                return 0;
        r = store_image_load(store, first, NULL, &one, err);
        if (r < 0)
                return r;
        r = store_image_load(store, second, NULL, &other, err);
        if (r == 0) {
                r = compare_layers(store, &one, &other, ret, err);
                if (r == 0 && compare_configs(&one.config, &other.config, ret) < 0)
                        r = error_set_oom(err);
                if (r == 0 && ret->len == begin &&
                    buf_append_str(ret, "the configs, or how layers are compressed\n") < 0)
                        r = error_set_oom(err);
                stored_image_done(&other);
        }
        stored_image_done(&one);
        return r < 0 ? r : 1;
}
