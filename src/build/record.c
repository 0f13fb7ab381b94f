#include "record.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "key.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_KIND "varve step "
#define RECORD_HEAD RECORD_KIND "4"

/* Of what people have written. */
#define TEXT_MAX 2048

void observed_mounts_done(struct observed_mounts *mounts)
{
        for (size_t i = 0; i < mounts->count; i++)
                observations_free(mounts->items[i]);
        free(mounts->items);
        *mounts = (struct observed_mounts){ .items = NULL };
}

void record_done(struct record *record)
{
        observed_mounts_done(&record->mounts);
        if (record->has_layer)
                descriptor_done(&record->layer.blob);
        observations_free(record->observations);
        free(record->unobserved);
        free(record->step);
        *record = (struct record){ .has_layer = false };
}

/* ---- writing ---- */

static int add_digest(struct buf *buf, const char *key, const struct digest *digest)
{
        char text[DIGEST_TEXT_MAX];

        digest_format(digest, text);
        return buf_appendf(buf, "%s %s\n", key, text);
}

static int write_layer(const struct record *record, struct buf *ret)
{
        const struct descriptor *blob = &record->layer.blob;
        const char *made = strmap_get(&blob->annotations, LAYER_COMPRESSION);
        char digest[DIGEST_TEXT_MAX];

        digest_format(&blob->digest, digest);
        if (add_digest(ret, "layer", &record->layer.diff_id) < 0 ||
            add_digest(ret, "content", &record->layer.content) < 0)
                return -ENOMEM;
        if (buf_appendf(ret, "blob %s %" PRIu64 " %s\n", digest, blob->size, blob->media_type) <
                    0 ||
            (made && buf_appendf(ret, "compressed %s\n", made) < 0))
                return -ENOMEM;
        return buf_appendf(ret, "owners %s\n", owners_name(record->owners));
}

/* The end of the head, and behind it what was observed of the mounts, each as long as the head
 * says, and of the image. */
static int write_observations(const struct record *record, struct buf *ret)
{
        struct buf mounts = BUF_INIT;
        int r = add_digest(ret, "fixed", &record->mounts.fixed);

        for (size_t i = 0; i < record->mounts.count && r == 0; i++) {
                size_t before = mounts.len;

                r = observations_write(record->mounts.items[i], &mounts);
                if (r == 0)
                        r = buf_appendf(ret, "mount %zu\n", mounts.len - before);
        }
        if (r == 0)
                r = buf_append_char(ret, '\n');
        if (r == 0)
                r = buf_append(ret, mounts.data, mounts.len);
        buf_done(&mounts);
        return r < 0 ? r : observations_write(record->observations, ret);
}

static int write_body(const struct record *record, struct buf *ret)
{
        char created[CLOCK_TEXT_MAX];
        int r;

        clock_format(&record->created, created);
        r = buf_appendf(ret, "created %s\n", created);
        if (r == 0 && record->step)
                r = buf_appendf(ret, "step %s\n", record->step);
        if (r == 0)
                r = add_digest(ret, "group", &record->group);
        if (r == 0)
                r = add_digest(ret, "below", &record->below);
        if (r == 0)
                r = add_digest(ret, "input", &record->input);
        if (r == 0)
                r = add_digest(ret, "user", &record->user);
        if (r == 0 && record->has_layer)
                r = write_layer(record, ret);
        if (r == 0 && record->unobserved)
                r = buf_appendf(ret, "unobserved %s\n", record->unobserved);
        if (r == 0 && record->observations)
                return write_observations(record, ret);
        return r < 0 ? r : buf_append_char(ret, '\n');
}

int record_write(const struct record *record, struct buf *ret)
{
        struct error ignored = ERROR_INIT;
        struct buf body = BUF_INIT;
        char text[DIGEST_TEXT_MAX];
        struct digest digest;
        int r = write_body(record, &body);

        if (r == 0)
                r = digest_of(body.data, body.len, &digest, &ignored);
        if (r == 0) {
                digest_format(&digest, text);
                r = buf_appendf(ret, RECORD_HEAD " %s\n", text);
        }
        if (r == 0)
                r = buf_append(ret, body.data, body.len);
        buf_done(&body);
        return r;
}

/* ---- reading ---- */

/* Takes the line "KEY VALUE" off what is left, if it is that. */
static bool take_line(const char **at, const char *end, const char *key, char *value, size_t size)
{
        const char *newline = memchr(*at, '\n', (size_t)(end - *at));
        size_t key_len = strlen(key), len = newline ? (size_t)(newline - *at) : 0;

        if (len <= key_len + 1 || memcmp(*at, key, key_len) != 0 || (*at)[key_len] != ' ' ||
            len - key_len - 1 >= size)
                return false;
        len -= key_len + 1;
        memcpy(value, *at + key_len + 1, len);
        value[len] = '\0';
        *at = newline + 1;
        return true;
}

static bool take_digest(const char **at, const char *end, const char *key, struct digest *ret)
{
        struct error ignored = ERROR_INIT;
        char text[DIGEST_TEXT_MAX];

        return take_line(at, end, key, text, sizeof(text)) &&
               digest_parse(text, ret, &ignored) == 0;
}

