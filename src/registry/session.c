#include "session.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define REDIRECTS_MAX 5

/* Waits grow from the first to the longest; half of each is left to chance. */
#define RETRIES_MAX       5u
#define RETRIES_OPTIONAL  1u
#define RETRY_FIRST_MS    200u
#define RETRY_LONGEST_MS  10000u
#define RETRY_AFTER_MAX_S 300u
#define WAIT_SLICE_MS     100u
#define PATIENT_STALL_S   900
#define WARNED_MAX        100u
#define SHOWN_BODY_BYTES  200u

/* ---- the client ---- */

int registry_new(const struct registry_options *options, struct registry **ret, struct error *err)
{
        struct registry *registry;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return error_set_oom(err);
        registry = calloc(1, sizeof(*registry));
        if (!registry)
                return error_set_oom(err);
        registry->options = *options;
        registry->settings = SETTINGS_INIT;
        pthread_mutex_init(&registry->lock, NULL);
        r = settings_load(&registry->settings, err);
        if (r == 0)
                r = engine_new(&registry->engine, err);
        if (r < 0)
                registry_free(registry);
        else
                *ret = registry;
        return r;
}

void registry_free(struct registry *registry)
{
        if (!registry)
                return;
        engine_free(registry->engine);
        while (registry->endpoints) {
                struct endpoint *endpoint = registry->endpoints;

                registry->endpoints = endpoint->next;
                endpoint_free(endpoint);
        }
        strv_done(&registry->warned);
        settings_done(&registry->settings);
        pthread_mutex_destroy(&registry->lock);
        free(registry);
        curl_global_cleanup();
}

void registry_cancel(struct registry *registry)
{
        atomic_store(&registry->cancelled, true);
}

void registry_notice(struct registry *registry, const char *format, ...)
{
        char *text;
        va_list ap;
        int r;

        if (!registry->options.notice)
                return;
        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0)
                return;
        pthread_mutex_lock(&registry->lock);
        if (registry->warned.count < WARNED_MAX && !strv_contains(&registry->warned, text) &&
            strv_add(&registry->warned, text) == 0)
                registry->options.notice(registry->options.notice_context, text);
        pthread_mutex_unlock(&registry->lock);
        free(text);
}

/* distribution-spec, "Warnings". */
static void pass_warnings(struct registry *registry, const struct endpoint *endpoint,
                          const struct http_response *response)
{
        static const char name[] = "warning: ";

        for (size_t i = 0; i < response->headers.count; i++) {
                const char *header = response->headers.items[i];
                struct buf text = BUF_INIT;

                if (strncmp(header, name, strlen(name)) == 0 &&
                    wire_read_warning(header + strlen(name), &text) == 0)
                        registry_notice(registry, "%s warns: %s", endpoint->host, buf_str(&text));
                buf_done(&text);
        }
}

/* ---- trying again ---- */

