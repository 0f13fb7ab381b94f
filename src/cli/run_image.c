#include "run_image.h"

#include "base/cleanup.h"
#include "build/layers.h"
#include "build/transfer.h"
#include "oci/platform.h"
#include "transfer.h"

#include <errno.h>

static int refuse_platform(const char *name, const struct platform *wanted,
                           const struct stored_image *image, const struct error *why,
                           struct error *err)
{
        _cleanup_free_ char *want = platform_format(wanted);
        _cleanup_free_ char *have = platform_format(&image->config.platform);

        error_set(err, -ENOENT,
                  "image with reference %s was found but does not provide the specified platform "
                  "(%s): it is one for %s",
                  name, want ? want : "?", have ? have : "another");
        if (!error_is_set(why))
                return error_hint(err, "Bring it in with `varve pull --platform %s %s`.",
                                  want ? want : "...", name);
        return error_hint(err, "There is no other: %s", why->message);
}

/* An image of the store that is one for another platform than was asked for does not do. */
static int pull_for(struct store *store, const char *name, const struct pull_options *options,
                    struct stored_image *ret, struct error *err)
{
        struct pull_options again = *options;
        struct stored_image stored;
        struct error failed = ERROR_INIT;
        int r = image_pull(store, name, options, &stored, err);

        if (r < 0)
                return r;
        if (!options->platform || platform_rank(options->platform, &stored.config.platform) >= 0) {
                *ret = stored;
                return 0;
        }
        again.policy = PULL_ALWAYS;
        if (options->policy == PULL_MISSING && image_pull(store, name, &again, ret, &failed) == 0) {
                if (platform_rank(options->platform, &ret->config.platform) >= 0) {
                        stored_image_done(&stored);
                        return 0;
                }
                stored_image_done(ret);
        }
        r = refuse_platform(name, options->platform, &stored, &failed, err);
        stored_image_done(&stored);
        return r;
}

static int provide(struct store *store, const char *name, const struct run_image *flags,
                   const struct platform *platform, struct stored_image *ret, struct error *err)
{
        _cleanup_(transfer_view_done) struct transfer_view view = { .lines = NULL };
        struct pull_options options = { .policy = PULL_MISSING,
                                        .without_layers = true,
                                        .platform = platform,
                                        .watcher = { transfer_view_event, &view } };
        struct layers layers = { .items = NULL };
        int r = flags->pull ? pull_policy_parse(flags->pull, &options.policy, err) : 0;

        if (r == 0)
                r = transfer_view_init(&view, NULL, flags->quiet, err);
        if (r == 0)
                r = pull_for(store, name, &options, ret, err);
        if (r == -ENOENT && options.policy == PULL_NEVER)
                error_hint(err, "Bring it in with `varve pull %s`.", name);
        if (r < 0)
                return r;
        r = layers_of_image(&ret->parsed, &ret->config, &layers, err);
        if (r == 0)
                r = layers_fetch(store, &layers, false, &options.watcher, err);
        layers_done(&layers);
        if (r < 0)
                stored_image_done(ret);
        return r;
}

int run_image_provide(struct store *store, const char *name, const struct run_image *flags,
                      struct stored_image *ret, struct error *err)
{
        struct platform platform = PLATFORM_INIT;
        int r = flags->platform ? platform_parse(flags->platform, &platform, err) : 0;

        if (r == 0)
                r = provide(store, name, flags, flags->platform ? &platform : NULL, ret, err);
        platform_done(&platform);
        if (r < 0) {
                store_explain_full(store, err);
                store_abandon(store);
        }
        return r;
}
