/*
 * Who may do what: Basic, and Docker's token authentication (distribution-spec leaves this to
 * docs.docker.com, "Token authentication").
 */
#include "session.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "oci/json.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1000000000ull
/* What a token server that says nothing means, and how much earlier a token is taken for old. */
#define TOKEN_LIFETIME_S     60
#define TOKEN_LIFETIME_MAX_S (24 * 3600)
#define TOKEN_MARGIN_S       5
#define TOKEN_BYTES_MAX      ((size_t)64 << 10)
#define CLIENT_ID            "varve"

/* ---- the first request ---- */

static int learn(struct endpoint *endpoint, const struct http_response *response, struct error *err)
{
        struct challenge found = CHALLENGE_INIT;

        for (size_t i = 0; i < response->headers.count; i++) {
                static const char name[] = "www-authenticate: ";
                const char *header = response->headers.items[i];

                if (strncmp(header, name, strlen(name)) == 0 &&
                    challenge_read(header + strlen(name), &found) < 0) {
                        challenge_done(&found);
                        return error_set_oom(err);
                }
        }
        challenge_done(&endpoint->challenge);
        endpoint->challenge = found;
        return 0;
}

/* Asks for /v2/ by https, or else by http. */
static int ask_version(struct registry *registry, struct endpoint *endpoint, bool plain,
                       struct http_response *response, struct error *err)
{
        struct http_request request = { .method = "GET", .allow_plain = plain };
        _cleanup_free_ char *url = NULL;

        endpoint->plain = plain;
        url = endpoint_url(endpoint, "/v2/");
        if (!url)
                return error_set_oom(err);
        request.url = url;
        endpoint_prepare(registry, endpoint, &request);
        return http_perform(registry->engine, &request, response, err);
}

static int probe_once(struct registry *registry, struct endpoint *endpoint,
                      struct http_response *response, struct error *err)
{
        struct error secure = ERROR_INIT;
        int r = ask_version(registry, endpoint, false, response, &secure);

        if (r < 0 && r != -ECANCELED && r != -ENOMEM && endpoint->insecure) {
                http_response_done(response);
                return ask_version(registry, endpoint, true, response, err);
        }
        if (r < 0) {
                *err = secure;
                if (strstr(err->message, "wrong version number"))
                        error_hint(err,
                                   "It speaks plain http. If that is meant, say so in the settings "
                                   "of registries: insecure %s",
                                   endpoint->host);
        }
        return r;
}

static int probe(struct registry *registry, struct endpoint *endpoint, struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        struct call call = { .endpoint = endpoint };
        struct retry retry = { 0 };
        int r;

        for (;;) {
                r = probe_once(registry, endpoint, &response, err);
                response.transient |= response.status == 429 || response.status >= 500;
                /* It does not come to speak https by being asked again. */
                if (r < 0 && strstr(err->message, "wrong version number"))
                        response.transient = false;
                if ((r == 0 && !response.transient) ||
                    retry_wait(registry, &retry, &call, "/v2/", &response, err) < 0)
                        break;
                http_response_done(&response);
        }
        if (!error_is_set(err))
                r = learn(endpoint, &response, err);
        http_response_done(&response);
        endpoint->probed = !error_is_set(err);
        return err->code;
}

int auth_probe(struct registry *registry, struct endpoint *endpoint, struct error *err)
{
        int r = 0;

        pthread_mutex_lock(&endpoint->lock);
        if (!endpoint->probed)
                r = probe(registry, endpoint, err);
        pthread_mutex_unlock(&endpoint->lock);
        return r;
}

/* ---- tokens ---- */

static int basic(const char *user, const char *password, char **ret, struct error *err)
{
        static const char scheme[] = "Basic ";
        char *plain = NULL, *text = NULL;
        int len = asprintf(&plain, "%s:%s", user, password ? password : "");

        if (len >= 0)
                text = malloc(strlen(scheme) + (size_t)len / 3 * 4 + 5);
        if (text)
                EVP_EncodeBlock((unsigned char *)stpcpy(text, scheme), (unsigned char *)plain, len);
        if (len >= 0)
                secret_free(plain);
        *ret = text;
        return text ? 0 : error_set_oom(err);
}

