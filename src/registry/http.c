#include "http.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "host.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES      (512L * 1024)
#define CONNECT_TIMEOUT_S 30L
#define USER_AGENT        "varve"
#define TRICKLE_BYTES_S   1024L
#define NS_PER_S          1000000000ull

/* A request on its way. The callbacks run on the engine's thread while its owner waits. */
struct exchange {
        const struct http_request *request;
        struct http_response *response;
        struct error *err;
        enum { BODY_UNDECIDED, BODY_TO_SINK, BODY_KEPT } body;
        uint64_t sent;
        uint64_t kept_since_ns;
        char curl_error[CURL_ERROR_SIZE];
};

void http_response_done(struct http_response *response)
{
        strv_done(&response->headers);
        buf_done(&response->body);
        *response = HTTP_RESPONSE_INIT;
}

const char *http_response_header(const struct http_response *response, const char *name)
{
        size_t len = strlen(name);

        for (size_t i = 0; i < response->headers.count; i++) {
                const char *header = response->headers.items[i];

                if (strncmp(header, name, len) == 0 && header[len] == ':')
                        return header + len + 2;
        }
        return NULL;
}

/* ---- callbacks ---- */

/* "HTTP/1.1 206 Partial Content" */
static long read_status(const char *line, size_t len)
{
        const char *blank = memchr(line, ' ', len);
        long status = 0;

        for (const char *at = blank ? blank + 1 : line + len;
             at < line + len && isdigit((unsigned char)*at) && status < 1000; at++)
                status = status * 10 + (*at - '0');
        return status;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
        struct exchange *exchange = context;
        struct http_response *response = exchange->response;
        size_t len = size * count, name = 0, value, end = len;
        char *header;

        if (len > 5 && memcmp(data, "HTTP/", 5) == 0) {
                /* Those of an interim response (100 Continue) are not the response's. */
                strv_done(&response->headers);
                response->status = read_status(data, len);
                return len;
        }
        while (name < len && data[name] != ':')
                name++;
        if (name == len || response->headers.count >= HTTP_HEADERS_MAX)
                return len;
        for (value = name + 1; value < end && isspace((unsigned char)data[value]);)
                value++;
        while (end > value && isspace((unsigned char)data[end - 1]))
                end--;
        if (asprintf(&header, "%.*s: %.*s", (int)name, data, (int)(end - value), data + value) < 0)
                return 0;
        for (size_t i = 0; i < name && header[i]; i++)
                header[i] = (char)tolower((unsigned char)header[i]);
        return strv_take(&response->headers, header) < 0 ? 0 : len;
}

static int keep_body(struct exchange *exchange, const void *data, size_t len)
{
        struct buf *body = &exchange->response->body;
        uint64_t now = clock_monotonic_ns();

        /* What comes instead of something large is to be small. */
        if (body->len == 0)
                exchange->kept_since_ns = now;
        if (now - exchange->kept_since_ns >
            (uint64_t)(HTTP_SMALL_STALLS * exchange->request->stall_s) * NS_PER_S) {
                exchange->response->transient = true;
                return error_set(exchange->err, -EIO, "the answer comes too slowly");
        }
        if (len > HTTP_BODY_MAX - body->len)
                return error_set(exchange->err, -EFBIG, "the answer has more than %zu bytes",
                                 HTTP_BODY_MAX);
        return buf_append(body, data, len) < 0 ? error_set_oom(exchange->err) : 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
        struct exchange *exchange = context;
        const struct http_sink *sink = exchange->request->sink;
        int r = 0;

        if (exchange->body == BODY_UNDECIDED) {
                r = sink ? sink->begin(sink->context, exchange->response, exchange->err) : 0;
                exchange->body = r > 0 ? BODY_TO_SINK : BODY_KEPT;
        }
        if (r >= 0 && exchange->body == BODY_TO_SINK)
                r = sink->write(sink->context, data, size * count, exchange->err);
        else if (r >= 0)
                r = keep_body(exchange, data, size * count);
        return r < 0 ? 0 : size * count;
}

