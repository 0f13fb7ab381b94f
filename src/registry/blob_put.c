/*
 * Putting blobs (distribution-spec, "Pushing Blobs").
 *
 * A session is opened. What is small goes along with the request that closes the session with the
 * digest; else the bytes are sent before, in one piece, or in smaller ones where the registry takes
 * no large ones, as what has come of those is not lost when the connection breaks. The newest
 * Location is the one that counts. After a failure the registry is asked how much it has, and it
 * goes on from there. Some (docker-registry) give a session up once a request of it was cut on its
 * way, whichever piece that was: there pieces from the start would save nothing.
 */
#include "repository.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is so small is not worth to be gone on with. */
#define SMALL_BYTES ((uint64_t)1 << 20)

/* Pieces, where one of everything was too large. */
#define PIECE_BYTES ((uint64_t)8 << 20)

struct upload {
        struct registry *registry;
        struct endpoint *endpoint;
        const struct reference *repository;
        const struct registry_progress *progress;
        int fd;
        uint64_t size;
        char digest[DIGEST_TEXT_MAX];

        char *location;     /* the session's URL; NULL: there is none; owned */
        uint64_t offset;    /* how much it has */
        uint64_t piece_max; /* 0: no limit */
        struct error err;   /* of the progress */
};

static struct call upload_call(const struct upload *upload, const char *method)
{
        return (struct call){ .endpoint = upload->endpoint,
                              .scope = { .path = upload->repository->path, .push = true },
                              .method = method,
                              .url = upload->location };
}

static void forget_session(struct upload *upload)
{
        free(upload->location);
        upload->location = NULL;
        upload->offset = 0;
}

/* Takes the newest Location, seen from the one before. */
static int take_location(struct upload *upload, const struct http_response *response,
                         struct error *err)
{
        const char *location = http_response_header(response, "location");
        _cleanup_free_ char *base = endpoint_url(upload->endpoint, "/v2/");
        CURLU *parts = curl_url();
        char *text = NULL;
        int r = 0;

        if (!location) {
                curl_url_cleanup(parts);
                return upload->location ? 0
                                        : error_set(err, -EBADMSG, "%s opens no upload",
                                                    upload->endpoint->host);
        }
        if (!parts || !base ||
            curl_url_set(parts, CURLUPART_URL, upload->location ? upload->location : base, 0) !=
                    CURLUE_OK ||
            curl_url_set(parts, CURLUPART_URL, location, 0) != CURLUE_OK ||
            curl_url_get(parts, CURLUPART_URL, &text, 0) != CURLUE_OK)
                r = error_set(err, -EBADMSG, "%s opens an upload where nothing can be",
                              upload->endpoint->host);
        if (r == 0) {
                free(upload->location);
                upload->location = strdup(text);
                r = upload->location ? 0 : error_set_oom(err);
        }
        curl_free(text);
        curl_url_cleanup(parts);
        return r;
}

/* ---- sessions ---- */

/* Opens one, or lets the registry mount the blob from a repository: returns 1 then. */
static int open_session(struct upload *upload, const char *from, struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        struct call call = upload_call(upload, "POST");
        _cleanup_free_ char *path = NULL;
        int r;

        if (asprintf(&path, "/v2/%s/blobs/uploads/%s%s%s%s", upload->repository->path,
                     from ? "?mount=" : "", from ? upload->digest : "", from ? "&from=" : "",
                     from ? from : "") < 0) {
                path = NULL;
                return error_set_oom(err);
        }
        call.path = path;
        call.url = NULL;
        call.scope.mount = from;
        call.has_body = true;
        call.data = "";
        r = call_perform(upload->registry, &call, upload->digest, &response, err);
        if (r == 0 && from && response.status == 201)
                r = 1;
        else if (r == 0)
                r = take_location(upload, &response, err);
        http_response_done(&response);
        return r;
}

/* Asks how much the session has. Where that is not to be known, a new one is to be opened. */
static int ask_session(struct upload *upload, struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        struct call call = upload_call(upload, "GET");
        const char *range;
        uint64_t size;
        int r;

        if (!upload->location)
                return 0;
        r = call_perform(upload->registry, &call, upload->digest, &response, err);
        range = r == 0 ? http_response_header(&response, "range") : NULL;
        /* "0-0" may be one byte or none. */
        if (range && wire_read_range(range, &size) == 0 && size > 1 && size <= upload->size) {
                upload->offset = size;
                r = take_location(upload, &response, err);
        } else if (r != -ECANCELED && r != -ENOMEM) {
                *err = ERROR_INIT;
                forget_session(upload);
                r = 0;
        }
        http_response_done(&response);
        return r;
}

static void close_session(struct upload *upload)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        struct call call = upload_call(upload, "DELETE");
        struct error ignored = ERROR_INIT;

        if (upload->location)
                call_once(upload->registry, &call, &response, &ignored);
        http_response_done(&response);
        forget_session(upload);
}

/* ---- bytes ---- */

static void note_sent(void *context, uint64_t bytes)
{
        struct upload *upload = context;

        if (upload->progress && !error_is_set(&upload->err))
                upload->progress->moved(upload->progress->context, upload->offset + bytes,
                                        &upload->err);
}

/* The body of a call is `len` bytes of what is not there yet. */
static void give_rest(struct upload *upload, uint64_t len, struct call *call)
{
        call->has_body = true;
        call->data = len == 0 ? "" : NULL;
        call->fd = upload->fd;
        call->offset = upload->offset;
        call->size = len;
        call->sent = note_sent;
        call->sent_context = upload;
}

