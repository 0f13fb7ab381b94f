#include "oci/digest.h"

#include "base/cleanup.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct digest_hasher {
        EVP_MD_CTX *context;
};

DEFINE_CLEANUP(hasher, struct digest_hasher, digest_hasher_free)

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

int digest_parse_hex(const char *text, struct digest *ret, struct error *err)
{
        struct digest digest;

        if (strlen(text) != 2 * (size_t)DIGEST_BYTES)
                return error_set(err, -EINVAL,
                                 "a SHA-256 digest has %d hexadecimal digits, not %zu",
                                 2 * DIGEST_BYTES, strlen(text));
        for (size_t i = 0; i < DIGEST_BYTES; i++) {
                int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return error_set(err, -EINVAL,
                                         "a digest has only the digits 0 to 9 and a to f");
                digest.bytes[i] = (uint8_t)(high << 4 | low);
        }
        *ret = digest;
        return 0;
}

int digest_parse(const char *text, struct digest *ret, struct error *err)
{
        const char *colon = strchr(text, ':');
        int r;

        if (!colon)
                return error_set(err, -EINVAL,
                                 "'%.100s' is no digest: it must look like sha256:...", text);
        if (strncmp(text, "sha256:", sizeof("sha256:") - 1) != 0)
                return error_set(err, -EINVAL,
                                 "the digest '%.100s' is not of the algorithm sha256, the only one "
                                 "supported",
                                 text);
        r = digest_parse_hex(colon + 1, ret, err);
        if (r < 0)
                return error_wrap(err, "the digest '%.100s'", text);
        return 0;
}

void digest_format_hex(const struct digest *digest, char ret[static DIGEST_HEX_MAX])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < DIGEST_BYTES; i++) {
                ret[2 * i] = digits[digest->bytes[i] >> 4];
                ret[2 * i + 1] = digits[digest->bytes[i] & 15];
        }
        ret[2 * DIGEST_BYTES] = '\0';
}

void digest_format(const struct digest *digest, char ret[static DIGEST_TEXT_MAX])
{
        memcpy(ret, "sha256:", sizeof("sha256:") - 1);
        digest_format_hex(digest, ret + sizeof("sha256:") - 1);
}

static int library_failed(struct error *err)
{
        return error_set(err, -EIO, "the cryptographic library cannot compute a SHA-256 digest");
}

int digest_hasher_new(struct digest_hasher **ret, struct error *err)
{
        _cleanup_(cleanup_hasher) struct digest_hasher *hasher = calloc(1, sizeof(*hasher));

        if (!hasher)
                return error_set_oom(err);
        hasher->context = EVP_MD_CTX_new();
        if (!hasher->context)
                return error_set_oom(err);
        if (EVP_DigestInit_ex(hasher->context, EVP_sha256(), NULL) != 1)
                return library_failed(err);
        *ret = TAKE_PTR(hasher);
        return 0;
}

void digest_hasher_free(struct digest_hasher *hasher)
{
        if (!hasher)
                return;
        EVP_MD_CTX_free(hasher->context);
        free(hasher);
}

int digest_hasher_update(struct digest_hasher *hasher, const void *data, size_t len,
                         struct error *err)
{
        return EVP_DigestUpdate(hasher->context, data, len) == 1 ? 0 : library_failed(err);
}

int digest_hasher_finish(struct digest_hasher *hasher, struct digest *ret, struct error *err)
{
        struct digest digest;

        if (EVP_DigestFinal_ex(hasher->context, digest.bytes, NULL) != 1)
                return library_failed(err);
        *ret = digest;
        return 0;
}

int digest_hasher_restart(struct digest_hasher *hasher, struct error *err)
{
        return EVP_DigestInit_ex(hasher->context, NULL, NULL) == 1 ? 0 : library_failed(err);
}

int digest_of(const void *data, size_t len, struct digest *ret, struct error *err)
{
        _cleanup_(cleanup_hasher) struct digest_hasher *hasher = NULL;
        int r;

        r = digest_hasher_new(&hasher, err);
        if (r < 0)
                return r;
        r = digest_hasher_update(hasher, data, len, err);
        if (r < 0)
                return r;
        return digest_hasher_finish(hasher, ret, err);
}