static int append_query(CURLU *url, const char *name, const char *value)
{
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, "%s=%s", name, value) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return curl_url_set(url, CURLUPART_QUERY, text, CURLU_APPENDQUERY | CURLU_URLENCODE) ==
                               CURLUE_OK
                       ? 0
                       : -ENOMEM;
}

/* Adds the scopes of a token: "repository:PATH:pull,push". */
static int append_scopes(CURLU *url, const struct scope *scope)
{
        _cleanup_free_ char *first = NULL, *second = NULL;
        int r = 0;

        if (scope->path &&
            asprintf(&first, "repository:%s:pull%s%s", scope->path, scope->push ? ",push" : "",
                     scope->remove ? ",delete" : "") < 0) {
                first = NULL;
                return -ENOMEM;
        }
        if (scope->mount && asprintf(&second, "repository:%s:pull", scope->mount) < 0) {
                second = NULL;
                return -ENOMEM;
        }
        if (first)
                r = append_query(url, "scope", first);
        return r == 0 && second ? append_query(url, "scope", second) : r;
}

/* The query alone is what a form has, too. */
static int make_token_request(const struct endpoint *endpoint, const struct scope *scope,
                              const struct credentials *credentials, CURLU *url, char **ret_url,
                              char **ret_form)
{
        bool form = credentials->identity_token;
        int r = 0;

        *ret_url = *ret_form = NULL;
        if (form)
                curl_url_set(url, CURLUPART_QUERY, NULL, 0);
        if (endpoint->challenge.service)
                r = append_query(url, "service", endpoint->challenge.service);
        if (r == 0)
                r = append_scopes(url, scope);
        if (r == 0 && credentials->user)
                r = append_query(url, "account", credentials->user);
        if (r == 0 && form) {
                r = append_query(url, "grant_type", "refresh_token");
                if (r == 0)
                        r = append_query(url, "client_id", CLIENT_ID);
                if (r == 0)
                        r = append_query(url, "refresh_token", credentials->identity_token);
                if (r == 0)
                        curl_url_get(url, CURLUPART_QUERY, ret_form, 0);
                curl_url_set(url, CURLUPART_QUERY, NULL, 0);
        }
        if (r == 0)
                curl_url_get(url, CURLUPART_URL, ret_url, 0);
        return *ret_url && (!form || *ret_form) ? 0 : -ENOMEM;
}

static bool is_header_text(const char *text)
{
        for (; *text; text++)
                if (*text <= ' ' || *text > '~')
                        return false;
        return true;
}

static int read_token(const struct http_response *response, struct grant *grant, struct error *err)
{
        _cleanup_json_ json_t *document = NULL;
        int64_t lifetime = 0;
        const char *token = NULL;
        int r = json_parse_object(response->body.data, response->body.len,
                                  "the token server's answer", &document, err);

        if (r == 0)
                r = json_get_string(document, "token", &token, err);
        if (r == 0 && (!token || !*token))
                r = json_get_string(document, "access_token", &token, err);
        if (r == 0)
                r = json_get_integer(document, "expires_in", &lifetime, err);
        if (r < 0)
                return r;
        if (!token || !*token || strlen(token) > TOKEN_BYTES_MAX || !is_header_text(token))
                return error_set(err, -EBADMSG, "the token server has sent no token");
        if (lifetime <= 0)
                lifetime = TOKEN_LIFETIME_S;
        if (lifetime > TOKEN_LIFETIME_MAX_S)
                lifetime = TOKEN_LIFETIME_MAX_S;
        if (lifetime > 2 * TOKEN_MARGIN_S)
                lifetime -= TOKEN_MARGIN_S;
        grant->expires_ns = clock_monotonic_ns() + (uint64_t)lifetime * NS_PER_S;
        if (asprintf(&grant->authorization, "Bearer %s", token) < 0) {
                grant->authorization = NULL;
                return error_set_oom(err);
        }
        return 0;
}

/* The token server is a host of its own: it may be blocked, and who vouches for the registry does
 * not vouch for it. */
