#include "base/cleanup.h"
#include "base/utf8.h"
#include "build/compare.h"
#include "build/layers.h"
#include "build/transfer.h"
#include "commands.h"
#include "container/changes.h"
#include "oci/json.h"
#include "store/images.h"
#include "trees.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct diff {
        struct tree *was;
        struct tree *is;
        bool json;
        size_t layer; /* of --layers, counted from 1; 0: there is none */
        uint64_t count[3];
        uint64_t bytes[3]; /* of what was added, of what is removed */
};

static uint64_t size_of(const struct tree_attr *attr)
{
        return S_ISREG(attr->mode) ? attr->size : 0;
}

static const char *type_of(const struct tree_attr *attr)
{
        static const char *const names[] = {
                [ENTRY_FILE] = "file",       [ENTRY_DIRECTORY] = "directory",
                [ENTRY_SYMLINK] = "symlink", [ENTRY_CHAR] = "char",
                [ENTRY_BLOCK] = "block",     [ENTRY_FIFO] = "fifo",
                [ENTRY_SOCKET] = "socket",
        };

        return names[entry_type_of_mode(attr->mode)];
}

/* ---- for people ---- */

static int print_text(const struct diff *diff, const struct difference *difference,
                      struct error *err)
{
        static const char letters[] = { 'A', 'C', 'D' };
        uint64_t was = size_of(&difference->was), is = size_of(&difference->is);
        char number[PRINT_SIZE_MAX], size[PRINT_SIZE_MAX + 1];
        _cleanup_free_ char *path = strdup(difference->path);
        struct buf how = BUF_INIT;
        int r = 0;

        if (!path)
                return error_set_oom(err);
        print_size(is > was ? is - was : was - is, number);
        snprintf(size, sizeof(size), "%s%s",
                 difference->state != COMPARE_CHANGED ? ""
                 : is < was                           ? "-"
                                                      : "+",
                 number);
        if (difference->state == COMPARE_CHANGED) {
                r = difference_describe(diff->was, diff->is, difference, &how, err);
                if (is == was)
                        size[0] = '\0';
        }
        print_file_name(path);
        if (r == 0)
                printf("%c %9s  /%s%s%s\n", letters[difference->state], size, path,
                       how.len > 0 ? "  " : "", buf_str(&how));
        buf_done(&how);
        return r;
}

static void print_sums(const struct diff *diff)
{
        char added[PRINT_SIZE_MAX], removed[PRINT_SIZE_MAX];

        print_size(diff->bytes[COMPARE_ADDED], added);
        print_size(diff->bytes[COMPARE_REMOVED], removed);
        printf("%" PRIu64 " added (%s), %" PRIu64 " changed, %" PRIu64 " removed (%s)\n",
               diff->count[COMPARE_ADDED], added, diff->count[COMPARE_CHANGED],
               diff->count[COMPARE_REMOVED], removed);
}

/* ---- as JSON ---- */

static int put_aspects(json_t *object, unsigned aspects)
{
        static const char *const names[] = { "type",    "mode",   "owner", "time",
                                             "content", "xattrs", "links" };
        struct strv list = STRV_INIT;
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++)
                if (aspects & 1u << i)
                        r = strv_add(&list, names[i]);
        if (r == 0)
                r = json_put_strv(object, "differs", &list);
        strv_done(&list);
        return r;
}

static int put_inode(json_t *object, const char *key, const struct tree_attr *attr)
{
        json_t *inode = json_object();
        char mode[8], owner[32];
        int r = inode ? 0 : -ENOMEM;

        snprintf(mode, sizeof(mode), "%04o", attr->mode & 07777);
        snprintf(owner, sizeof(owner), "%u:%u", attr->uid, attr->gid);
        if (r == 0)
                r = json_put_string(inode, "type", type_of(attr));
        if (r == 0)
                r = json_put(inode, "size", json_integer((json_int_t)size_of(attr)));
        if (r == 0)
                r = json_put_string(inode, "mode", mode);
        if (r == 0)
                r = json_put_string(inode, "owner", owner);
        if (r == 0)
                r = json_put_time(inode, "time", &attr->mtime);
        if (r < 0) {
                json_decref(inode);
                return r;
        }
        return json_put(object, key, inode);
}

