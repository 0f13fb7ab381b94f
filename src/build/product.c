/*
 * From platforms to what is handed over: images, an index of several, outputs, names.
 */
#include "base/cleanup.h"
#include "base/io.h"
#include "builder.h"
#include "image.h"
#include "oci/index.h"
#include "oci/media_type.h"
#include "reproduce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What builds for all platforms. */
struct builders {
        struct builder **items; /* owned */
        size_t count;
};

/* What was built for them. */
struct product {
        struct built *items; /* owned */
        size_t count;
};

void build_fault_done(struct build_fault *fault)
{
        free(fault->excerpt);
        fault->excerpt = NULL;
}

void build_result_done(struct build_result *result)
{
        descriptor_done(&result->manifest);
}

static void builders_done(struct builders *builders)
{
        for (size_t i = 0; i < builders->count; i++)
                builder_free(builders->items[i]);
        free(builders->items);
}

static void product_done(struct product *product)
{
        for (size_t i = 0; i < product->count; i++)
                built_done(&product->items[i]);
        free(product->items);
}

static void tell_platform(const struct build_options *options, const struct platform *platform)
{
        _cleanup_free_ char *name = platform_format(platform), *text = NULL;
        struct build_event event = { .type = BUILD_NOTE };

        if (!options->event || !name || asprintf(&text, "building for %s", name) < 0)
                return;
        event.text = text;
        options->event(options->event_context, &event);
}

static int wrap_platform(const struct build_options *options, size_t index, struct error *err)
{
        _cleanup_free_ char *name =
                options->platform_count > 1 ? platform_format(&options->platforms[index]) : NULL;

        return name ? error_wrap(err, "%s", name) : err->code;
}

static bool reads_input(const struct build_options *options)
{
        return strcmp(options->context, "-") == 0 ||
               (options->dockerfile && strcmp(options->dockerfile, "-") == 0);
}

/* Standard input is read for each platform: what it gives is kept in a file that takes its place.
 */
static int keep_input(struct store *store, struct error *err)
{
        struct store_file file = STORE_FILE_INIT;
        char chunk[16384];
        ssize_t n = 0;
        int r = store_file_new(store, &file, err);

        if (r < 0)
                return r;
        while (r == 0 && (n = io_read(STDIN_FILENO, chunk, sizeof(chunk))) > 0)
                r = io_write(file.fd, chunk, (size_t)n);
        if (r == 0)
                r = n < 0 ? (int)n : dup2(file.fd, STDIN_FILENO) < 0 ? -errno : 0;
        store_file_discard(store, &file);
        return r < 0 ? error_set_errno(err, r, "cannot keep what standard input gives") : 0;
}

/* Plans for all platforms, so that what cannot be done of one is known before the first step. */
static int plan(struct store *store, const struct build_options *options, struct builders *ret,
                struct build_fault *ret_fault, struct error *err)
{
        size_t count = options->platform_count > 0 ? options->platform_count : 1;

        ret->items = calloc(count, sizeof(struct builder *));
        if (!ret->items)
                return error_set_oom(err);
        if (count > 1 && reads_input(options) && keep_input(store, err) < 0)
                return err->code;
        for (; ret->count < count; ret->count++) {
                struct build_options own = *options;

                if (count > 1 && reads_input(options))
                        lseek(STDIN_FILENO, 0, SEEK_SET);

                if (options->platform_count > 0) {
                        own.platforms = &options->platforms[ret->count];
                        own.platform_count = 1;
                }
                if (builder_new(store, &own, ret->count == 0, &ret->items[ret->count], ret_fault,
                                err) < 0)
                        return wrap_platform(options, ret->count, err);
        }
        return 0;
}

static int make(const struct build_options *options, const struct builders *builders,
                struct product *ret, struct error *err)
{
        ret->items = calloc(builders->count + 1, sizeof(*ret->items));
        if (!ret->items)
                return error_set_oom(err);
        while (ret->count < builders->count) {
                size_t at = ret->count++;

                if (builders->count > 1)
                        tell_platform(options, &options->platforms[at]);
                ret->items[at].manifest = DESCRIPTOR_INIT;
                if (builder_run(builders->items[at], &ret->items[at], err) < 0)
                        return wrap_platform(options, at, err);
        }
        return 0;
}

static int put_index(struct store *store, const struct product *product, struct descriptor *ret,
                     struct error *err)
{
        struct image_index index = IMAGE_INDEX_INIT;
        struct buf text = BUF_INIT;
        int r = 0;

