#include "store/images.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "oci/media_type.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INDEX_NAME     "index.json"
#define REF_NAME       "org.opencontainers.image.ref.name"
#define INDEX_MAX      ((size_t)64 << 20)
#define INDEX_DEPTH    4
#define ID_DIGITS_MIN  4
#define ID_DIGITS_HASH 64

int store_images_read(struct store *store, struct image_index *ret, struct error *err)
{
        struct buf text = BUF_INIT;
        int r;

        if (faccessat(store->oci_fd, INDEX_NAME, F_OK, 0) < 0 && errno == ENOENT) {
                *ret = IMAGE_INDEX_INIT;
                return 0;
        }
        r = io_read_file(store->oci_fd, INDEX_NAME, INDEX_MAX, &text, err);
        if (r == 0)
                r = image_index_parse(text.data, text.len, NULL, ret, err);
        buf_done(&text);
        if (r == -EINVAL || r == -EBADMSG)
                error_hint(err, "Move %s/oci/" INDEX_NAME " away to begin with an empty list.",
                           store->root);
        return r < 0 ? error_wrap(err, "the list of images of the store %s", store->root) : 0;
}

const char *store_image_name(const struct descriptor *descriptor)
{
        return strmap_get(&descriptor->annotations, REF_NAME);
}

static int write_list(struct store *store, const struct image_index *list, struct error *err)
{
        struct image_index named = *list;
        struct buf text = BUF_INIT;
        int r;

        if (!named.media_type)
                named.media_type = (char *)(uintptr_t)MEDIA_TYPE_OCI_INDEX;
        r = image_index_write(&named, &text, err);
        if (r == 0)
                r = io_write_file_atomic(store->oci_fd, INDEX_NAME, text.data, text.len, 0600, err);
        buf_done(&text);
        return r < 0 ? error_wrap(err, "the list of images of the store %s", store->root) : 0;
}

static void remove_item(struct descriptors *list, size_t at)
{
        descriptor_done(&list->items[at]);
        memmove(&list->items[at], &list->items[at + 1],
                (list->count - at - 1) * sizeof(*list->items));
        list->count--;
}

static bool has_name(const struct descriptor *item, const char *name)
{
        const char *other = store_image_name(item);

        return other ? name && strcmp(other, name) == 0 : !name;
}

/* How many entries an image has, those without a name apart. */
static size_t count_names(const struct descriptors *list, const struct digest *image)
{
        size_t count = 0;

        for (size_t i = 0; i < list->count; i++)
                count += digest_equal(&list->items[i].digest, image) &&
                         store_image_name(&list->items[i]);
        return count;
}

/* Takes the entries without a name of an image out. */
static void remove_dangling(struct descriptors *list, const struct digest *image)
{
        for (size_t i = list->count; i-- > 0;)
                if (digest_equal(&list->items[i].digest, image) &&
                    !store_image_name(&list->items[i]))
                        remove_item(list, i);
}

static int put(struct descriptors *list, const char *name, const struct descriptor *image)
{
        struct descriptor *item = NULL, copy;
        int r;

        for (size_t i = 0; i < list->count && name; i++)
                if (has_name(&list->items[i], name))
                        item = &list->items[i];
        if (item && digest_equal(&item->digest, &image->digest))
                return 0;
        if (!name && count_names(list, &image->digest) > 0)
                return 0;
        if (item && count_names(list, &item->digest) == 1)
                strmap_remove(&item->annotations, REF_NAME); /* dangling from now on */
        else if (item)
                remove_item(list, (size_t)(item - list->items));
        remove_dangling(list, &image->digest);
        r = descriptor_copy(image, &copy);
        if (r < 0)
                return r;
        strmap_remove(&copy.annotations, REF_NAME);
        if (name)
                r = strmap_set(&copy.annotations, REF_NAME, name);
        item = r < 0 ? NULL : descriptors_add(list);
        if (!item) {
                descriptor_done(&copy);
                return -ENOMEM;
        }
        *item = copy;
        return 0;
}

int store_images_put(struct store *store, const char *name, const struct descriptor *image,
                     struct error *err)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct image_index list;
        int r;

        r = store_lock_take(store, &lock, err);
        if (r < 0)
                return r;
        r = store_images_read(store, &list, err);
        if (r == 0) {
                r = put(&list.manifests, name, image) < 0 ? error_set_oom(err)
                                                          : write_list(store, &list, err);
                image_index_done(&list);
        }
        store_lock_release(store, &lock);
        return r;
}