static int send_token_request(struct registry *registry, struct endpoint *endpoint,
                              const struct credentials *credentials, const char *url,
                              const char *form, struct http_response *response, struct error *err)
{
        struct http_request request = { .method = form ? "POST" : "GET", .url = url };
        struct endpoint *server = endpoint;
        struct strv headers = STRV_INIT;
        char *authorization = NULL;
        int r = endpoint_owns(endpoint, url) ? 0 : endpoint_of_url(registry, url, &server, err);

        if (r < 0)
                return error_wrap(err, "the token server of %s", endpoint->host);
        request.allow_plain = endpoint->plain || server->insecure;
        endpoint_prepare(registry, server, &request);
        if (form) {
                request.has_body = true;
                request.data = form;
                request.size = strlen(form);
                if (strv_add(&headers, "Content-Type: application/x-www-form-urlencoded") < 0)
                        r = error_set_oom(err);
        } else if (credentials->user) {
                r = basic(credentials->user, credentials->password, &authorization, err);
                if (r == 0 && strv_addf(&headers, "Authorization: %s", authorization) < 0)
                        r = error_set_oom(err);
        }
        request.headers = &headers;
        if (r == 0)
                r = http_perform(registry->engine, &request, response, err);
        if (r < 0)
                error_wrap(err, "the token server of %s", endpoint->host);
        secret_free(authorization);
        for (size_t i = 0; i < headers.count; i++)
                explicit_bzero(headers.items[i], strlen(headers.items[i]));
        strv_done(&headers);
        return r;
}

static int fetch_token(struct registry *registry, struct endpoint *endpoint,
                       const struct scope *scope, const struct credentials *credentials,
                       struct grant *grant, struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        struct call call = { .endpoint = endpoint };
        struct retry retry = { 0 };
        char *url = NULL, *form = NULL;
        CURLU *realm = curl_url();
        int r = realm ? 0 : error_set_oom(err);

        if (r == 0 && curl_url_set(realm, CURLUPART_URL, endpoint->challenge.realm, 0) != CURLUE_OK)
                r = error_set(err, -EBADMSG, "%s names no token server", endpoint->host);
        if (r == 0 && make_token_request(endpoint, scope, credentials, realm, &url, &form) < 0)
                r = error_set_oom(err);
        while (r == 0) {
                r = send_token_request(registry, endpoint, credentials, url, form, &response, err);
                response.transient |= response.status == 429 || response.status >= 500;
                if (r == 0 && !response.transient)
                        break;
                r = retry_wait(registry, &retry, &call, "a token", &response, err);
                if (r == 0)
                        http_response_done(&response);
        }
        if (r == 0 && response.status != 200)
                r = call_fail(&call, "a token", &response, err);
        if (r == 0)
                r = read_token(&response, grant, err);
        if (response.body.data)
                explicit_bzero(response.body.data, response.body.len);
        http_response_done(&response);
        if (form)
                explicit_bzero(form, strlen(form));
        curl_free(form);
        curl_free(url);
        curl_url_cleanup(realm);
        return r;
}

/* ---- grants ---- */

static int authorize(struct registry *registry, struct endpoint *endpoint,
                     const struct scope *scope, const struct credentials *credentials,
                     struct grant *grant, struct error *err)
{
        grant->expires_ns = UINT64_MAX;
        if (endpoint->challenge.scheme == CHALLENGE_NONE)
                return 0;
        if (endpoint->challenge.scheme == CHALLENGE_BASIC)
                return credentials->user ? basic(credentials->user, credentials->password,
                                                 &grant->authorization, err)
                                         : 0;
        if (!credentials->registry_token)
                return fetch_token(registry, endpoint, scope, credentials, grant, err);
        if (!is_header_text(credentials->registry_token))
                return error_set(err, -EINVAL, "the registry token for %s is none", endpoint->host);
        if (asprintf(&grant->authorization, "Bearer %s", credentials->registry_token) < 0) {
                grant->authorization = NULL;
                return error_set_oom(err);
        }
        return 0;
}

static char *scope_key(const struct scope *scope)
{
        char *key;

        return asprintf(&key, "%s %d %d %s", scope->path ? scope->path : "", scope->push,
                        scope->remove, scope->mount ? scope->mount : "") < 0
                       ? NULL
                       : key;
}