bool status_is_transient(long status)
{
        return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

/* UINT64_MAX: longer than anybody waits. */
static uint64_t choose_wait(const struct retry *retry, const struct http_response *response)
{
        const char *after = http_response_header(response, "retry-after");
        uint64_t wait_ms = (uint64_t)RETRY_FIRST_MS << (retry->failures - 1), seconds;
        uint32_t chance = 0;

        if (after && wire_read_retry_after(after, time(NULL), &seconds) == 0)
                return seconds > RETRY_AFTER_MAX_S ? UINT64_MAX : seconds * 1000;
        if (wait_ms > RETRY_LONGEST_MS)
                wait_ms = RETRY_LONGEST_MS;
        (void)!getrandom(&chance, sizeof(chance), GRND_NONBLOCK);
        return wait_ms / 2 + chance % (wait_ms / 2 + 1);
}

static int sleep_ms(const struct registry *registry, uint64_t ms, struct error *err)
{
        for (uint64_t slept = 0; slept < ms; slept += WAIT_SLICE_MS) {
                uint64_t slice = ms - slept < WAIT_SLICE_MS ? ms - slept : WAIT_SLICE_MS;
                struct timespec time = { .tv_nsec = (long)(slice * 1000000) };

                if (atomic_load(&registry->cancelled))
                        return error_set(err, -ECANCELED, "the transfer was given up");
                nanosleep(&time, NULL);
        }
        return 0;
}

int retry_wait(struct registry *registry, struct retry *retry, const struct call *call,
               const char *what, const struct http_response *response, struct error *err)
{
        unsigned max = registry->options.optional ? RETRIES_OPTIONAL : RETRIES_MAX;
        uint64_t wait_ms = UINT64_MAX;

        if (call && call->endpoint->mirror && response->status == 0 &&
            (err->code == -EIO || err->code == -EKEYREJECTED)) {
                atomic_store(&call->endpoint->unreachable, true);
                return err->code;
        }
        if (response->transient && retry->failures < max) {
                retry->failures++;
                wait_ms = choose_wait(retry, response);
        }
        if (wait_ms == UINT64_MAX)
                return error_is_set(err) ? err->code : call_fail(call, what, response, err);
        if (error_is_set(err))
                registry_notice(registry, "%s; trying again", err->message);
        else
                registry_notice(registry, "%s answers %ld; trying again", call->endpoint->host,
                                response->status);
        *err = ERROR_INIT;
        return sleep_ms(registry, wait_ms, err);
}

/* ---- errors ---- */

static int code_of_status(long status)
{
        switch (status) {
        case 401:
        case 403:
                return -EACCES;
        case 404:
                return -ENOENT;
        default:
                return -EIO;
        }
}

int call_fail(const struct call *call, const char *what, const struct http_response *response,
              struct error *err)
{
        const char *after = http_response_header(response, "retry-after");
        const char *host = call->endpoint->host;
        const struct buf *body = &response->body;
        size_t shown = body->len < SHOWN_BODY_BYTES ? body->len : SHOWN_BODY_BYTES;
        int code = code_of_status(response->status);
        struct buf said = BUF_INIT;

        /* A page for browsers says nothing worth reading. */
        if (wire_read_errors(body->data, body->len, &said) == 0 && said.len == 0 && shown > 0 &&
            body->data[0] != '<')
                buf_append(&said, body->data, strnlen(body->data, shown));
        wire_flatten(&said);
        error_set(err, code, "%s: %s answers %ld%s%s", what, host, response->status,
                  said.len > 0 ? ": " : "", buf_str(&said));
        buf_done(&said);
        if (code == -EACCES)
                error_hint(err, "Log in with `varve login %s`, if you may do that there.", host);
        else if (after)
                error_hint(err, "It asks to be left alone until: %.100s (seconds, or a date).",
                           after);
        return code;
}

/* ---- one request ---- */

int url_resolve(const char *url, const char *location, char **ret, struct error *err)
{
        CURLU *parts = curl_url();
        char *text = NULL;
        int r = parts ? 0 : error_set_oom(err);

        *ret = NULL;
        if (r == 0 && (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
                       curl_url_set(parts, CURLUPART_URL, location, 0) != CURLUE_OK ||
                       curl_url_get(parts, CURLUPART_URL, &text, 0) != CURLUE_OK))
                r = error_set(err, -EBADMSG, "the server leads to where nothing can be");
        if (r == 0) {
                *ret = strdup(text);
                r = *ret ? 0 : error_set_oom(err);
        }
        curl_free(text);
        curl_url_cleanup(parts);
        return r;
}

static bool is_redirect(const struct call *call, const struct http_response *response)
{
        return (response->status == 301 || response->status == 302 || response->status == 303 ||
                response->status == 307 || response->status == 308) &&
               (strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0) &&
               http_response_header(response, "location");
}

static int send_to(struct registry *registry, const struct call *call, const char *url,
                   const char *authorization, struct http_response *ret, struct error *err)
{
        struct http_request request = {
                .method = call->method,
                .url = url,
                .has_body = call->has_body,
                .data = call->data,
                .fd = call->fd,
                .offset = call->offset,
                .size = call->size,
                .sent = call->sent,
                .sent_context = call->sent_context,
                .sink = call->sink,
                .large = call->large,
                .allow_plain = call->endpoint->plain,
        };
        struct endpoint *endpoint = call->endpoint;
        struct strv headers = STRV_INIT;
        int r;

        /* Who vouches for this host does not vouch for another one. */
        if (!endpoint_owns(endpoint, url)) {
                r = endpoint_of_url(registry, url, &endpoint, err);
                if (r < 0)
                        return r;
        }
        r = call->headers ? strv_extend(&headers, call->headers) : 0;
        if (r == 0 && authorization)
                r = strv_addf(&headers, "Authorization: %s", authorization);
        request.headers = &headers;
        endpoint_prepare(registry, endpoint, &request);
        if (call->patient)
                request.stall_s = PATIENT_STALL_S;
        r = r < 0 ? error_set_oom(err) : http_perform(registry->engine, &request, ret, err);
        for (size_t i = 0; authorization && i < headers.count; i++)
                explicit_bzero(headers.items[i], strlen(headers.items[i]));
        strv_done(&headers);
        return r;
}

/* Sends it to a URL, and to where that leads. Credentials stay with the endpoint. `ret_own`: it is
 * the endpoint that has answered. */
static int send_along(struct registry *registry, const struct call *call, const char *url,
                      const char *authorization, struct http_response *ret, bool *ret_own,
                      struct error *err)
{
        char *at = strdup(url);
        int r = at ? 0 : error_set_oom(err);

        for (int redirects = 0; r == 0; redirects++) {
                char *next = NULL;

                *ret_own = endpoint_owns(call->endpoint, at);
                r = send_to(registry, call, at, *ret_own ? authorization : NULL, ret, err);
                if (r < 0 || !is_redirect(call, ret))
                        break;
                if (redirects == REDIRECTS_MAX)
                        r = error_set(err, -EIO, "%s leads from one place to the next",
                                      call->endpoint->host);
                else
                        r = url_resolve(at, http_response_header(ret, "location"), &next, err);
                http_response_done(ret);
                free(at);
                at = next;
        }
        free(at);
        return r;
}

int call_once(struct registry *registry, const struct call *call, struct http_response *ret,
              struct error *err)
{
        _cleanup_free_ char *own = NULL;
        char *authorization = NULL;
        bool own_answer = false;
        int r;

        *ret = HTTP_RESPONSE_INIT;
        r = auth_authorize(registry, call->endpoint, &call->scope, &authorization, err);
        if (r == 0) {
                own = call->url ? strdup(call->url) : endpoint_url(call->endpoint, call->path);
                r = own ? 0 : error_set_oom(err);
        }
        for (int attempt = 0; r == 0; attempt++) {
                r = send_along(registry, call, own, authorization, ret, &own_answer, err);
                /* Where others want credentials to be sent to is nothing to go by. */
                if (r < 0 || ret->status != 401 || !own_answer || attempt > 0)
                        break;
                r = auth_refused(call->endpoint, &call->scope, authorization, ret, err);
                if (r <= 0)
                        break;
                secret_free(TAKE_PTR(authorization));
                http_response_done(ret);
                r = auth_authorize(registry, call->endpoint, &call->scope, &authorization, err);
        }
        secret_free(authorization);
        if (r < 0)
                return r;
        ret->transient = status_is_transient(ret->status);
        pass_warnings(registry, call->endpoint, ret);
        return 0;
}

int call_perform(struct registry *registry, const struct call *call, const char *what,
                 struct http_response *ret, struct error *err)
{
        struct retry retry = { 0 };
        int r;

        for (;;) {
                r = call_once(registry, call, ret, err);
                if (r == 0 && !ret->transient)
                        break;
                r = retry_wait(registry, &retry, call, what, ret, err);
                if (r < 0)
                        return r;
                http_response_done(ret);
        }
        return ret->status >= 400 ? call_fail(call, what, ret, err) : 0;
}