static size_t give_body(char *data, size_t size, size_t count, void *context)
{
        struct exchange *exchange = context;
        const struct http_request *request = exchange->request;
        uint64_t left = request->size - exchange->sent;
        size_t len = size * count;
        ssize_t n = 0;

        if (left < len)
                len = (size_t)left;
        if (len == 0)
                return 0;
        if (request->data) {
                memcpy(data, (const char *)request->data + exchange->sent, len);
                n = (ssize_t)len;
        } else {
                n = io_pread(request->fd, data, len, (off_t)(request->offset + exchange->sent));
                if (n <= 0) {
                        error_set_errno(exchange->err, n < 0 ? (int)n : -ENODATA,
                                        "cannot read what is to be sent");
                        return CURL_READFUNC_ABORT;
                }
        }
        exchange->sent += (uint64_t)n;
        if (request->sent)
                request->sent(request->sent_context, exchange->sent);
        return (size_t)n;
}

/* The connection that was taken from the pool was dead, and another one is tried. A long body is
 * not sent twice: who sends it asks first how much has arrived. */
static int rewind_body(void *context, curl_off_t offset, int origin)
{
        struct exchange *exchange = context;

        if (!exchange->request->data && exchange->sent > 0)
                return CURL_SEEKFUNC_FAIL;
        if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > exchange->request->size)
                return CURL_SEEKFUNC_CANTSEEK;
        exchange->sent = (uint64_t)offset;
        return CURL_SEEKFUNC_OK;
}

static int watch(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                 curl_off_t up)
{
        const struct exchange *exchange = context;

        (void)down_total, (void)down, (void)up_total, (void)up;
        return exchange->request->cancelled && atomic_load(exchange->request->cancelled);
}

/* ---- setting up ---- */

static void set_method(CURL *easy, struct exchange *exchange)
{
        const struct http_request *request = exchange->request;

        if (request->has_body) {
                curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
                curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->size);
                curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
                curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
                curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
                curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
                curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
        }
        if (strcmp(request->method, "HEAD") == 0)
                curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        else
                curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_tls(CURL *easy, const struct http_request *request)
{
        struct curl_blob ca = { .flags = CURL_BLOB_COPY };

        if (request->ca) {
                /* The system's own are in the directory that stays set. */
                ca.data = (char *)(uintptr_t)request->ca;
                ca.len = strlen(request->ca);
                curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
        }
        if (request->client_certificate) {
                curl_easy_setopt(easy, CURLOPT_SSLCERT, request->client_certificate);
                curl_easy_setopt(easy, CURLOPT_SSLKEY, request->client_key);
        }
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->unverified ? 0L : 1L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->unverified ? 0L : 2L);
}

static int set_headers(CURL *easy, const struct http_request *request, struct curl_slist **ret)
{
        struct curl_slist *list = curl_slist_append(NULL, "Expect:"), *longer;

        for (size_t i = 0; list && request->headers && i < request->headers->count; i++) {
                longer = curl_slist_append(list, request->headers->items[i]);
                if (!longer)
                        curl_slist_free_all(list);
                list = longer;
        }
        if (!list)
                return -ENOMEM;
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
        *ret = list;
        return 0;
}

/* A part of the URL; the caller frees it by curl_free(). NULL: there is none. */
static char *part_of(const char *url, CURLUPart part)
{
        CURLU *parts = curl_url();
        char *text = NULL;

        if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK)
                curl_url_get(parts, part, &text, 0);
        curl_url_cleanup(parts);
        return text;
}

/* The proxies of the environment, as libcurl takes them, and those that other clients go by. */
static void set_proxy(CURL *easy, const char *url)
{
        char *host = part_of(url, CURLUPART_HOST), *scheme = part_of(url, CURLUPART_SCHEME);
        const char *plain = getenv("http_proxy"), *capitals = getenv("HTTP_PROXY");

        if (host && host_is_loopback(host))
                curl_easy_setopt(easy, CURLOPT_PROXY, "");
        /* A web server gives HTTP_PROXY to its programs, with what a client has sent as "Proxy". */
        else if (scheme && strcmp(scheme, "http") == 0 && !plain && capitals &&
                 !getenv("REQUEST_METHOD"))
                curl_easy_setopt(easy, CURLOPT_PROXY, capitals);
        curl_free(host);
        curl_free(scheme);
}

