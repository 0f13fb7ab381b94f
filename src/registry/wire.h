/*
 * What registries say in headers and error documents. Private to src/registry/.
 *
 * All of it is of outside origin; nothing here does more than read text.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* How a registry wants to be asked (RFC 9110, 11.6.1; Docker's token authentication). */
enum challenge_scheme {
        CHALLENGE_NONE,
        CHALLENGE_BASIC,
        CHALLENGE_BEARER,
};

struct challenge {
        enum challenge_scheme scheme;
        char *realm;   /* of Bearer: the URL of the token server; owned */
        char *service; /* owned; NULL where none was said */
};

#define CHALLENGE_INIT ((struct challenge){ .scheme = CHALLENGE_NONE })

void challenge_done(struct challenge *challenge);

/*
 * Reads a WWW-Authenticate header, of one challenge or several. What it offers replaces `challenge`
 * where it is better: Bearer with a realm, else Basic, else nothing. Returns 0 or -ENOMEM.
 */
int challenge_read(const char *text, struct challenge *challenge);

/* The URL of rel="next" in a Link header (RFC 8288); the caller frees it. NULL where none is.
 * Returns 0 or -ENOMEM. */
int wire_read_next_link(const char *text, char **ret);

/* "0-99" or "bytes=0-99", as upload sessions have it: how many bytes there are, 100. An empty
 * session may say "0-0", which is the same as of one byte. Returns 0 or -EBADMSG. */
int wire_read_range(const char *text, uint64_t *ret_size);

/* "bytes 10-99/100": the first byte's offset, and the size of the whole (UINT64_MAX for "*").
 * Returns 0 or -EBADMSG. */
int wire_read_content_range(const char *text, uint64_t *ret_first, uint64_t *ret_total);

/* Reads the Content-Length of what is not encoded otherwise. Returns 0 or -EBADMSG. */
int wire_read_length(const char *text, uint64_t *ret);

/* Retry-After: seconds or a date (RFC 9110, 10.2.3), as seconds from `now`. Returns 0 or -EBADMSG.
 */
int wire_read_retry_after(const char *text, time_t now, uint64_t *ret_seconds);

/* Puts '?' for newlines and other control characters. */
void wire_flatten(struct buf *text);

/* The text of a Warning header with code 299, `299 - "text"`, appended. Returns 0, -EBADMSG for
 * another form or -ENOMEM. */
int wire_read_warning(const char *text, struct buf *ret);

/* Appends what an error document says, "message (CODE)" for each error; nothing where it is no such
 * document. Returns 0 or -ENOMEM. */
int wire_read_errors(const void *data, size_t len, struct buf *ret);
