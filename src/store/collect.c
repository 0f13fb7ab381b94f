/*
 * Garbage collection: marks what images and records need, and removes the rest of the files, one
 * by one. A file that a living process has pinned stays; because a process pins first and looks
 * then, one that is about to be removed is moved aside, looked at once more, and put back if it
 * was pinned meanwhile.
 */
#include "store/images.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "oci/media_type.h"
#include "store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Digests, sorted for looking up once all are there. */
struct marks {
        struct digest *items;
        size_t count;
        size_t cap;
};

static int mark(struct marks *marks, const struct digest *digest)
{
        if (marks->count == marks->cap) {
                size_t cap = marks->cap ? marks->cap * 2 : 256;
                struct digest *items = reallocarray(marks->items, cap, sizeof(*items));

                if (!items)
                        return -ENOMEM;
                marks->items = items;
                marks->cap = cap;
        }
        marks->items[marks->count++] = *digest;
        return 0;
}

static int compare_digests(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct digest));
}

static bool is_marked(const struct marks *marks, const struct digest *digest)
{
        return marks->count > 0 &&
               bsearch(digest, marks->items, marks->count, sizeof(*digest), compare_digests);
}

/* Marks a document and all that it points at. */
static int mark_descriptor(struct store *store, struct marks *marks,
                           const struct descriptor *descriptor, int depth, struct error *err);

static int mark_manifest(struct store *store, struct marks *marks, const void *data, size_t len,
                         const char *media_type, struct error *err)
{
        struct image_config config;
        struct manifest manifest;
        struct buf text = BUF_INIT;
        int r;

        r = manifest_parse(data, len, media_type, &manifest, err);
        if (r < 0)
                return r;
        r = mark(marks, &manifest.config.digest);
        for (size_t i = 0; i < manifest.layers.count && r == 0; i++)
                r = mark(marks, &manifest.layers.items[i].digest);
        if (r == 0)
                r = store_read(store, STORE_BLOB, &manifest.config.digest, MANIFEST_BYTES_MAX,
                               &text, err);
        if (r == 0)
                r = image_config_parse(text.data, text.len, &config, err);
        if (r == 0) {
                for (size_t i = 0; i < config.diff_id_count && r == 0; i++)
                        r = mark(marks, &config.diff_ids[i]);
                image_config_done(&config);
        }
        buf_done(&text);
        manifest_done(&manifest);
        return r;
}

static int mark_index(struct store *store, struct marks *marks, const void *data, size_t len,
                      const char *media_type, int depth, struct error *err)
{
        struct image_index index;
        int r;

        r = image_index_parse(data, len, media_type, &index, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < index.manifests.count && r == 0; i++)
                r = mark_descriptor(store, marks, &index.manifests.items[i], depth + 1, err);
        image_index_done(&index);
        return r;
}

static int mark_descriptor(struct store *store, struct marks *marks,
                           const struct descriptor *descriptor, int depth, struct error *err)
{
        enum media_kind kind = media_type_kind(descriptor->media_type);
        struct buf text = BUF_INIT;
        int r;

        if (mark(marks, &descriptor->digest) < 0)
                return error_set_oom(err);
        /* An index may list platforms that were never fetched. */
        if (depth > 8 || !store_has(store, STORE_BLOB, &descriptor->digest) ||
            (kind != MEDIA_INDEX && kind != MEDIA_MANIFEST))
                return 0;
        r = store_read(store, STORE_BLOB, &descriptor->digest, MANIFEST_BYTES_MAX, &text, err);
        if (r == 0 && kind == MEDIA_INDEX)
                r = mark_index(store, marks, text.data, text.len, descriptor->media_type, depth,
                               err);
        else if (r == 0)
                r = mark_manifest(store, marks, text.data, text.len, descriptor->media_type, err);
        buf_done(&text);
        return r;
}

static int mark_images(struct store *store, struct marks *marks, struct error *err)
{
        struct image_index list;
        int r;

        r = store_images_read(store, &list, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list.manifests.count && r == 0; i++)
                r = mark_descriptor(store, marks, &list.manifests.items[i], 0, err);
        image_index_done(&list);
        return r;
}

