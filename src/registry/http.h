/*
 * One HTTP request and its response. Private to src/registry/.
 *
 * Nothing here knows of registries: no credentials, no redirects followed, nothing tried twice.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "engine.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a response says in its body, where nobody else takes it: at most this much. */
#define HTTP_BODY_MAX    ((size_t)8 << 20)
#define HTTP_HEADERS_MAX 200u

#define HTTP_SMALL_STALLS 10

struct http_response {
        long status;         /* 0: none came */
        struct strv headers; /* "name: value", names in lower case */
        struct buf body;     /* what no sink has taken */
        uint64_t sent;       /* bytes of the request's body that went out */
        bool transient;      /* of a failure: another try may succeed */
};

#define HTTP_RESPONSE_INIT ((struct http_response){ .status = 0 })

void http_response_done(struct http_response *response);

/* The first header of that name (in lower case), its value inside the response; or NULL. */
const char *http_response_header(const struct http_response *response, const char *name);

/* Who takes the body of a response. Called on the engine's thread. */
struct http_sink {
        /* Is told status and headers before the body. Returns 1 to take the body, 0 to leave it to
         * `response->body`, or a negative errno with `err` set. */
        int (*begin)(void *context, const struct http_response *response, struct error *err);
        int (*write)(void *context, const void *data, size_t len, struct error *err);
        void *context;
};

struct http_request {
        const char *method;
        const char *url;
        const struct strv *headers; /* "Name: value", or NULL */

        /* A body of `size` bytes: in memory, or of a file from `offset` on. */
        bool has_body;
        const void *data;
        int fd;
        uint64_t offset;
        uint64_t size;
        /* Is told how many bytes of it went out, of all; or NULL. */
        void (*sent)(void *context, uint64_t bytes);
        void *sent_context;

        const struct http_sink *sink; /* or NULL */

        bool allow_plain; /* http: is allowed beside https: */
        bool unverified;  /* whose certificate it is does not matter */
        const char *ca;   /* certificates in PEM, trusted besides the system's; or NULL */
        const char *client_certificate; /* paths, or NULL */
        const char *client_key;
        long connect_s; /* given up when there is no connection for so long; 0: 30 */
        long stall_s;   /* given up when nothing moves for so long */
        /* Its body, or the sink's, may be gigabytes. All else is given up when less than a trickle
         * moves for so long, and when the whole takes HTTP_SMALL_STALLS times as long. */
        bool large;

        const atomic_bool *cancelled; /* ends the transfer, -ECANCELED; or NULL */
};

/*
 * Carries it out. Returns 0 when there was a response, of any status. -EIO for what the network
 * does, -EKEYREJECTED for a certificate that is not trusted, -ECANCELED, -ENOMEM, or what the sink
 * returned. `ret` is to be released in every case.
 */
int http_perform(struct engine *engine, const struct http_request *request,
                 struct http_response *ret, struct error *err);
