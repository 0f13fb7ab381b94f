/*
 * Files by their URLs. The host is no registry: it gets no credentials but those that the URL has.
 */
#include "registry/download.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define REDIRECTS_MAX 10

/* A download on its way. */
struct download {
        struct registry *registry;
        int fd;
        uint64_t max_bytes;
        uint64_t size;
};

static int begin_file(void *context, const struct http_response *response, struct error *err)
{
        struct download *download = context;

        if (response->status != 200)
                return 0;
        /* What an earlier try has left. */
        download->size = 0;
        if (ftruncate(download->fd, 0) < 0)
                return error_set_errno(err, -errno, "cannot write a download");
        return 1;
}

static int write_file(void *context, const void *data, size_t len, struct error *err)
{
        struct download *download = context;
        int r;

        if (len > download->max_bytes - download->size)
                return error_set(err, -EFBIG, "it is larger than %llu bytes",
                                 (unsigned long long)download->max_bytes);
        r = io_pwrite(download->fd, data, len, (off_t)download->size);
        if (r < 0)
                return error_set_errno(err, r, "cannot write a download");
        download->size += len;
        return 0;
}

static int get_once(struct download *download, const char *url, struct http_response *ret,
                    struct error *err)
{
        struct http_sink sink = { .begin = begin_file, .write = write_file, .context = download };
        struct http_request request = {
                .method = "GET",
                .url = url,
                .sink = &sink,
                .large = true,
                /* Who began with https never goes on without. */
                .allow_plain = strncasecmp(url, "http://", strlen("http://")) == 0,
                .stall_s = download->registry->settings.stall_s,
                .cancelled = &download->registry->cancelled,
        };

        return http_perform(download->registry->engine, &request, ret, err);
}

static bool is_redirect(long status)
{
        return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Sends a request to the URL, and to where that leads. */
static int get_along(struct download *download, const char *url, struct http_response *ret,
                     struct error *err)
{
        char *at = strdup(url);
        int r = at ? 0 : error_set_oom(err);

        *ret = HTTP_RESPONSE_INIT;
        for (int redirects = 0; r == 0; redirects++) {
                const char *location;
                char *next = NULL;

                r = get_once(download, at, ret, err);
                location = r == 0 ? http_response_header(ret, "location") : NULL;
                if (!location || !is_redirect(ret->status))
                        break;
                if (redirects == REDIRECTS_MAX)
                        r = error_set(err, -EIO, "it leads from one place to the next");
                else
                        r = url_resolve(at, location, &next, err);
                if (r == 0 && strncasecmp(at, "https:", 6) == 0 &&
                    strncasecmp(next, "https:", 6) != 0)
                        r = error_set(err, -EACCES, "it leads from https to where anybody listens");
                if (r == 0) {
                        http_response_done(ret);
                        free(at);
                        at = TAKE_PTR(next);
                }
                free(next);
        }
        free(at);
        return r;
}

static int fail(long status, struct error *err)
{
        int code = status == 404 || status == 410   ? -ENOENT
                   : status == 401 || status == 403 ? -EACCES
                                                    : -EIO;

        return error_set(err, code, "the server answers %ld", status);
}

int registry_download(struct registry *registry, const char *url, uint64_t max_bytes, int fd,
                      struct registry_download *ret, struct error *err)
{
        struct download download = { .registry = registry, .fd = fd, .max_bytes = max_bytes };
        struct http_response response = HTTP_RESPONSE_INIT;
        struct retry retry = { 0 };
        const char *modified;
        int r;

        for (;;) {
                r = get_along(&download, url, &response, err);
                if (r == 0 && response.status == 200)
                        break;
                if (r == 0) {
                        response.transient = status_is_transient(response.status);
                        fail(response.status, err);
                }
                r = retry_wait(registry, &retry, NULL, NULL, &response, err);
                http_response_done(&response);
                if (r < 0)
                        return r;
        }
        /* An empty body never comes to the sink. */
        if (download.size == 0 && ftruncate(fd, 0) < 0)
                r = error_set_errno(err, -errno, "cannot write a download");
        modified = http_response_header(&response, "last-modified");
        ret->size = download.size;
        ret->modified = modified ? curl_getdate(modified, NULL) : -1;
        http_response_done(&response);
        return r;
}
