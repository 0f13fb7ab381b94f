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

struct search {
        char blob[DIGEST_TEXT_MAX];
        struct strv *found;
};

static int visit(void *context, const char *text)
{
        static const char head[] = "origin ";
        struct search *search = context;

        if (strncmp(text, head, strlen(head)) != 0 || !strstr(text, search->blob))
                return 0;
        text += strlen(head);
        return strv_addf(search->found, "%.*s", (int)strcspn(text, "\n"), text);
}

int origin_find(struct store *store, const struct digest *blob, struct strv *ret, struct error *err)
{
        struct search search = { .found = ret };

        digest_format(blob, search.blob);
        return store_record_each(store, visit, &search) < 0 ? error_set_oom(err) : 0;
}
