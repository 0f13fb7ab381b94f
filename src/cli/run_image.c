#include "run_image.h"

#include "base/cleanup.h"
#include "build/layers.h"
#include "build/transfer.h"
#include "oci/platform.h"
#include "transfer.h"

#include <errno.h>

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
                r = image_pull(store, name, &options, ret, err);
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
