#include "image_info.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "build/owners.h"
#include "oci/json.h"
#include "oci/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t image_layer_size(struct store *store, const struct digest *diff_id)
{
        struct error ignored = ERROR_INIT;
        uint64_t size = 0;
        int fd;

        if (store_open_file(store, STORE_TAR, diff_id, &fd, &size, &ignored) < 0)
                return 0;
        close(fd);
        return size;
}

uint64_t image_size(struct store *store, const struct stored_image *image)
{
        uint64_t total = 0;

        for (size_t i = 0; i < image->config.diff_id_count; i++) {
                uint64_t size = image_layer_size(store, &image->config.diff_ids[i]);

                if (size == 0 && i < image->parsed.layers.count)
                        size = image->parsed.layers.items[i].size;
                total += size;
        }
        return total;
}

int image_split_name(const struct store *store, const char *name, char **ret_repository,
                     char **ret_tag)
{
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        char *familiar = NULL, *colon;

        *ret_repository = *ret_tag = NULL;
        if (name && reference_parse(name, &reference, &ignored) == 0) {
                reference_pin(&reference);
                reference.has_digest = false;
                familiar = store_name_show(store, &reference);
        }
        colon = familiar && reference.tag ? strrchr(familiar, ':') : NULL;
        if (colon)
                *colon = '\0';
        *ret_repository = familiar ? familiar : strdup("<none>");
        *ret_tag = strdup(colon ? colon + 1 : "<none>");
        reference_done(&reference);
        return *ret_repository && *ret_tag ? 0 : -ENOMEM;
}

/* The names that the store has for the image, as people write them. */
static int put_names(struct store *store, const struct stored_image *image, json_t *object,
                     struct error *err)
{
        struct image_index list;
        struct strv names = STRV_INIT;
        int r = store_images_read(store, &list, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < list.manifests.count && r == 0; i++) {
                const char *name = store_image_name(&list.manifests.items[i]);
                struct reference reference = REFERENCE_INIT;
                struct error ignored = ERROR_INIT;

                if (!name || !digest_equal(&list.manifests.items[i].digest, &image->root.digest))
                        continue;
                if (reference_parse(name, &reference, &ignored) == 0)
                        r = strv_take(&names, store_name_show(store, &reference));
                reference_done(&reference);
        }
        image_index_done(&list);
        if (r == 0 && names.count == 0)
                r = json_put(object, "RepoTags", json_array());
        else if (r == 0)
                r = json_put_strv(object, "RepoTags", &names);
        strv_done(&names);
        return r < 0 ? error_set_oom(err) : 0;
}

/* The layers, and for each how sure its files' owners are. */
static int put_layers(struct store *store, const struct stored_image *image, json_t *object)
{
        const size_t count = image->config.diff_id_count;
        _cleanup_free_ enum owners *known = calloc(count + 1, sizeof(*known));
        json_t *rootfs = json_object(), *layers = json_array(), *owners = json_array();
        struct error ignored = ERROR_INIT;
        char text[DIGEST_TEXT_MAX];
        int r = known && rootfs && layers && owners ? 0 : -ENOMEM;

        if (r == 0)
                owners_of_layers(store, image->config.diff_ids, count, known, &ignored);
        for (size_t i = 0; i < count && r == 0; i++) {
                digest_format(&image->config.diff_ids[i], text);
                r = json_append(layers, json_string(text));
                if (r == 0)
                        r = json_append(owners, json_string(owners_name(known[i])));
        }
        if (r == 0)
                r = json_put_string(rootfs, "Type", "layers");
        if (r == 0)
                r = json_put(rootfs, "Layers", json_incref(layers));
        if (r == 0)
                r = json_put(rootfs, "Owners", json_incref(owners));
        json_decref(layers);
        json_decref(owners);
        if (r < 0) {
                json_decref(rootfs);
                return r;
        }
        return json_put(object, "RootFS", rootfs);
}

/* Puts what the image says nothing of, for templates: it is empty. */
static int put_silent(json_t *config)
{
        static const char *const lists[] = { "Env", "Cmd", "Entrypoint" };
        static const char *const strings[] = { "User", "WorkingDir" };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
                if (!json_object_get(config, lists[i]))
                        r = json_put(config, lists[i], json_array());
        for (size_t i = 0; i < ARRAY_SIZE(strings) && r == 0; i++)
                if (!json_object_get(config, strings[i]))
                        r = json_put(config, strings[i], json_string(""));
        if (r == 0 && !json_object_get(config, "Labels"))
                r = json_put(config, "Labels", json_object());
        return r;
}

/* The "config" of the image's config is what Docker shows as it stands. */
static int put_config(const struct stored_image *image, json_t *object, struct error *err)
{
        _cleanup_json_ json_t *document = NULL;
        struct buf text = BUF_INIT;
        json_t *config;
        int r;

        r = image_config_write(&image->config, &text, err);
        if (r == 0)
                r = json_parse_object(text.data, text.len, "the image's config", &document, err);
        buf_done(&text);
        if (r < 0)
                return r;
        config = json_object_get(document, "config");
        config = config ? json_incref(config) : json_object();
        r = json_put(object, "Config", config);
        if (r == 0)
                r = put_silent(config);
        return r < 0 ? error_set_oom(err) : 0;
}

static int put_facts(struct store *store, const struct stored_image *image, json_t *object)
{
        const struct image_config *config = &image->config;
        char text[DIGEST_TEXT_MAX];
        int r;

        digest_format(&image->parsed.config.digest, text);
        r = json_put_string(object, "Id", text);
        digest_format(&image->root.digest, text);
        if (r == 0)
                r = json_put_string(object, "Digest", text);
        if (r == 0 && config->has_created)
                r = json_put_time(object, "Created", &config->created);
        if (r == 0)
                r = json_put_string(object, "Author", config->author);
        if (r == 0)
                r = json_put_string(object, "Architecture", config->platform.architecture);
        if (r == 0)
                r = json_put_string(object, "Variant", config->platform.variant);
        if (r == 0)
                r = json_put_string(object, "Os", config->platform.os);
        if (r == 0)
                r = json_put_integer(object, "Size", (int64_t)image_size(store, image));
        return r;
}

int image_to_json(struct store *store, const struct stored_image *image, json_t **ret,
                  struct error *err)
{
        json_t *object = json_object();
        int r = object ? 0 : error_set_oom(err);

        if (r == 0 && put_facts(store, image, object) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = put_names(store, image, object, err);
        if (r == 0)
                r = put_config(image, object, err);
        if (r == 0 && put_layers(store, image, object) < 0)
                r = error_set_oom(err);
        if (r < 0) {
                json_decref(object);
                return r;
        }
        *ret = object;
        return 0;
}

int row_put(json_t *row, const char *field, const char *text)
{
        return text && *text ? json_put_string(row, field, text)
                             : json_put(row, field, json_string(""));
}