static int print_json(const struct diff *diff, const struct difference *difference,
                      struct error *err)
{
        static const char *const states[] = { "added", "changed", "removed" };
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *path = NULL;
        struct buf text = BUF_INIT;
        int r = object && asprintf(&path, "/%s", difference->path) >= 0 ? 0 : -ENOMEM;

        if (r == 0)
                r = json_put_integer(object, "layer", (int64_t)diff->layer);
        if (r == 0)
                r = json_put_string(object, "path", path);
        if (r == 0 && !utf8_is_valid(path))
                r = json_put_base64(object, "path_base64", path, strlen(path));
        if (r == 0)
                r = json_put_string(object, "state", states[difference->state]);
        if (r == 0 && difference->state == COMPARE_CHANGED)
                r = put_aspects(object, difference->aspects);
        if (r == 0 && difference->state != COMPARE_ADDED)
                r = put_inode(object, "was", &difference->was);
        if (r == 0 && difference->state != COMPARE_REMOVED)
                r = put_inode(object, "is", &difference->is);
        r = r < 0 ? error_set_oom(err) : json_write(object, &text, err);
        if (r == 0)
                printf("%s\n", buf_str(&text));
        buf_done(&text);
        return r;
}

/* ---- comparing ---- */

static int compare(struct diff *diff, struct error *err)
{
        struct difference difference;
        struct comparison *comparison;
        int r = comparison_new(diff->was, diff->is, &comparison, err);

        if (r < 0)
                return r;
        while ((r = comparison_next(comparison, &difference, err)) > 0) {
                diff->count[difference.state]++;
                diff->bytes[difference.state] += difference.state == COMPARE_REMOVED
                                                         ? size_of(&difference.was)
                                                         : size_of(&difference.is);
                r = diff->json ? print_json(diff, &difference, err)
                               : print_text(diff, &difference, err);
                if (r < 0)
                        break;
        }
        comparison_free(comparison);
        if (r == 0 && !diff->json)
                print_sums(diff);
        return r;
}

/* A digest may be an image's or a layer's. */
static int open_tree(struct store *store, const char *name, struct tree **ret, struct error *err)
{
        struct error ignored = ERROR_INIT;
        struct digest digest;
        int r = cli_open_tree(store, name, ret, err);

        if (r != -ENOENT || digest_parse(name, &digest, &ignored) < 0)
                return r;
        *err = ERROR_INIT;
        r = cli_open_layer(store, &digest, ret, err);
        return r < 0 ? error_wrap(err, "%s", name) : 0;
}

static int compare_images(struct store *store, char **names, bool json, struct error *err)
{
        struct diff diff = { .json = json };
        int r = open_tree(store, names[0], &diff.was, err);

        if (r == 0)
                r = open_tree(store, names[1], &diff.is, err);
        if (r == 0)
                r = compare(&diff, err);
        tree_free(diff.was);
        tree_free(diff.is);
        return r;
}

/* The step that has made a layer, as the history has it; NULL where it says nothing. */
static const char *find_step(const struct image_config *config, size_t layer)
{
        for (size_t i = 0; i < config->history_count; i++)
                if (!config->history[i].empty_layer && layer-- == 0)
                        return config->history[i].created_by;
        return NULL;
}

static void print_head(const struct image_config *config, size_t layer)
{
        const char *step = find_step(config, layer);
        char id[DIGEST_TEXT_MAX];
        _cleanup_free_ char *text = strdup(step ? step : "");

        digest_format(&config->diff_ids[layer], id);
        if (text)
                print_plain(text);
        printf("%slayer %zu %s %s\n", layer > 0 ? "\n" : "", layer + 1, id, text ? text : "");
}

/* What each layer has changed of what is below it. */
static int compare_layers(struct store *store, const struct stored_image *image,
                          struct layers *layers, bool json, struct error *err)
{
        size_t count = layers->count;
        int r = layers_fetch(store, layers, false, NULL, err);

