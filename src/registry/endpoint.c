/*
 * Registries by their hosts: where they are, and whom to trust there.
 */
#include "session.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CERTIFICATES_BYTES_MAX ((size_t)4 << 20)
#define CERTIFICATES_FILES_MAX 100
#define MIRROR_CONNECT_S       5

void endpoint_free(struct endpoint *endpoint)
{
        if (!endpoint)
                return;
        while (endpoint->grants) {
                struct grant *grant = endpoint->grants;

                endpoint->grants = grant->next;
                secret_free(grant->authorization);
                free(grant->scope);
                free(grant);
        }
        challenge_done(&endpoint->challenge);
        pthread_mutex_destroy(&endpoint->lock);
        free(endpoint->client_certificate);
        free(endpoint->client_key);
        free(endpoint->ca);
        free(endpoint->authority);
        free(endpoint->host);
        free(endpoint);
}

/* ---- certs.d ---- */

static bool ends_with(const char *name, const char *end)
{
        size_t len = strlen(name), end_len = strlen(end);

        return len > end_len && strcmp(name + len - end_len, end) == 0;
}

/* NAME.cert goes with NAME.key. */
static int take_client(struct endpoint *endpoint, const char *directory, const char *name,
                       struct error *err)
{
        int stem = (int)(strlen(name) - strlen(".cert"));

        if (endpoint->client_certificate)
                return 0;
        if (asprintf(&endpoint->client_certificate, "%s/%s", directory, name) < 0 ||
            asprintf(&endpoint->client_key, "%s/%.*s.key", directory, stem, name) < 0)
                return error_set_oom(err);
        if (access(endpoint->client_key, R_OK) < 0)
                return error_set_errno(err, -errno, "%s is there, and cannot be used without %s",
                                       endpoint->client_certificate, endpoint->client_key);
        return 0;
}

static int read_certificates(struct endpoint *endpoint, const char *directory, DIR *dir,
                             struct error *err)
{
        struct buf ca = BUF_INIT;
        struct dirent *entry;
        int r = 0, count = 0;

        while (r == 0 && count < CERTIFICATES_FILES_MAX && (entry = readdir(dir))) {
                if (ends_with(entry->d_name, ".crt")) {
                        r = io_read_file(dirfd(dir), entry->d_name, CERTIFICATES_BYTES_MAX, &ca,
                                         err);
                        if (r == 0 && buf_append_char(&ca, '\n') < 0)
                                r = error_set_oom(err);
                        count++;
                } else if (ends_with(entry->d_name, ".cert")) {
                        r = take_client(endpoint, directory, entry->d_name, err);
                        count++;
                }
        }
        if (r == 0 && ca.len > 0) {
                endpoint->ca = buf_take_str(&ca);
                r = endpoint->ca ? 0 : error_set_oom(err);
        }
        buf_done(&ca);
        return r < 0 ? error_wrap(err, "%s", directory) : 0;
}

static int list_places(struct strv *ret)
{
        static const char *const system[] = { "/etc/containers", "/etc/docker" };
        const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        int r = 0;

        if (config && path_is_absolute(config))
                r = strv_addf(ret, "%s/containers", config);
        else if (home && path_is_absolute(home))
                r = strv_addf(ret, "%s/.config/containers", home);
        for (size_t i = 0; i < ARRAY_SIZE(system) && r == 0; i++)
                r = strv_add(ret, system[i]);
        return r;
}

/* The first of the directories certs.d/HOST counts. */
static int load_certificates(struct endpoint *endpoint, struct error *err)
{
        struct strv places = STRV_INIT;
        DIR *dir = NULL;
        int r = list_places(&places) < 0 ? error_set_oom(err) : 0;

        for (size_t i = 0; i < places.count && r == 0 && !dir; i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/certs.d/%s", places.items[i], endpoint->host) < 0) {
                        path = NULL;
                        r = error_set_oom(err);
                        break;
                }
                dir = opendir(path);
                if (dir)
                        r = read_certificates(endpoint, path, dir, err);
        }
        if (dir)
                closedir(dir);
        strv_done(&places);
        return r;
}

/* ---- endpoints ---- */

static int make(const struct registry *registry, const char *host, struct endpoint **ret,
                struct error *err)
{
        _cleanup_free_ char *name = host_normalize(host);
        struct endpoint *endpoint;
        int r;