static int take_out(struct descriptors *list, const char *name, const struct digest *image,
                    bool *ret_gone)
{
        struct digest digest;
        bool found = false;

        for (size_t i = list->count; i-- > 0;) {
                const struct descriptor *item = &list->items[i];

                if (name ? !has_name(item, name) : !digest_equal(&item->digest, image))
                        continue;
                digest = item->digest;
                found = true;
                remove_item(list, i);
        }
        if (!found)
                return -ENOENT;
        *ret_gone = true;
        for (size_t i = 0; i < list->count; i++)
                if (digest_equal(&list->items[i].digest, &digest))
                        *ret_gone = false;
        return 0;
}

int store_images_remove(struct store *store, const char *name, const struct digest *image,
                        bool *ret_gone, struct error *err)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct image_index list;
        int r;

        r = store_lock_take(store, &lock, err);
        if (r < 0)
                return r;
        r = store_images_read(store, &list, err);
        if (r == 0) {
                r = take_out(&list.manifests, name, image, ret_gone);
                if (r < 0)
                        error_set(err, r, "there is no image %s", name ? name : "of this ID");
                else
                        r = write_list(store, &list, err);
                image_index_done(&list);
        }
        store_lock_release(store, &lock);
        return r;
}

/* ---- reading images ---- */

void stored_image_done(struct stored_image *image)
{
        descriptor_done(&image->root);
        descriptor_done(&image->manifest);
        manifest_done(&image->parsed);
        image_config_done(&image->config);
}

/* The first image of an index: one that has a platform, which attestations have not. */
static const struct descriptor *choose_any(const struct image_index *index)
{
        for (size_t i = 0; i < index->manifests.count; i++) {
                const struct platform *platform = index->manifests.items[i].platform;

                if (platform && platform->os && strcmp(platform->os, "unknown") != 0)
                        return &index->manifests.items[i];
        }
        return NULL;
}

/* Follows indexes down to the manifest for the platform; `or_any`: else to the first. */
static int choose_manifest(struct store *store, const struct descriptor *root,
                           const struct platform *platform, bool or_any, struct descriptor *ret,
                           struct error *err)
{
        struct descriptor at;
        int r;

        if (descriptor_copy(root, &at) < 0)
                return error_set_oom(err);
        for (int depth = 0; media_type_kind(at.media_type) == MEDIA_INDEX; depth++) {
                const struct descriptor *chosen;
                struct image_index index;
                struct buf text = BUF_INIT;

                r = depth < INDEX_DEPTH ? store_read(store, STORE_BLOB, &at.digest,
                                                     MANIFEST_BYTES_MAX, &text, err)
                                        : error_set(err, -EBADMSG, "indexes nest too deep");
                if (r == 0)
                        r = image_index_parse(text.data, text.len, at.media_type, &index, err);
                buf_done(&text);
                if (r == 0) {
                        chosen = image_index_choose(&index, platform);
                        if (!chosen && or_any)
                                chosen = choose_any(&index);
                        descriptor_done(&at);
                        r = chosen ? descriptor_copy(chosen, &at) : -ENOENT;
                        image_index_done(&index);
                        if (r == -ENOENT)
                                error_set(err, r, "the image is for other platforms");
                        else if (r < 0)
                                error_set_oom(err);
                }
                if (r < 0) {
                        descriptor_done(&at);
                        return r;
                }
        }
        *ret = at;
        return 0;
}

static int load(struct store *store, const struct platform *platform, bool or_any,
                struct stored_image *image, struct error *err)
{
        struct buf text = BUF_INIT;
        int r;

        r = choose_manifest(store, &image->root, platform, or_any, &image->manifest, err);
        if (r == 0)
                r = store_read(store, STORE_BLOB, &image->manifest.digest, MANIFEST_BYTES_MAX,
                               &text, err);
        if (r == 0)
                r = manifest_parse(text.data, text.len, image->manifest.media_type, &image->parsed,
                                   err);
        buf_clear(&text);
        if (r == 0)
                r = store_read(store, STORE_BLOB, &image->parsed.config.digest, MANIFEST_BYTES_MAX,
                               &text, err);
        if (r == 0)
                r = image_config_parse(text.data, text.len, &image->config, err);
        buf_done(&text);
        return r;
}