        for (size_t i = 0; i < count && r == 0; i++) {
                struct diff diff = { .json = json, .layer = i + 1 };

                layers->count = i;
                r = layers_open(store, layers, &diff.was, err);
                layers->count = i + 1;
                if (r == 0)
                        r = layers_open(store, layers, &diff.is, err);
                if (r == 0 && !json)
                        print_head(&image->config, i);
                if (r == 0)
                        r = compare(&diff, err);
                tree_free(diff.was);
                tree_free(diff.is);
        }
        layers->count = count;
        return r;
}

static int compare_layers_of(struct store *store, const char *name, bool json, struct error *err)
{
        struct layers layers = { .items = NULL };
        struct stored_image image;
        int r = store_image_find(store, name, NULL, &image, err);

        if (r < 0)
                return r;
        r = layers_of_image(&image.parsed, &image.config, &layers, err);
        if (r == 0)
                r = compare_layers(store, &image, &layers, json, err);
        layers_done(&layers);
        stored_image_done(&image);
        return r;
}

/* ---- containers ---- */

/* As Docker tells of them: of what is gone with its directory, nothing more. */
static int list_changes(struct tree *was, struct tree *is, struct error *err)
{
        static const char letters[] = { 'A', 'C', 'D' };
        struct difference difference;
        struct comparison *comparison;
        int r = comparison_new(was, is, &comparison, err);

        if (r < 0)
                return r;
        while ((r = comparison_next(comparison, &difference, err)) > 0) {
                _cleanup_free_ char *path = strdup(difference.path);

                if (!path) {
                        r = error_set_oom(err);
                        break;
                }
                print_file_name(path);
                if (*path && (difference.state != COMPARE_REMOVED || !difference.inside))
                        printf("%c /%s\n", letters[difference.state], path);
        }
        comparison_free(comparison);
        return r;
}

static int diff_container(struct store *store, const char *name, struct error *err)
{
        struct tree *was = NULL, *is = NULL;
        struct container container, image;
        int r = container_find(store, name, &container, err);

        if (r < 0)
                return r;
        r = container_checkpoint(store, &container, err);
        image = container;
        image.state.layer_count = 0;
        if (r == 0)
                r = container_open_tree(store, &image, &was, err);
        if (r == 0)
                r = container_open_tree(store, &container, &is, err);
        if (r == 0)
                r = list_changes(was, is, err);
        tree_free(was);
        tree_free(is);
        container_done(&container);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        const char *format = NULL;
        bool by_layer = false, json;
        const struct option_spec options[] = {
                { OPTION_FLAG, 0, "layers", &by_layer, NULL,
                  "Tell what each layer of one image has changed" },
                { OPTION_STRING, 0, "format", &format, "FORMAT",
                  "text (the default) or json, a document a line" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r = 0;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 2, &arguments, &store,
                       &status))
                return status;
        json = format && strcmp(format, "json") == 0;
        if (format && !json && strcmp(format, "text") != 0)
                r = error_set(&err, -EINVAL, "--format is text or json, not %s", format);
        else if (by_layer && arguments.count != 1)
                r = error_set(&err, -EINVAL, "diff takes one image with --layers");
        else if (!by_layer && arguments.count == 1 && format)
                r = error_set(&err, -EOPNOTSUPP, "of a container diff knows no --format");
        else if (!by_layer && arguments.count == 1)
                r = diff_container(store, arguments.items[0], &err);
        else if (by_layer)
                r = compare_layers_of(store, arguments.items[0], json, &err);
        else
                r = compare_images(store, arguments.items, json, &err);
        if (r < 0) {
                store_explain_full(store, &err);
                status = cli_fail(&err, EXIT_FAILURE);
        }
        store_free(store);
        return status;
}

const struct command cmd_diff = {
        .name = "diff",
        .arguments = "[OPTIONS] CONTAINER|IMAGE [IMAGE]",
        .summary = "Tell what a container has changed, or two images do not have alike",
        .details =
                "A line begins with A for what was added, C for what has changed, D for what is\n"
                "gone, and has the size, or by how much it has changed.\n\n"
                "Of two images, or of containers in their place, sizes are told; of two layers,\n"
                "by their digests, what each holds by itself.\n\n"
                "Examples:\n"
                "  varve diff web\n"
                "  varve diff app:1 app:2\n"
                "  varve diff --layers app",
        .run = run,
};