        index.media_type = strdup(MEDIA_TYPE_OCI_INDEX);
        ret->media_type = strdup(MEDIA_TYPE_OCI_INDEX);
        if (!index.media_type || !ret->media_type)
                r = error_set_oom(err);
        for (size_t i = 0; i < product->count && r == 0; i++) {
                struct descriptor *item = descriptors_add(&index.manifests);

                if (!item || descriptor_copy(&product->items[i].manifest, item) < 0)
                        r = error_set_oom(err);
        }
        if (r == 0)
                r = image_index_write(&index, &text, err);
        if (r == 0)
                r = store_put_blob(store, text.data, text.len, &ret->digest, err);
        ret->size = text.len;
        buf_done(&text);
        image_index_done(&index);
        return r;
}

static int hand_over(struct store *store, const struct build_options *options,
                     const struct product *product, struct build_result *ret, struct error *err)
{
        struct build_result result = { .config = product->items[0].config,
                                       .manifest = DESCRIPTOR_INIT };
        int r;

        if (product->count > 1)
                r = put_index(store, product, &result.manifest, err);
        else
                r = descriptor_copy(&product->items[0].manifest, &result.manifest) < 0
                            ? error_set_oom(err)
                            : 0;
        if (product->count > 1)
                result.config = result.manifest.digest;
        if (r == 0)
                r = outputs_write(store, options, &result.manifest, product->items, product->count,
                                  err);
        if (r == 0 && build_keeps_image(options))
                r = image_name(store, options, &result.manifest, err);
        if (r < 0)
                build_result_done(&result);
        else
                *ret = result;
        return r;
}

/* What is of one image alone. */
static int check_several(const struct build_options *options, struct error *err)
{
        if (options->platform_count < 2)
                return 0;
        if (options->cache_to_count > 0) {
                error_set(err, -EOPNOTSUPP, "--cache-to is not written for several platforms");
                return error_hint(err, "Build for each of them on its own.");
        }
        for (size_t i = 0; i < options->output_count; i++) {
                enum build_output_type type = options->outputs[i].type;

                if (type == BUILD_OUTPUT_DOCKER || type == BUILD_OUTPUT_TAR) {
                        error_set(err, -EOPNOTSUPP, "an output of type=%s is of one platform",
                                  type == BUILD_OUTPUT_TAR ? "tar" : "docker");
                        return error_hint(err, "Of several, type=oci and type=local are made.");
                }
        }
        return 0;
}

/* All that comes before the first step. */
static int prepare(struct store *store, const struct build_options *options, struct builders *ret,
                   struct build_fault *ret_fault, struct error *err)
{
        int r;

        *ret_fault = (struct build_fault){ .excerpt = NULL };
        r = check_several(options, err);
        if (r == 0)
                r = store_gather_pins(store, err);
        return r < 0 ? r : plan(store, options, ret, ret_fault, err);
}

int build_image(struct store *store, const struct build_options *options, struct build_result *ret,
                struct build_fault *ret_fault, struct error *err)
{
        _cleanup_(product_done) struct product product = { .items = NULL };
        _cleanup_(builders_done) struct builders builders = { .items = NULL };
        int r = prepare(store, options, &builders, ret_fault, err);

        if (r == 0)
                r = make(options, &builders, &product, err);
        return r < 0 ? r : hand_over(store, options, &product, ret, err);
}

int build_verify(struct store *store, const struct build_options *options, struct build_result *ret,
                 struct buf *ret_report, struct build_fault *ret_fault, struct error *err)
{
        _cleanup_(product_done) struct product first = { .items = NULL },
                                               second = { .items = NULL };
        _cleanup_(builders_done) struct builders builders = { .items = NULL };
        struct build_options own = *options;
        size_t differing = 0;
        int r;

        own.no_cache = true;
        own.cache_from_count = 0;
        r = prepare(store, &own, &builders, ret_fault, err);
        if (r == 0)
                r = make(&own, &builders, &first, err);
        if (r == 0)
                r = make(&own, &builders, &second, err);
        for (size_t i = 0; i < first.count && r == 0; i++) {
                r = reproduce_compare(store, builder_plan(builders.items[i]), first.count > 1,
                                      &first.items[i], &second.items[i], ret_report, err);
                differing += r > 0;
                r = r < 0 ? r : 0;
        }
        if (r == 0 && differing > 0) {
                r = error_set(err, -EBADMSG, "two builds were not the same");
                if (!options->clamps_times)
                        error_hint(err, "Times differ from build to build: give one with "
                                        "--timestamp, or SOURCE_DATE_EPOCH.");
        }
        return r < 0 ? r : hand_over(store, options, &first, ret, err);
}
