/*
 * Getting blobs (distribution-spec, "Pulling blobs"), in as many pieces as it takes.
 */
#include "repository.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A blob on its way into a file, or into memory. */
struct download {
        const struct descriptor *blob;
        const struct registry_progress *progress;
        int fd; /* -1: `memory` takes it */
        struct buf *memory;
        uint64_t have;  /* bytes that are there */
        uint64_t skip;  /* bytes that come once more: the registry ignores ranges */
        bool no_ranges; /* it refuses them */
};

static int begin(void *context, const struct http_response *response, struct error *err)
{
        struct download *download = context;
        const char *range = http_response_header(response, "content-range");
        uint64_t first, total;

        if (response->status == 200) {
                const char *length = http_response_header(response, "content-length");

                /* A transfer that is cut is another thing: it ends before what it says. */
                if (length && !http_response_header(response, "content-encoding") &&
                    wire_read_length(length, &total) == 0 && total != download->blob->size)
                        return error_set(err, -EBADMSG,
                                         "the manifest says that it has %" PRIu64
                                         " bytes, and the registry's has %" PRIu64,
                                         download->blob->size, total);
                download->skip = download->have;
                return 1;
        }
        if (response->status != 206)
                return 0;
        download->skip = 0;
        if (!range || wire_read_content_range(range, &first, &total) < 0 ||
            first != download->have || (total != UINT64_MAX && total != download->blob->size))
                return error_set(err, -EBADMSG, "it sends another part than was asked for: %.100s",
                                 range ? range : "it does not say which");
        return 1;
}

static int take(void *context, const void *data, size_t len, struct error *err)
{
        struct download *download = context;
        size_t skipped = download->skip < len ? (size_t)download->skip : len;
        const char *fresh = (const char *)data + skipped;
        int r;

        download->skip -= skipped;
        len -= skipped;
        if (len == 0)
                return 0;
        if (len > download->blob->size - download->have)
                return error_set(err, -EBADMSG,
                                 "the blob has more than the %" PRIu64 " bytes that it should have",
                                 download->blob->size);
        if (download->fd < 0)
                r = buf_append(download->memory, fresh, len);
        else
                r = io_pwrite(download->fd, fresh, len, (off_t)download->have);
        if (r < 0)
                return error_set_errno(err, r, "cannot write to the store");
        download->have += len;
        return download->progress
                       ? download->progress->moved(download->progress->context, download->have, err)
                       : 0;
}

/* Asks for what is missing, once. Returns 0 when a piece has come to its end, however short. */
static int get_piece(struct registry *registry, const struct call *from, struct download *download,
                     struct http_response *response, struct error *err)
{
        struct http_sink sink = { .begin = begin, .write = take, .context = download };
        struct strv headers = STRV_INIT;
        struct call call = *from;
        int r = 0;

        if (download->have > 0 && !download->no_ranges)
                r = strv_addf(&headers, "Range: bytes=%" PRIu64 "-", download->have);
        call.headers = &headers;
        call.sink = &sink;
        call.large = download->fd >= 0;
        r = r < 0 ? error_set_oom(err) : call_once(registry, &call, response, err);
        strv_done(&headers);
        if (r == 0 && response->status == 416 && !download->no_ranges) {
                download->no_ranges = true;
                response->transient = true;
        } else if (r == 0 && response->status < 300 && download->have < download->blob->size) {
                response->transient = true;
                return error_set(err, -EIO,
                                 "%s sends %" PRIu64 " of the %" PRIu64 " bytes of a blob",
                                 call.endpoint->host, download->have, download->blob->size);
        }
        return r;
}

/* Gets the rest of a blob. As long as there is more of a large one each time, it is tried again. */
static int get_rest(struct registry *registry, const struct call *call, struct download *download,
                    struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        char what[DIGEST_TEXT_MAX];
        struct retry retry = { 0 };
        int r = 0;

        digest_format(&download->blob->digest, what);
        while (download->have < download->blob->size) {
                uint64_t before = download->have;

                r = get_piece(registry, call, download, &response, err);
                if (download->have > before && download->fd >= 0)
                        retry.failures = 0;
                if (r == 0 && !response.transient)
                        break;
                r = retry_wait(registry, &retry, call, what, &response, err);
                if (r < 0)
                        break;
                http_response_done(&response);
        }
        if (r == 0 && response.status >= 400)
                r = call_fail(call, what, &response, err);
        http_response_done(&response);
        return r;
}