static struct grant **find_grant(struct endpoint *endpoint, const char *key)
{
        struct grant **at = &endpoint->grants;

        while (*at && strcmp((*at)->scope, key) != 0)
                at = &(*at)->next;
        return at;
}

static void drop_grant(struct grant **at)
{
        struct grant *grant = *at;

        *at = grant->next;
        secret_free(grant->authorization);
        free(grant->scope);
        free(grant);
}

/* Makes a grant anew, which owns `key` then. */
static int add_grant(struct registry *registry, struct endpoint *endpoint,
                     const struct scope *scope, char **key, struct grant **ret, struct error *err)
{
        struct credentials credentials = CREDENTIALS_INIT;
        struct grant *grant = calloc(1, sizeof(*grant));
        int r = grant ? 0 : error_set_oom(err);

        if (r == 0 && endpoint->challenge.scheme != CHALLENGE_NONE)
                r = credentials_find(endpoint->host, scope->path, &credentials, err);
        if (r == 0)
                r = authorize(registry, endpoint, scope, &credentials, grant, err);
        credentials_done(&credentials);
        if (r < 0) {
                free(grant);
                return r;
        }
        grant->scope = TAKE_PTR(*key);
        grant->next = endpoint->grants;
        endpoint->grants = *ret = grant;
        return 0;
}

static int authorize_locked(struct registry *registry, struct endpoint *endpoint,
                            const struct scope *scope, char **ret, struct error *err)
{
        _cleanup_free_ char *key = scope_key(scope);
        struct grant **at, *grant;
        int r = key ? 0 : error_set_oom(err);

        if (r < 0)
                return r;
        at = find_grant(endpoint, key);
        if (*at && (*at)->expires_ns <= clock_monotonic_ns())
                drop_grant(at);
        grant = *find_grant(endpoint, key);
        if (!grant)
                r = add_grant(registry, endpoint, scope, &key, &grant, err);
        if (r == 0 && grant->authorization) {
                *ret = strdup(grant->authorization);
                r = *ret ? 0 : error_set_oom(err);
        }
        return r;
}

int auth_authorize(struct registry *registry, struct endpoint *endpoint, const struct scope *scope,
                   char **ret, struct error *err)
{
        int r = auth_probe(registry, endpoint, err);

        *ret = NULL;
        if (r < 0)
                return r;
        pthread_mutex_lock(&endpoint->lock);
        r = authorize_locked(registry, endpoint, scope, ret, err);
        pthread_mutex_unlock(&endpoint->lock);
        return r;
}

int auth_refused(struct endpoint *endpoint, const struct scope *scope, const char *sent,
                 const struct http_response *response, struct error *err)
{
        _cleanup_free_ char *key = scope_key(scope);
        enum challenge_scheme before;
        struct grant **at;
        int r = key ? 0 : error_set_oom(err);

        if (r < 0)
                return r;
        pthread_mutex_lock(&endpoint->lock);
        before = endpoint->challenge.scheme;
        r = learn(endpoint, response, err);
        at = find_grant(endpoint, key);
        /* Another thread may have renewed it meanwhile. */
        if (*at && (!sent || !(*at)->authorization || strcmp((*at)->authorization, sent) == 0))
                drop_grant(at);
        if (r == 0)
                r = endpoint->challenge.scheme != CHALLENGE_NONE &&
                    (endpoint->challenge.scheme == CHALLENGE_BEARER ||
                     endpoint->challenge.scheme != before);
        pthread_mutex_unlock(&endpoint->lock);
        return r;
}

int auth_try(struct registry *registry, struct endpoint *endpoint,
             const struct credentials *credentials, char **ret, struct error *err)
{
        struct scope scope = { .path = NULL };
        struct grant grant = { .scope = NULL };
        int r = auth_probe(registry, endpoint, err);

        *ret = NULL;
        if (r < 0)
                return r;
        pthread_mutex_lock(&endpoint->lock);
        r = authorize(registry, endpoint, &scope, credentials, &grant, err);
        pthread_mutex_unlock(&endpoint->lock);
        if (r == 0)
                *ret = grant.authorization;
        return r;
}
