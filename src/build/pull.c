/*
 * Pulling an image: its index and manifest, its config, its layers, and its name last.
 */
#include "base/cleanup.h"
#include "fetch.h"
#include "oci/index.h"
#include "oci/media_type.h"
#include "origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_DEPTH 4

int pull_policy_parse(const char *text, enum pull_policy *ret, struct error *err)
{
        static const char *const names[] = { [PULL_MISSING] = "missing",
                                             [PULL_ALWAYS] = "always",
                                             [PULL_NEWER] = "newer",
                                             [PULL_NEVER] = "never" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(text, names[i]) == 0) {
                        *ret = (enum pull_policy)i;
                        return 0;
                }
        return error_set(err, -EINVAL, "--pull is missing, always, newer or never, not %s", text);
}

/* An image that is being pulled. */
struct pull {
        struct store *store;
        struct registry *registry;
        const struct pull_options *options;
        struct reporter reporter;
        struct reference reference;
        struct platform platform; /* that is wanted */
        struct descriptor root;   /* what the name will mean */
};

static void pull_done(struct pull *pull)
{
        reference_done(&pull->reference);
        platform_done(&pull->platform);
        descriptor_done(&pull->root);
        registry_free(pull->registry);
}

/* ---- documents ---- */

static int put_blob(struct pull *pull, const struct buf *bytes, struct error *err)
{
        struct digest digest;

        return store_put_blob(pull->store, bytes->data, bytes->len, &digest, err);
}

static int describe(const struct registry_manifest *manifest, struct descriptor *ret,
                    struct error *err)
{
        descriptor_done(ret);
        *ret = (struct descriptor){ .digest = manifest->digest, .size = manifest->bytes.len };
        ret->media_type = strdup(manifest->media_type);
        return ret->media_type ? 0 : error_set_oom(err);
}

/* Gets the manifest that a descriptor of an index points at. */
static int get_described(struct pull *pull, const struct descriptor *descriptor,
                         struct registry_manifest *ret, struct error *err)
{
        struct reference pinned = pull->reference;
        int r;

        pinned.has_digest = true;
        pinned.digest = descriptor->digest;
        r = registry_get_manifest(pull->registry, &pinned, ret, err);
        if (r < 0)
                return r;
        if (media_type_equal(ret->media_type, descriptor->media_type) &&
            ret->bytes.len == descriptor->size)
                return 0;
        registry_manifest_done(ret);
        return error_set(err, -EBADMSG, "a manifest is not what its index says");
}

/* Goes from an index to the manifest for the platform. Keeps each index. */
static int choose(struct pull *pull, struct registry_manifest *at, struct error *err)
{
        int r = 0;

        for (int depth = 0; r == 0 && media_type_kind(at->media_type) == MEDIA_INDEX; depth++) {
                const struct descriptor *chosen = NULL;
                struct image_index index = IMAGE_INDEX_INIT;
                struct registry_manifest next;
                _cleanup_free_ char *platform = platform_format(&pull->platform);

                if (depth == INDEX_DEPTH)
                        return error_set(err, -EBADMSG, "its indexes nest too deep");
                r = image_index_parse(at->bytes.data, at->bytes.len, at->media_type, &index, err);
                if (r == 0)
                        chosen = image_index_choose(&index, &pull->platform);
                if (r == 0 && !chosen)
                        r = error_set(err, -ENOENT, "there is none for the platform %s",
                                      platform ? platform : "wanted");
                if (r == 0)
                        r = put_blob(pull, &at->bytes, err);
                if (r == 0)
                        r = get_described(pull, chosen, &next, err);
                if (r == 0) {
                        registry_manifest_done(at);
                        *at = next;
                }
                image_index_done(&index);
        }
        return r;
}

/* ---- the image ---- */

/* Artifacts have manifests of images' form. */
static int check_types(const struct manifest *manifest, struct error *err)
{
        const char *type = manifest->config.media_type;

        if (media_type_kind(type) != MEDIA_CONFIG)
                return error_set(err, -EBADMSG, "it is an artifact of type %.100s, no image",
                                 manifest->artifact_type ? manifest->artifact_type : type);
        for (size_t i = 0; i < manifest->layers.count; i++) {
                type = manifest->layers.items[i].media_type;
                if (media_type_kind(type) != MEDIA_LAYER)
                        return error_set(err, -EBADMSG,
                                         "its layer is of type %.100s, which is none of an image's",
                                         type);
        }
        return 0;
}