/* Sends a piece; the session's offset is where the registry says that it is. */
static int send_piece(struct upload *upload, struct http_response *response, struct error *err)
{
        struct call call = upload_call(upload, "PATCH");
        struct strv headers = STRV_INIT;
        uint64_t len = upload->size - upload->offset, size;
        const char *range;
        int r;

        if (upload->piece_max > 0 && len > upload->piece_max)
                len = upload->piece_max;
        if (strv_add(&headers, "Content-Type: application/octet-stream") < 0 ||
            strv_addf(&headers, "Content-Range: %" PRIu64 "-%" PRIu64, upload->offset,
                      upload->offset + len - 1) < 0) {
                strv_done(&headers);
                return error_set_oom(err);
        }
        call.headers = &headers;
        call.large = true;
        give_rest(upload, len, &call);
        r = call_once(upload->registry, &call, response, err);
        strv_done(&headers);
        if (r < 0 || response->status >= 300)
                return r;
        r = take_location(upload, response, err);
        range = http_response_header(response, "range");
        if (r == 0 && range && wire_read_range(range, &size) == 0 && size <= upload->size)
                upload->offset = size;
        else if (r == 0)
                upload->offset += len;
        return r;
}

/* Ends the session, along with what it has not got: the registry checks the digest and keeps the
 * blob. */
static int commit(struct upload *upload, struct http_response *response, struct error *err)
{
        struct call call = upload_call(upload, "PUT");
        struct strv headers = STRV_INIT;
        _cleanup_free_ char *url = NULL;
        int r;

        if (asprintf(&url, "%s%cdigest=%s", upload->location,
                     strchr(upload->location, '?') ? '&' : '?', upload->digest) < 0) {
                url = NULL;
                return error_set_oom(err);
        }
        if (strv_add(&headers, "Content-Type: application/octet-stream") < 0)
                return error_set_oom(err);
        call.url = url;
        call.headers = &headers;
        call.patient = true;
        give_rest(upload, upload->size - upload->offset, &call);
        r = call_once(upload->registry, &call, response, err);
        strv_done(&headers);
        return r;
}

/* One try at what is left to be done. Returns 1 when the blob is there. */
static int try_upload(struct upload *upload, struct http_response *response, struct error *err)
{
        int r = upload->location ? 0 : open_session(upload, NULL, err);
        bool whole = upload->size <= SMALL_BYTES && upload->offset == 0;

        while (r == 0 && !whole && upload->offset < upload->size) {
                http_response_done(response);
                r = send_piece(upload, response, err);
                if (r < 0)
                        return r;
                if (response->status == 413 && upload->piece_max == 0) {
                        upload->piece_max = PIECE_BYTES;
                        response->transient = true;
                }
                if (response->status == 416 || response->status == 404)
                        response->transient = true; /* what it has will be asked for */
                if (response->status >= 300)
                        return 0;
        }
        if (r < 0)
                return r;
        http_response_done(response);
        r = commit(upload, response, err);
        return r == 0 && response->status < 300 ? 1 : r;
}

/* After a failure of the last request the blob may be there all the same. */
static int find_where_we_are(struct upload *upload, const struct digest *digest, struct error *err)
{
        int r = upload->offset < upload->size
                        ? 0
                        : registry_has_blob(upload->registry, upload->repository, digest, err);

        return r == 0 ? ask_session(upload, err) : r;
}

static int put(struct upload *upload, const struct digest *digest, struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        struct call call = upload_call(upload, "PUT");
        struct retry retry = { 0 };
        int r;

        for (;;) {
                uint64_t before = upload->offset;

                r = try_upload(upload, &response, err);
                if (r == 0 && !response.transient)
                        r = call_fail(&call, upload->digest, &response, err);
                if (r > 0)
                        break;
                r = retry_wait(upload->registry, &retry, &call, upload->digest, &response, err);
                http_response_done(&response);
                if (r == 0)
                        r = find_where_we_are(upload, digest, err);
                if (r != 0)
                        break;
                if (upload->offset > before)
                        retry.failures = 0;
                else if (retry.failures > 1)
                        upload->piece_max = PIECE_BYTES; /* who stands between may bear no more */
        }
        http_response_done(&response);
        if (r < 0)
                close_session(upload);
        return r < 0 ? r : 0;
}

static int begin(struct registry *registry, const struct reference *repository,
                 const struct digest *digest, struct upload *ret, struct error *err)
{
        *ret = (struct upload){ .registry = registry, .repository = repository, .fd = -1 };
        digest_format(digest, ret->digest);
        return endpoint_get(registry, repository->host, &ret->endpoint, err);
}

int registry_put_blob(struct registry *registry, const struct reference *repository,
                      const struct digest *digest, uint64_t size, int fd,
                      const struct registry_progress *progress, struct error *err)
{
        struct upload upload;
        int r = begin(registry, repository, digest, &upload, err);

        upload.fd = fd;
        upload.size = size;
        upload.progress = progress;
        if (r == 0)
                r = put(&upload, digest, err);
        forget_session(&upload);
        return r;
}

int registry_mount_blob(struct registry *registry, const struct reference *repository,
                        const struct digest *digest, const char *from, struct error *err)
{
        struct upload upload;
        int r = begin(registry, repository, digest, &upload, err);

        if (r == 0)
                r = open_session(&upload, from, err);
        /* One that may not read the other repository sends the blob itself. */
        if (r == -EACCES || r == -EIO || r == -ENOENT) {
                *err = ERROR_INIT;
                r = 0;
        }
        close_session(&upload);
        return r;
}