static int get_at(struct registry *registry, const struct location *location,
                  struct download *download, struct error *err)
{
        char digest[DIGEST_TEXT_MAX];
        _cleanup_free_ char *path = NULL;
        struct call call = {
                .endpoint = location->endpoint,
                .scope = { .path = location->path },
                .method = "GET",
        };

        digest_format(&download->blob->digest, digest);
        if (asprintf(&path, "/v2/%s/blobs/%s", location->path, digest) < 0) {
                path = NULL;
                return error_set_oom(err);
        }
        call.path = path;
        return get_rest(registry, &call, download, err);
}

/* A layer that the registry need not hold is where its descriptor says. */
static int get_foreign(struct registry *registry, const struct location *location,
                       struct download *download, struct error *err)
{
        struct call call = {
                .endpoint = location->endpoint,
                .scope = { .path = location->path },
                .method = "GET",
        };
        int r = -ENOENT;

        for (size_t i = 0; i < download->blob->urls.count && r < 0 && r != -ECANCELED; i++) {
                call.url = download->blob->urls.items[i];
                *err = ERROR_INIT;
                r = get_rest(registry, &call, download, err);
        }
        return r;
}

static int get(struct registry *registry, const struct reference *repository,
               struct download *download, struct error *err)
{
        struct locations locations;
        struct error failed;
        int r = locations_of(registry, repository, &locations, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < locations.count; i++) {
                failed = ERROR_INIT;
                r = get_at(registry, &locations.items[i], download, &failed);
                if (r == 0 || !locations_go_on(registry, &locations, i, r, &failed, err))
                        break;
        }
        if (r == -ENOENT && download->blob->urls.count > 0)
                r = get_foreign(registry, &locations.items[locations.count - 1], download, err);
        locations_done(&locations);
        return r;
}

int registry_get_blob(struct registry *registry, const struct reference *repository,
                      const struct descriptor *blob, int fd, uint64_t have,
                      const struct registry_progress *progress, struct error *err)
{
        struct download download = { .blob = blob, .progress = progress, .fd = fd, .have = have };

        return get(registry, repository, &download, err);
}

int registry_read_blob(struct registry *registry, const struct reference *repository,
                       const struct descriptor *blob, size_t max_bytes, struct buf *ret,
                       struct error *err)
{
        struct buf memory = BUF_INIT;
        struct download download = { .blob = blob, .fd = -1, .memory = &memory };
        char text[DIGEST_TEXT_MAX];
        struct digest digest;
        int r = 0;

        digest_format(&blob->digest, text);
        if (blob->size > max_bytes)
                return error_set(err, -EFBIG, "%s has more than %zu bytes", text, max_bytes);
        if (blob->has_data)
                r = buf_append(&memory, blob->data.data, blob->data.len);
        r = r < 0            ? error_set_oom(err)
            : blob->has_data ? 0
                             : get(registry, repository, &download, err);
        if (r == 0)
                r = digest_of(buf_str(&memory), memory.len, &digest, err);
        if (r == 0 && !digest_equal(&digest, &blob->digest))
                r = error_set(err, -EBADMSG, "what was sent is not %s", text);
        if (r == 0 && buf_append(ret, memory.data, memory.len) < 0)
                r = error_set_oom(err);
        buf_done(&memory);
        return r;
}

int registry_has_blob(struct registry *registry, const struct reference *repository,
                      const struct digest *digest, struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        _cleanup_free_ char *path = NULL;
        char text[DIGEST_TEXT_MAX];
        struct call call = {
                .scope = { .path = repository->path, .push = true },
                .method = "HEAD",
        };
        int r = endpoint_get(registry, repository->host, &call.endpoint, err);

        if (r < 0)
                return r;
        digest_format(digest, text);
        if (asprintf(&path, "/v2/%s/blobs/%s", repository->path, text) < 0) {
                path = NULL;
                return error_set_oom(err);
        }
        call.path = path;
        r = call_perform(registry, &call, text, &response, err);
        http_response_done(&response);
        if (r == -ENOENT) {
                *err = ERROR_INIT;
                return 0;
        }
        return r < 0 ? r : 1;
}