/* An image that is in no index says by its config what it is for. */
static int check_platform(const struct pull *pull, const struct descriptor *root,
                          const struct image_config *config, struct error *err)
{
        const struct platform *wanted = pull->options->platform;
        _cleanup_free_ char *want = NULL, *have = NULL;

        if (!wanted || pull->options->any_platform ||
            media_type_kind(root->media_type) == MEDIA_INDEX ||
            platform_rank(wanted, &config->platform) >= 0)
                return 0;
        want = platform_format(wanted);
        have = platform_format(&config->platform);
        return error_set(err, -EBADMSG,
                         "the image was found but does not match the specified platform: wanted "
                         "%s, actual: %s",
                         want ? want : "?", have ? have : "?");
}

static int take_layers(struct pull *pull, const struct manifest *manifest,
                       const struct image_config *config, struct error *err)
{
        _cleanup_free_ char *repository = reference_format_repository(&pull->reference);
        struct layers layers = { .items = NULL };
        int r = repository ? layers_of_image(manifest, config, &layers, err) : error_set_oom(err);

        for (size_t i = 0; i < layers.count && r == 0; i++)
                r = layer_check_pair(pull->store, &layers.items[i], err) < 0 ? err->code : 0;
        if (r == 0 && !pull->options->without_layers)
                r = fetch_layers(pull->store, pull->registry, &layers, true, &pull->reference,
                                 &pull->reporter, err);
        if (r == 0)
                r = origin_note(pull->store, repository, manifest, err);
        layers_done(&layers);
        return r;
}

static int take_image(struct pull *pull, const struct registry_manifest *text, struct error *err)
{
        struct image_config config = IMAGE_CONFIG_INIT;
        struct manifest manifest = MANIFEST_INIT;
        struct buf config_text = BUF_INIT;
        int r = manifest_parse(text->bytes.data, text->bytes.len, text->media_type, &manifest, err);

        if (r == 0)
                r = check_types(&manifest, err);
        if (r == 0)
                r = registry_read_blob(pull->registry, &pull->reference, &manifest.config,
                                       MANIFEST_BYTES_MAX, &config_text, err);
        if (r == 0)
                r = image_config_parse(config_text.data, config_text.len, &config, err);
        if (r == 0)
                r = check_platform(pull, &pull->root, &config, err);
        if (r == 0)
                r = take_layers(pull, &manifest, &config, err);
        if (r == 0)
                r = put_blob(pull, &config_text, err);
        if (r == 0)
                r = put_blob(pull, &text->bytes, err);
        image_config_done(&config);
        manifest_done(&manifest);
        buf_done(&config_text);
        return r;
}

/* An image for one platform that was asked for is that manifest; else it is what the registry has
 * under the name. */
static int take_all(struct pull *pull, struct error *err)
{
        struct registry_manifest at;
        int r = registry_get_manifest(pull->registry, &pull->reference, &at, err);

        if (r < 0)
                return r;
        r = describe(&at, &pull->root, err);
        if (r == 0)
                r = choose(pull, &at, err);
        if (r == 0)
                r = take_image(pull, &at, err);
        if (r == 0 && pull->options->platform && !pull->options->keep_index)
                r = describe(&at, &pull->root, err);
        registry_manifest_done(&at);
        return r;
}

static int pull_named(struct pull *pull, const char *name, struct error *err)
{
        _cleanup_free_ char *whole = NULL;
        int r;

        reference_done(&pull->reference);
        r = reference_parse(name, &pull->reference, err);
        if (r == 0)
                r = take_all(pull, err);
        if (r < 0)
                return r;
        reference_pin(&pull->reference);
        whole = reference_format(&pull->reference);
        return whole ? store_images_put(pull->store, whole, &pull->root, err) : error_set_oom(err);
}

/* ---- which, and whether ---- */

/* Whether the store has what the registry has. With PULL_NEWER it is asked in vain, too. */
static bool is_current(struct pull *pull, const char *name, const struct stored_image *stored)
{
        struct reference reference = REFERENCE_INIT;
        struct error err = ERROR_INIT;
        struct digest digest;
        int r = reference_parse(name, &reference, &err);

        if (r == 0)
                r = registry_find_digest(pull->registry, &reference, &digest, &err);
        reference_done(&reference);
        if (r < 0)
                return pull->options->policy == PULL_NEWER;
        return digest_equal(&digest, &stored->root.digest);
}