static void set_up(CURL *easy, struct exchange *exchange)
{
        const struct http_request *request = exchange->request;

        curl_easy_setopt(easy, CURLOPT_URL, request->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                         request->allow_plain ? "http,https" : "https");
        /* Transfers side by side are to have connections of their own. */
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_error);
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT,
                         request->connect_s > 0 ? request->connect_s : CONNECT_TIMEOUT_S);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, request->large ? 1L : TRICKLE_BYTES_S);
        if (!request->large)
                curl_easy_setopt(easy, CURLOPT_TIMEOUT, HTTP_SMALL_STALLS * request->stall_s);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, request->stall_s);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, watch);
        curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
        set_proxy(easy, request->url);
        set_method(easy, exchange);
        set_tls(easy, request);
}

/* ---- what went wrong ---- */

static bool is_transient(CURLcode code)
{
        static const CURLcode codes[] = {
                CURLE_COULDNT_CONNECT,   CURLE_PARTIAL_FILE,       CURLE_OPERATION_TIMEDOUT,
                CURLE_SSL_CONNECT_ERROR, CURLE_SEND_ERROR,         CURLE_RECV_ERROR,
                CURLE_GOT_NOTHING,       CURLE_WEIRD_SERVER_REPLY, CURLE_SEND_FAIL_REWIND,
        };

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                if (codes[i] == code)
                        return true;
        return false;
}

/* The host of a URL, for errors; credentials and queries that a URL may hold are not shown. */
static char *host_of(const char *url)
{
        char *host = part_of(url, CURLUPART_HOST), *ret = strdup(host ? host : "the registry");

        curl_free(host);
        return ret;
}

static int fail(const struct exchange *exchange, CURLcode code, long proxy_status)
{
        _cleanup_free_ char *host = host_of(exchange->request->url);
        const char *text =
                exchange->curl_error[0] ? exchange->curl_error : curl_easy_strerror(code);

        /* A callback knew better what it was. */
        if (error_is_set(exchange->err))
                return exchange->err->code;
        if (code == CURLE_ABORTED_BY_CALLBACK)
                return error_set(exchange->err, -ECANCELED, "the transfer was given up");
        if (code == CURLE_OUT_OF_MEMORY)
                return error_set_oom(exchange->err);
        exchange->response->transient = is_transient(code) && proxy_status != 407;
        if (code == CURLE_OPERATION_TIMEDOUT && exchange->response->status != 0)
                text = "too little has come for too long";
        error_set(exchange->err, code == CURLE_PEER_FAILED_VERIFICATION ? -EKEYREJECTED : -EIO,
                  "%s: %s", host ? host : "the registry", text);
        if (code == CURLE_PEER_FAILED_VERIFICATION)
                error_hint(exchange->err, "If its certificate is of a CA of your own, put the CA's "
                                          "as ca.crt into certs.d/HOST (see varve(1)).");
        if (proxy_status == 407)
                error_hint(exchange->err, "The proxy wants a user and a password, as in "
                                          "https_proxy=http://USER:PASSWORD@HOST:PORT");
        return exchange->err->code;
}

int http_perform(struct engine *engine, const struct http_request *request,
                 struct http_response *ret, struct error *err)
{
        struct exchange exchange = { .request = request, .response = ret, .err = err };
        struct curl_slist *headers = NULL;
        CURL *easy = curl_easy_init();
        long asked_bytes = 0, proxy_status = 0;
        CURLcode code;

        *ret = HTTP_RESPONSE_INIT;
        if (!easy || set_headers(easy, request, &headers) < 0) {
                curl_easy_cleanup(easy);
                return error_set_oom(err);
        }
        set_up(easy, &exchange);
        code = engine_perform(engine, easy);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &ret->status);
        curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &asked_bytes);
        curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
        /* What came back is no HTTP, such as what was left of an answer before; a protocol that is
         * not allowed is not spoken at all. Another connection may do better. */
        if (code == CURLE_UNSUPPORTED_PROTOCOL && asked_bytes > 0)
                code = CURLE_WEIRD_SERVER_REPLY;
        curl_easy_cleanup(easy);
        curl_slist_free_all(headers);
        ret->sent = exchange.sent;
        return code == CURLE_OK ? 0 : fail(&exchange, code, proxy_status);
}
