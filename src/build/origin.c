#include "origin.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

#define GROUP_TEXT "varve origins 1"

static int origins_group(struct digest *ret, struct error *err)
{
        return digest_of(GROUP_TEXT, strlen(GROUP_TEXT), ret, err);
}

/* "origin HOST/PATH", then "blob sha256:..." for each. */
static int add_lines(struct buf *record, const char *repository, const struct manifest *manifest)
{
        int r = record->len == 0 ? buf_appendf(record, "origin %s\n", repository) : 0;

        for (size_t i = 0; i < manifest->layers.count && r == 0; i++) {
                char digest[DIGEST_TEXT_MAX];

                digest_format(&manifest->layers.items[i].digest, digest);
                if (!strstr(buf_str(record), digest))
                        r = buf_appendf(record, "blob %s\n", digest);
        }
        return r;
}

int origin_note(struct store *store, const char *repository, const struct manifest *manifest,
                struct error *err)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct buf record = BUF_INIT;
        struct digest group, key;
        size_t before = 0;
        int r = origins_group(&group, err);

        if (r == 0)
                r = digest_of(repository, strlen(repository), &key, err);
        if (r == 0)
                r = store_lock_take(store, &lock, err);
        if (r < 0)
                return r;
        r = store_record_get(store, &group, &key, &record, err);
        if (r == 0 || r == -ENOENT) {
                before = record.len;
                r = add_lines(&record, repository, manifest) < 0 ? error_set_oom(err) : 0;
        }
        if (r == 0 && record.len > before)
                r = store_record_put(store, &group, &key, record.data, record.len, err);
        store_lock_release(store, &lock);
        buf_done(&record);
        return r;
}

/* Appends the repository of a record that lists the blob. */
static int search(const char *record, const char *blob, struct strv *ret)
{
        static const char head[] = "origin ";

        if (strncmp(record, head, strlen(head)) != 0 || !strstr(record, blob))
                return 0;
        record += strlen(head);
        return strv_addf(ret, "%.*s", (int)strcspn(record, "\n"), record);
}

int origin_find(struct store *store, const struct digest *blob, struct strv *ret, struct error *err)
{
        _cleanup_free_ struct store_record *records = NULL;
        char digest[DIGEST_TEXT_MAX];
        struct digest group;
        size_t count = 0;
        int r = origins_group(&group, err);

        digest_format(blob, digest);
        if (r == 0)
                r = store_record_list(store, &group, &records, &count, err);
        for (size_t i = 0; i < count && r == 0; i++) {
                struct error ignored = ERROR_INIT;
                struct buf text = BUF_INIT;

                if (store_record_get(store, &group, &records[i].key, &text, &ignored) == 0 &&
                    search(buf_str(&text), digest, ret) < 0)
                        r = error_set_oom(err);
                buf_done(&text);
        }
        return r;
}