/* Marks what the lines of a record name. */
static int mark_record(struct marks *marks, const char *text)
{
        for (const char *line = text; line && *line; line = strchr(line, '\n')) {
                struct error skipped = ERROR_INIT;
                char digest_text[DIGEST_TEXT_MAX];
                struct digest digest;

                line += *line == '\n';
                if (sscanf(line, "layer %71s", digest_text) == 1 &&
                    digest_parse(digest_text, &digest, &skipped) == 0 && mark(marks, &digest) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Marks what a line of a container's keeps names. */
static int mark_kept(struct store *store, struct marks *marks, const char *line, struct error *err)
{
        char digest_text[DIGEST_TEXT_MAX], media_type[128];
        struct descriptor image = { .media_type = media_type };
        struct error skipped = ERROR_INIT;
        struct digest layer;

        if (sscanf(line, "layer %71s", digest_text) == 1 &&
            digest_parse(digest_text, &layer, &skipped) == 0)
                return mark(marks, &layer) < 0 ? error_set_oom(err) : 0;
        if (sscanf(line, "image %71s %127s", digest_text, media_type) != 2 ||
            digest_parse(digest_text, &image.digest, &skipped) < 0)
                return 0;
        /* One that is damaged does not keep the rest from being cleaned up. */
        return mark_descriptor(store, marks, &image, 0, &skipped) == -ENOMEM ? error_set_oom(err)
                                                                             : 0;
}

struct keeping {
        struct store *store;
        struct marks *marks;
};

/* Calls `visit` for each name of a directory but those that begin with a dot. */
static int each_name(int parent_fd, const char *path,
                     int (*visit)(void *context, int dir_fd, const char *name, struct error *err),
                     void *context, struct error *err)
{
        struct dirent *entry;
        DIR *dir;
        int r = 0;

        if (io_open_dir(parent_fd, path, &dir) < 0)
                return 0;
        while (r == 0 && (entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        r = visit(context, dirfd(dir), entry->d_name, err);
        closedir(dir);
        return r;
}

static int visit_container(void *context, int dir_fd, const char *name, struct error *err)
{
        const struct keeping *keeping = context;
        char path[NAME_MAX + sizeof(STORE_KEEPS) + 2];
        struct error skipped = ERROR_INIT;
        struct buf text = BUF_INIT;
        int r = 0;

        snprintf(path, sizeof(path), "%s/" STORE_KEEPS, name);
        if (io_read_file(dir_fd, path, STORE_KEEPS_MAX, &text, &skipped) == 0)
                for (const char *line = buf_str(&text); *line && r == 0;) {
                        r = mark_kept(keeping->store, keeping->marks, line, err);
                        line += strcspn(line, "\n");
                        line += *line == '\n';
                }
        buf_done(&text);
        return r;
}

/* What images need, and containers. */
static int mark_images_and_containers(struct store *store, struct marks *marks, struct error *err)
{
        struct keeping keeping = { store, marks };
        int r = mark_images(store, marks, err);

        return r < 0 ? r
                     : each_name(store->root_fd, STORE_CONTAINERS, visit_container, &keeping, err);
}

static int visit_record(void *context, int dir_fd, const char *name, struct error *err)
{
        struct buf text = BUF_INIT;
        int r = store_read_head(dir_fd, name, &text, err);

        if (r == 0 && mark_record(context, buf_str(&text)) < 0)
                r = error_set_oom(err);
        buf_done(&text);
        return r;
}

static int visit_group(void *context, int dir_fd, const char *name, struct error *err)
{
        return each_name(dir_fd, name, visit_record, context, err);
}

struct sweep {
        struct store *store;
        const struct marks *marks;
        uint64_t freed;
};

static int visit_file(void *context, int dir_fd, const char *name, struct error *err)
{
        struct sweep *sweep = context;
        struct store *store = sweep->store;
        char hex[DIGEST_HEX_MAX] = "", aside[DIGEST_HEX_MAX + 16];
        struct error skipped = ERROR_INIT;
        struct digest digest;
        struct stat st;
        int tmp_fd;

        strncpy(hex, name, sizeof(hex) - 1);
        if (digest_parse_hex(hex, &digest, &skipped) < 0 || is_marked(sweep->marks, &digest) ||
            store_is_pinned(store, &digest) || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        tmp_fd = store_process_dir(store, err);
        if (tmp_fd < 0)
                return tmp_fd;
        snprintf(aside, sizeof(aside), "gone-%s", hex);
        if (renameat(dir_fd, name, tmp_fd, aside) < 0)
                return 0;
        if (store_is_pinned(store, &digest)) {
                if (renameat2(tmp_fd, aside, dir_fd, name, RENAME_NOREPLACE) < 0)
                        unlinkat(tmp_fd, aside, 0);
                return 0;
        }
        unlinkat(tmp_fd, aside, 0);
        sweep->freed += (uint64_t)st.st_blocks * 512;
        return 0;
}

static void sort_marks(struct marks *marks)
{
        if (marks->count > 0)
                qsort(marks->items, marks->count, sizeof(*marks->items), compare_digests);
}

static int collect(struct store *store, struct marks *marks, uint64_t *ret_bytes, struct error *err)
{
        struct sweep sweep = { .store = store, .marks = marks };
        int r;

        r = mark_images_and_containers(store, marks, err);
        if (r == 0)
                r = each_name(store->cache_fd, ".", visit_group, marks, err);
        if (r < 0)
                return r;
        sort_marks(marks);
        r = each_name(store->blobs_fd, ".", visit_file, &sweep, err);
        if (r == 0)
                r = each_name(store->layers_fd, ".", visit_file, &sweep, err);
        *ret_bytes = sweep.freed;
        return r;
}

int store_collect(struct store *store, uint64_t *ret_bytes, struct error *err)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct marks marks = { .items = NULL };
        int r;

        r = store_lock_take(store, &lock, err);
        if (r < 0)
                return r;
        r = collect(store, &marks, ret_bytes, err);
        free(marks.items);
        store_lock_release(store, &lock);
        return r < 0 ? error_wrap(err, "cannot clean up the store %s", store->root) : 0;
}

/* ---- measuring ---- */

struct measure {
        const struct marks *images;
        const struct marks *records;
        struct store_usage usage;
};

static void count_file(struct store_share *share, const struct stat *st)
{
        share->files++;
        share->size_bytes += (uint64_t)st->st_blocks * 512;
}

static int measure_file(void *context, int dir_fd, const char *name, struct error *err)
{
        struct measure *measure = context;
        char hex[DIGEST_HEX_MAX] = "";
        struct error skipped = ERROR_INIT;
        struct digest digest;
        struct stat st;

        (void)err;
        strncpy(hex, name, sizeof(hex) - 1);
        if (digest_parse_hex(hex, &digest, &skipped) < 0 ||
            fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (is_marked(measure->images, &digest))
                count_file(&measure->usage.images, &st);
        else if (is_marked(measure->records, &digest))
                count_file(&measure->usage.cache, &st);
        else
                count_file(&measure->usage.unused, &st);
        return 0;
}

static int measure_record(void *context, int dir_fd, const char *name, struct error *err)
{
        struct measure *measure = context;
        struct stat st;

        (void)err;
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return 0;
        measure->usage.record_count++;
        count_file(&measure->usage.cache, &st);
        return 0;
}

static int measure_group(void *context, int dir_fd, const char *name, struct error *err)
{
        return each_name(dir_fd, name, measure_record, context, err);
}

static int measure_store(struct store *store, struct marks *images, struct marks *records,
                         struct measure *measure, struct error *err)
{
        struct image_index list;
        int r;

        r = mark_images_and_containers(store, images, err);
        if (r == 0)
                r = each_name(store->cache_fd, ".", visit_group, records, err);
        if (r == 0)
                r = store_images_read(store, &list, err);
        if (r < 0)
                return r;
        measure->usage.image_count = list.manifests.count;
        image_index_done(&list);
        sort_marks(images);
        sort_marks(records);
        r = each_name(store->blobs_fd, ".", measure_file, measure, err);
        if (r == 0)
                r = each_name(store->layers_fd, ".", measure_file, measure, err);
        return r < 0 ? r : each_name(store->cache_fd, ".", measure_group, measure, err);
}

int store_measure(struct store *store, struct store_usage *ret, struct error *err)
{
        struct marks images = { .items = NULL }, records = { .items = NULL };
        struct measure measure = { .images = &images, .records = &records };
        int r = measure_store(store, &images, &records, &measure, err);

        free(images.items);
        free(records.items);
        if (r < 0)
                return error_wrap(err, "cannot measure the store %s", store->root);
        *ret = measure.usage;
        return 0;
}

void store_abandon(struct store *store)
{
        struct error ignored = ERROR_INIT;
        uint64_t freed;

        store_leave(store);
        store_collect(store, &freed, &ignored);
        store_leave(store);
}
