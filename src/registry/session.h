/*
 * A client's state, and a request with all that registries want around it. Private to
 * src/registry/.
 */
#pragma once

#include "credentials.h"
#include "http.h"
#include "registry/registry.h"
#include "settings.h"
#include "wire.h"

#include <pthread.h>
#include <stdatomic.h>

/* What a request is allowed to do, as tokens have it. */
struct scope {
        const char *path;  /* the repository; NULL: none, only that the user is one */
        bool push;         /* and not only pull */
        bool remove;       /* and delete */
        const char *mount; /* a repository to pull from besides, or NULL */
};

/* What is sent as Authorization for a scope. */
struct grant {
        struct grant *next;
        char *scope;         /* owned */
        char *authorization; /* owned, secret; NULL: nothing */
        uint64_t expires_ns; /* on the monotonic clock; UINT64_MAX: never */
};

/* A registry, by its host. */
struct endpoint {
        struct endpoint *next;
        char *host;      /* as references have it; owned */
        char *authority; /* who answers for it; owned */
        bool insecure;
        bool mirror;              /* another place has it, too: it is not waited for */
        atomic_bool unreachable;  /* a mirror that was tried in vain */
        char *ca;                 /* certificates in PEM; owned, as the paths that follow */
        char *client_certificate; /* NULL where there is none */
        char *client_key;

        pthread_mutex_t lock;
        /* Guarded by `lock`: */
        bool probed;
        bool plain; /* it speaks http */
        struct challenge challenge;
        struct grant *grants;
};

struct registry {
        struct registry_options options;
        struct settings settings;
        struct engine *engine;
        atomic_bool cancelled;

        pthread_mutex_t lock;
        /* Guarded by `lock`: */
        struct endpoint *endpoints;
        struct strv warned;
};

/* Tells a person something, once. */
void registry_notice(struct registry *registry, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* ---- endpoint.c ---- */

/* The endpoint of a host, which lives as long as the client. -EINVAL: the host is blocked. */
int endpoint_get(struct registry *registry, const char *host, struct endpoint **ret,
                 struct error *err);
/* The same as a mirror. */
int endpoint_get_mirror(struct registry *registry, const char *host, struct endpoint **ret,
                        struct error *err);

/* The one of the host that a URL leads to. Besides: -EBADMSG: it is no URL. */
int endpoint_of_url(struct registry *registry, const char *url, struct endpoint **ret,
                    struct error *err);
void endpoint_free(struct endpoint *endpoint);

/* Sets what the transport to this endpoint needs. */
void endpoint_prepare(const struct registry *registry, const struct endpoint *endpoint,
                      struct http_request *request);

/* The URL of `path` (from "/v2/" on), which the caller frees; NULL when memory ran out. To be
 * called when it was probed. */
char *endpoint_url(const struct endpoint *endpoint, const char *path);

/* Whether a URL leads to this endpoint, and not to another host, port or scheme. */
bool endpoint_owns(const struct endpoint *endpoint, const char *url);

/* ---- auth.c ---- */

/* Finds out, once, how the endpoint is to be spoken to. */
int auth_probe(struct registry *registry, struct endpoint *endpoint, struct error *err);

/* What is to be sent as Authorization (the caller frees it, by secret_free()), or NULL for nothing.
 */
int auth_authorize(struct registry *registry, struct endpoint *endpoint, const struct scope *scope,
                   char **ret, struct error *err);

/* The endpoint did not take what was sent (or nothing): forgets it, and learns from the answer what
 * it wants. Returns 1 where another try may go better, 0 where not. */
int auth_refused(struct endpoint *endpoint, const struct scope *scope, const char *sent,
                 const struct http_response *response, struct error *err);

/* As auth_authorize(), with these credentials, and nothing is kept. */
int auth_try(struct registry *registry, struct endpoint *endpoint,
             const struct credentials *credentials, char **ret, struct error *err);

/* ---- session.c ---- */

/* A request to an endpoint. */
struct call {
        struct endpoint *endpoint;
        struct scope scope;
        const char *method;
        const char *path; /* from "/v2/" on; or ... */
        const char *url;  /* ... a URL that the endpoint has given */
        const struct strv *headers;
        bool has_body;
        const void *data; /* as struct http_request */
        int fd;
        uint64_t offset;
        uint64_t size;
        void (*sent)(void *context, uint64_t bytes);
        void *sent_context;
        const struct http_sink *sink;
        bool large;   /* as struct http_request */
        bool patient; /* the answer may take minutes of work */
};

/*
 * Sends it once: with authorization, which is renewed once if it is refused; redirects of GET and
 * HEAD are followed. Returns 0 with a response of any status, `transient` set where it may be
 * another one later.
 */
int call_once(struct registry *registry, const struct call *call, struct http_response *ret,
              struct error *err);

/* Sends it, and again while what comes is transient. A response of status 400 and above is an error
 * that says what the registry says, but for 404, which is -ENOENT. `what` is for errors. */
int call_perform(struct registry *registry, const struct call *call, const char *what,
                 struct http_response *ret, struct error *err);

/* The error that a response of status 400 and above is. */
int call_fail(const struct call *call, const char *what, const struct http_response *response,
              struct error *err);

/* Whether another try may have another status. */
bool status_is_transient(long status);

/* Where a response from `url` leads to; the caller frees it. -EBADMSG: nowhere. */
int url_resolve(const char *url, const char *location, char **ret, struct error *err);

/* What was tried in vain. */
struct retry {
        unsigned failures;
};

/*
 * After a failure (`err` is set, or the response is transient): waits, and returns 0 with `err`
 * unset where it is to be tried again. Else the failure, `err` set. `call` and `what` are for the
 * error of a response: NULL where `err` is set.
 */
int retry_wait(struct registry *registry, struct retry *retry, const struct call *call,
               const char *what, const struct http_response *response, struct error *err);