/* Whether the layers are there too, where they are to be. */
static bool is_whole(struct pull *pull, const struct stored_image *stored)
{
        struct error ignored = ERROR_INIT;
        struct layers layers;
        bool whole = true;

        if (pull->options->without_layers)
                return true;
        if (layers_of_image(&stored->parsed, &stored->config, &layers, &ignored) < 0)
                return false;
        for (size_t i = 0; i < layers.count && whole; i++)
                whole = layer_is_stored(pull->store, &layers.items[i], false);
        layers_done(&layers);
        return whole;
}

/* Returns 1 where the store's image will do, 0 where the registry is to be asked for it. */
static int try_store(struct pull *pull, const char *name, struct stored_image *ret,
                     struct error *err)
{
        enum pull_policy policy = pull->options->policy;
        struct error missing = ERROR_INIT;
        int r = store_image_find(pull->store, name, &pull->platform, ret, &missing);

        if (r < 0 && (r != -ENOENT || policy == PULL_NEVER)) {
                *err = missing;
                return r;
        }
        if (r < 0)
                return 0;
        if (policy == PULL_NEVER || (policy == PULL_MISSING && is_whole(pull, ret)))
                return 1;
        if (policy != PULL_MISSING && is_current(pull, name, ret) && is_whole(pull, ret)) {
                r = check_platform(pull, &ret->root, &ret->config, err);
                if (r == 0)
                        return 1;
        }
        stored_image_done(ret);
        return r;
}

static int pull_first(struct pull *pull, const struct strv *names, struct stored_image *ret,
                      struct error *err)
{
        struct error first = ERROR_INIT;
        int r = 0;

        for (size_t i = 0; i < names->count; i++) {
                r = try_store(pull, names->items[i], ret, err);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        for (size_t i = 0; i < names->count; i++) {
                struct error failed = ERROR_INIT;

                r = pull_named(pull, names->items[i], &failed);
                if (r == 0)
                        return store_image_find(pull->store, names->items[i], &pull->platform, ret,
                                                err);
                if (i == 0 || first.code == -ENOENT)
                        first = failed;
                if (r != -ENOENT && r != -EACCES)
                        break;
        }
        *err = first;
        return err->code;
}

/* The name as it stands, as far as the store has it, needs no registry. */
static int is_to_be_asked(struct pull *pull, const char *name, struct stored_image *ret,
                          struct error *err)
{
        enum pull_policy policy = pull->options->policy;
        struct error missing = ERROR_INIT;
        int r;

        if (policy != PULL_MISSING && policy != PULL_NEVER)
                return 1;
        r = store_image_find(pull->store, name, &pull->platform, ret, &missing);
        if (r == 0 && (policy == PULL_NEVER || is_whole(pull, ret)))
                return 0;
        if (r == 0)
                stored_image_done(ret);
        else if (r != -ENOENT || policy == PULL_NEVER) {
                *err = missing;
                return r;
        }
        return 1;
}

int image_pull(struct store *store, const char *name, const struct pull_options *options,
               struct stored_image *ret, struct error *err)
{
        _cleanup_(pull_done) struct pull pull = { .store = store,
                                                  .options = options,
                                                  .reporter = REPORTER_INIT(&options->watcher) };
        struct registry_options registry_options = { .insecure = options->insecure,
                                                     .notice = reporter_notice,
                                                     .notice_context = &pull.reporter };
        struct strv names = STRV_INIT;
        int r;

        r = options->platform ? platform_copy(options->platform, &pull.platform)
                              : platform_host(&pull.platform);
        if (r < 0)
                return error_set_oom(err);
        r = is_to_be_asked(&pull, name, ret, err);
        if (r <= 0)
                return r;
        r = registry_new(&registry_options, &pull.registry, err);
        if (r == 0)
                r = reference_candidates(name, store_search(store), &names, err);
        if (r == 0)
                r = pull_first(&pull, &names, ret, err);
        strv_done(&names);
        return r < 0 ? error_wrap(err, "cannot pull %s", name) : 0;
}
