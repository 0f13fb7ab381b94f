/*
 * Content digests, `sha256:<64 lower-case hex digits>`: floor 1.
 *
 * OCI image-spec, descriptor.md, "Digests". SHA-256 is the one algorithm; others are refused by
 * name. A parsed digest is a value of fixed size, so no text of outside origin reaches a path.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIGEST_BYTES    32
#define DIGEST_HEX_MAX  (2 * DIGEST_BYTES + 1)
#define DIGEST_TEXT_MAX (sizeof("sha256:") - 1 + DIGEST_HEX_MAX)

struct digest {
        uint8_t bytes[DIGEST_BYTES];
};

/* Returns 0, or -EINVAL with an error that says what is wrong with `text`. */
int digest_parse(const char *text, struct digest *ret, struct error *err);

/* The 64 digits alone. Returns 0 or -EINVAL. */
int digest_parse_hex(const char *text, struct digest *ret, struct error *err);

/* Terminated texts: "sha256:..." and the digits alone (the name of a blob in an image layout). */
void digest_format(const struct digest *digest, char ret[static DIGEST_TEXT_MAX]);
void digest_format_hex(const struct digest *digest, char ret[static DIGEST_HEX_MAX]);

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
        return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

/* Of bytes in memory. Returns 0, -ENOMEM, or -EIO when the library fails. */
int digest_of(const void *data, size_t len, struct digest *ret, struct error *err);

/*
 * The digest of a stream. digest_hasher_finish() may be called once; the hasher is then only to be
 * freed. Errors: -ENOMEM, -EIO.
 */
struct digest_hasher;

int digest_hasher_new(struct digest_hasher **ret, struct error *err);
void digest_hasher_free(struct digest_hasher *hasher);
int digest_hasher_update(struct digest_hasher *hasher, const void *data, size_t len,
                         struct error *err);
int digest_hasher_finish(struct digest_hasher *hasher, struct digest *ret, struct error *err);

/* Begins another stream with the same hasher, finished or not. */
int digest_hasher_restart(struct digest_hasher *hasher, struct error *err);