int store_image_load(struct store *store, const struct descriptor *root,
                     const struct platform *platform, struct stored_image *ret, struct error *err)
{
        struct stored_image image = STORED_IMAGE_INIT;
        struct platform host = PLATFORM_INIT;
        int r;

        r = descriptor_copy(root, &image.root);
        if (r == 0 && !platform)
                r = platform_host(&host);
        r = r < 0 ? error_set_oom(err)
                  : load(store, platform ? platform : &host, !platform, &image, err);
        platform_done(&host);
        if (r < 0) {
                stored_image_done(&image);
                return r;
        }
        *ret = image;
        return 0;
}

/* An image's ID is its config's digest. */
static bool has_id(const struct stored_image *image, const char *digits)
{
        char hex[DIGEST_HEX_MAX];

        digest_format_hex(&image->parsed.config.digest, hex);
        return strncmp(hex, digits, strlen(digits)) == 0;
}

static int find_by_id(struct store *store, const struct descriptors *list, const char *digits,
                      const struct platform *platform, struct stored_image *ret, struct error *err)
{
        struct stored_image found = STORED_IMAGE_INIT;
        bool any = false;

        for (size_t i = 0; i < list->count; i++) {
                struct stored_image image;
                struct error skipped = ERROR_INIT;

                if (store_image_load(store, &list->items[i], platform, &image, &skipped) < 0)
                        continue;
                if (!has_id(&image, digits) || (any && digest_equal(&image.parsed.config.digest,
                                                                    &found.parsed.config.digest))) {
                        stored_image_done(&image);
                        continue;
                }
                if (any) {
                        stored_image_done(&image);
                        stored_image_done(&found);
                        return error_set(err, -EINVAL, "several images' IDs begin with %s", digits);
                }
                found = image;
                any = true;
        }
        if (!any)
                return -ENOENT;
        *ret = found;
        return 0;
}

static bool is_id(const char *text)
{
        size_t len = strspn(text, "0123456789abcdef");

        return len >= ID_DIGITS_MIN && len <= ID_DIGITS_HASH && text[len] == '\0';
}

/* `name` is a whole reference. */
static int find_whole(struct store *store, const struct descriptors *list, const char *name,
                      const struct platform *platform, struct stored_image *ret, struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        _cleanup_free_ char *pinned = NULL;
        int r = reference_parse(name, &reference, err);

        if (r < 0)
                return r;
        reference_pin(&reference);
        pinned = reference_format(&reference);
        r = pinned ? -ENOENT : error_set_oom(err);
        for (size_t i = 0; i < list->count && r == -ENOENT; i++)
                if (has_name(&list->items[i], pinned) ||
                    (reference.has_digest &&
                     digest_equal(&list->items[i].digest, &reference.digest)))
                        r = store_image_load(store, &list->items[i], platform, ret, err);
        reference_done(&reference);
        return r;
}

static int find_by_name(struct store *store, const struct descriptors *list, const char *text,
                        const struct platform *platform, struct stored_image *ret,
                        struct error *err)
{
        struct strv names = STRV_INIT;
        int r = reference_candidates(text, &store->search, &names, err);

        if (r == 0)
                r = -ENOENT;
        for (size_t i = 0; i < names.count && r == -ENOENT && !error_is_set(err); i++)
                r = find_whole(store, list, names.items[i], platform, ret, err);
        strv_done(&names);
        return r;
}

int store_image_find(struct store *store, const char *text, const struct platform *platform,
                     struct stored_image *ret, struct error *err)
{
        const char *digits = strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
        struct image_index list;
        int r;

        r = store_images_read(store, &list, err);
        if (r < 0)
                return r;
        r = -ENOENT;
        if (digits == text)
                r = find_by_name(store, &list.manifests, text, platform, ret, err);
        if (r == -ENOENT && !error_is_set(err) && is_id(digits))
                r = find_by_id(store, &list.manifests, digits, platform, ret, err);
        image_index_done(&list);
        if (r == -ENOENT && !error_is_set(err))
                return error_set(err, r, "there is no image %s in the store %s", text, store->root);
        return r;
}
