/*
 * An image of one layer, out of a root filesystem's tar.
 */
#include "build/archives.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "build/config_change.h"
#include "build/layers.h"
#include "image.h"
#include "oci/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int take_layer(struct store *store, const char *path, struct layer *ret, struct error *err)
{
        static const struct layer_unpack_options anything = { .has_size = false };
        bool is_stdin = strcmp(path, "-") == 0;
        _cleanup_close_ int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
        struct fd_stream stream = { .fd = fd, .name = is_stdin ? "standard input" : path };
        struct byte_source source = byte_source_of_fd(&stream);
        struct layer_unpacked unpacked;
        int r;

        if (fd < 0)
                return error_set_errno(err, -errno, "cannot open %s", path);
        r = layers_take_in(store, &source, &anything, true, &unpacked, err);
        if (r == 0 && !unpacked.complete)
                r = error_set(err, -EBADMSG, "the archive has no end: it is cut");
        if (r == 0 && unpacked.entry_count == 0)
                r = error_set(err, -EBADMSG, "the archive is empty, or none at all");
        if (r < 0)
                return error_wrap(err, "%s", stream.name);
        *ret = (struct layer){ .diff_id = unpacked.diff_id, .blob = DESCRIPTOR_INIT };
        ret->blob.digest = unpacked.digest;
        ret->blob.size = unpacked.size;
        ret->blob.media_type = strdup(layer_media_type(unpacked.codec, false));
        return ret->blob.media_type ? 0 : error_set_oom(err);
}

/* Where an archive lies is nobody's business who gets the image. */
static int make_config(const struct layer *layer, const char *path,
                       const struct import_options *options, struct image_config *ret,
                       struct error *err)
{
        struct image_history history = { .has_created = true, .created = clock_now() };
        _cleanup_free_ char *comment = NULL;
        int r = asprintf(&comment, "imported from %s", basename(path)) < 0 ? -ENOMEM : 0;

        *ret = IMAGE_CONFIG_INIT;
        ret->has_created = true;
        ret->created = history.created;
        history.comment = options->message ? (char *)(uintptr_t)options->message : comment;
        if (r == 0)
                r = platform_host(&ret->platform);
        if (r == 0)
                r = image_config_add_diff_id(ret, &layer->diff_id);
        if (r == 0)
                r = image_config_add_history(ret, &history);
        if (r < 0)
                return error_set_oom(err);
        for (size_t i = 0; options->changes && i < options->changes->count && r == 0; i++)
                r = config_change_by_text(ret, options->changes->items[i], err);
        return r;
}

static int put_image(struct store *store, struct layer *layer, const char *path,
                     const struct import_options *options, struct descriptor *ret,
                     struct error *err)
{
        struct image_config config = IMAGE_CONFIG_INIT;
        struct layers layers = { .items = NULL };
        struct buf text = BUF_INIT;
        int r;

        r = make_config(layer, path, options, &config, err);
        if (r < 0)
                descriptor_done(&layer->blob);
        else
                r = layers_add(&layers, layer) < 0 ? error_set_oom(err) : 0;
        if (r == 0)
                r = image_config_write(&config, &text, err);
        if (r == 0)
                r = image_put(store, &text, &config.platform, &layers, NULL, ret, err);
        buf_done(&text);
        layers_done(&layers);
        image_config_done(&config);
        return r;
}

int image_import(struct store *store, const char *path, const struct import_options *options,
                 struct descriptor *ret, struct error *err)
{
        _cleanup_free_ char *whole = NULL;
        struct layer layer;
        int r;

        /* A name that is none is told before the work. */
        if (options->name) {
                r = store_name_new(store, options->name, &whole, err);
                if (r < 0)
                        return r;
        }
        r = take_layer(store, path, &layer, err);
        if (r == 0)
                r = put_image(store, &layer, path, options, ret, err);
        if (r == 0) {
                r = store_images_put(store, whole, ret, err);
                if (r < 0)
                        descriptor_done(ret);
        }
        if (r == 0)
                return 0;
        store_abandon(store);
        return store_explain_full(store, err);
}