/* A line that may be missing. Returns 0 or -ENOMEM. */
static int take_text(const char **at, const char *end, const char *key, char **ret)
{
        char text[TEXT_MAX];

        if (!take_line(at, end, key, text, sizeof(text)))
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static bool check_digest(const char **at, const char *end)
{
        struct error ignored = ERROR_INIT;
        struct digest promised, actual;

        return take_digest(at, end, RECORD_HEAD, &promised) &&
               digest_of(*at, (size_t)(end - *at), &actual, &ignored) == 0 &&
               digest_equal(&promised, &actual);
}

static int read_layer(const char **at, const char *end, struct record *record)
{
        char line[256], digest[DIGEST_TEXT_MAX], media_type[128], made[128], owners[32];
        bool has_made;
        struct error ignored = ERROR_INIT;
        struct layer *layer = &record->layer;

        if (!take_digest(at, end, "layer", &layer->diff_id))
                return 0;
        if (!take_digest(at, end, "content", &layer->content) ||
            !take_line(at, end, "blob", line, sizeof(line)) ||
            sscanf(line, "%71s %" SCNu64 " %127s", digest, &layer->blob.size, media_type) != 3 ||
            digest_parse(digest, &layer->blob.digest, &ignored) < 0)
                return -EBADMSG;
        has_made = take_line(at, end, "compressed", made, sizeof(made));
        if (!take_line(at, end, "owners", owners, sizeof(owners)))
                return -EBADMSG;
        layer->has_content = true;
        for (record->owners = OWNERS_COUNT; record->owners > 0; record->owners--)
                if (record->owners < OWNERS_COUNT &&
                    strcmp(owners_name(record->owners), owners) == 0)
                        break;
        layer->blob.media_type = strdup(media_type);
        record->has_layer = true;
        if (!layer->blob.media_type ||
            (has_made && strmap_set(&layer->blob.annotations, LAYER_COMPRESSION, made) < 0))
                return -ENOMEM;
        return 0;
}

static int read_observations(const char *at, const char *end, struct record *record)
{
        struct observed_mounts *mounts = &record->mounts;
        size_t sizes[SANDBOX_MOUNTS_MAX], count = 0;
        char text[32];
        int r = 0;

        while (count < SANDBOX_MOUNTS_MAX && take_line(&at, end, "mount", text, sizeof(text)))
                if (sscanf(text, "%zu", &sizes[count++]) != 1)
                        return -EBADMSG;
        if (at == end || *at++ != '\n')
                return -EBADMSG;
        mounts->items = calloc(count + 1, sizeof(struct observations *));
        if (!mounts->items)
                return -ENOMEM;
        while (mounts->count < count && r == 0) {
                size_t size = sizes[mounts->count];

                if (size > (size_t)(end - at))
                        return -EBADMSG;
                r = observations_read(at, size, &mounts->items[mounts->count]);
                mounts->count += r == 0;
                at += size;
        }
        return r < 0 ? r : observations_read(at, (size_t)(end - at), &record->observations);
}

static int read_body(const char *at, const char *end, struct record *record)
{
        char text[CLOCK_TEXT_MAX];
        int r;

        if (!take_line(&at, end, "created", text, sizeof(text)) ||
            clock_parse(text, &record->created) < 0)
                return -EBADMSG;
        r = take_text(&at, end, "step", &record->step);
        if (r < 0)
                return r;
        if (!take_digest(&at, end, "group", &record->group) ||
            !take_digest(&at, end, "below", &record->below) ||
            !take_digest(&at, end, "input", &record->input) ||
            !take_digest(&at, end, "user", &record->user))
                return -EBADMSG;
        r = read_layer(&at, end, record);
        if (r < 0)
                return r;
        r = take_text(&at, end, "unobserved", &record->unobserved);
        if (r < 0)
                return r;
        if (take_digest(&at, end, "fixed", &record->mounts.fixed))
                return read_observations(at, end, record);
        return end - at == 1 && *at == '\n' ? 0 : -EBADMSG;
}

static bool is_of_another_version(const char *data, size_t len)
{
        return len > strlen(RECORD_HEAD) && memcmp(data, RECORD_KIND, strlen(RECORD_KIND)) == 0 &&
               memcmp(data, RECORD_HEAD, strlen(RECORD_HEAD)) != 0;
}

int record_read(const void *data, size_t len, struct record *ret)
{
        const char *at = data, *end = at + len;
        struct record record = { .layer = { .blob = DESCRIPTOR_INIT } };
        int r;

        if (is_of_another_version(data, len))
                return -ESTALE;
        if (!check_digest(&at, end))
                return -EBADMSG;
        r = read_body(at, end, &record);
        if (r < 0) {
                record_done(&record);
                return r;
        }
        *ret = record;
        return 0;
}

int record_check(const struct record *record, const struct digest *group, const struct digest *key,
                 struct error *err)
{
        struct digest own;
        int r = key_of_step(&record->below, &record->input, &own, err);

        if (r == 0 && (!digest_equal(&record->group, group) || !digest_equal(&own, key)))
                r = error_set(err, -EBADMSG, "its record is another step's");
        return r;
}