        if (!name)
                return error_set_oom(err);
        if (strv_contains(&registry->settings.block, name)) {
                error_set(err, -EINVAL, "%s is blocked", host);
                return error_hint(err, "The settings of registries say so: block %s", name);
        }
        endpoint = calloc(1, sizeof(*endpoint));
        if (!endpoint)
                return error_set_oom(err);
        pthread_mutex_init(&endpoint->lock, NULL);
        endpoint->host = strdup(host);
        endpoint->authority =
                strdup(strcmp(name, "docker.io") == 0 ? "registry-1.docker.io" : host);
        endpoint->insecure =
                registry->options.insecure || strv_contains(&registry->settings.insecure, name);
        for (char *c = endpoint->host; c && *c; c++)
                *c = (char)tolower((unsigned char)*c);
        if (!endpoint->host || !endpoint->authority)
                r = error_set_oom(err);
        else
                r = load_certificates(endpoint, err);
        if (r < 0)
                endpoint_free(endpoint);
        else
                *ret = endpoint;
        return r;
}

static int get(struct registry *registry, const char *host, bool mirror, struct endpoint **ret,
               struct error *err)
{
        struct endpoint *endpoint;
        int r = 0;

        pthread_mutex_lock(&registry->lock);
        for (endpoint = registry->endpoints; endpoint; endpoint = endpoint->next)
                if (endpoint->mirror == mirror && strcasecmp(endpoint->host, host) == 0)
                        break;
        if (!endpoint) {
                r = make(registry, host, &endpoint, err);
                if (r == 0) {
                        endpoint->mirror = mirror;
                        endpoint->next = registry->endpoints;
                        registry->endpoints = endpoint;
                }
        }
        pthread_mutex_unlock(&registry->lock);
        if (r == 0)
                *ret = endpoint;
        return r;
}

int endpoint_get(struct registry *registry, const char *host, struct endpoint **ret,
                 struct error *err)
{
        return get(registry, host, false, ret, err);
}

int endpoint_get_mirror(struct registry *registry, const char *host, struct endpoint **ret,
                        struct error *err)
{
        return get(registry, host, true, ret, err);
}

int endpoint_of_url(struct registry *registry, const char *url, struct endpoint **ret,
                    struct error *err)
{
        CURLU *parts = curl_url();
        char *host = NULL, *port = NULL;
        _cleanup_free_ char *whole = NULL;
        int r = 0;

        if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK) {
                curl_url_get(parts, CURLUPART_HOST, &host, 0);
                curl_url_get(parts, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
        }
        if (!host)
                r = error_set(err, -EBADMSG, "the server leads to where nothing can be");
        else if (asprintf(&whole, "%s%s%s", host, port ? ":" : "", port ? port : "") < 0) {
                whole = NULL;
                r = error_set_oom(err);
        }
        curl_free(host);
        curl_free(port);
        curl_url_cleanup(parts);
        return r < 0 ? r : endpoint_get(registry, whole, ret, err);
}

void endpoint_prepare(const struct registry *registry, const struct endpoint *endpoint,
                      struct http_request *request)
{
        request->unverified = endpoint->insecure;
        request->ca = endpoint->ca;
        request->client_certificate = endpoint->client_certificate;
        request->client_key = endpoint->client_key;
        request->connect_s = endpoint->mirror ? MIRROR_CONNECT_S : 0;
        request->stall_s = registry->settings.stall_s;
        request->cancelled = &registry->cancelled;
}

char *endpoint_url(const struct endpoint *endpoint, const char *path)
{
        char *url;

        return asprintf(&url, "%s://%s%s", endpoint->plain ? "http" : "https", endpoint->authority,
                        path) < 0
                       ? NULL
                       : url;
}

bool endpoint_owns(const struct endpoint *endpoint, const char *url)
{
        static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
        _cleanup_free_ char *own_text = endpoint_url(endpoint, "/");
        CURLU *own = curl_url(), *other = curl_url();
        bool same = own && other && own_text &&
                    curl_url_set(own, CURLUPART_URL, own_text, 0) == CURLUE_OK &&
                    curl_url_set(other, CURLUPART_URL, url, 0) == CURLUE_OK;

        for (size_t i = 0; i < ARRAY_SIZE(parts) && same; i++) {
                char *a = NULL, *b = NULL;

                same = curl_url_get(own, parts[i], &a, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                       curl_url_get(other, parts[i], &b, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                       strcasecmp(a, b) == 0;
                curl_free(a);
                curl_free(b);
        }
        curl_url_cleanup(own);
        curl_url_cleanup(other);
        return same;
}
