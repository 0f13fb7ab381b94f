#include "oci/reference.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_HOST   "docker.io"
#define LEGACY_HOST    "index.docker.io"
#define OFFICIAL       "library/"
#define LOWER          "abcdefghijklmnopqrstuvwxyz"
#define UPPER          "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS         "0123456789"
#define HEX_DIGITS     DIGITS "abcdefABCDEF"
#define PORT_DIGIT_MAX 5

/* The parts of a reference, inside its text. `host` is NULL where none was written. */
struct parts {
        const char *host;
        size_t host_len;
        const char *path;
        size_t path_len;
        const char *tag;
        size_t tag_len;
        const char *digest;
};

void reference_done(struct reference *reference)
{
        free(reference->host);
        free(reference->path);
        free(reference->tag);
        *reference = REFERENCE_INIT;
}

static bool is_in(char c, const char *set)
{
        return c != '\0' && strchr(set, c);
}

bool reference_tag_is_valid(const char *text)
{
        size_t len = strlen(text);

        return len >= 1 && len <= REFERENCE_TAG_MAX && text[0] != '.' && text[0] != '-' &&
               strspn(text, LOWER UPPER DIGITS "_.-") == len;
}

/* `host` is "name(.name)*" or "[IPv6]", each with an optional ":port". */
static bool host_is_valid(const char *host, size_t len)
{
        const char *end = host + len, *at = host;

        if (len > 0 && host[0] == '[') {
                at += 1 + strspn(host + 1, HEX_DIGITS ":");
                if (at == host + 1 || at >= end || *at++ != ']')
                        return false;
        } else {
                for (;;) {
                        size_t name = strspn(at, LOWER UPPER DIGITS "-");

                        if (name == 0 || at[0] == '-' || at[name - 1] == '-')
                                return false;
                        at += name;
                        if (*at != '.')
                                break;
                        at++;
                }
        }
        if (at < end && *at == ':') {
                size_t digits = strspn(at + 1, DIGITS);

                if (digits == 0 || digits > PORT_DIGIT_MAX)
                        return false;
                at += 1 + digits;
        }
        return at == end;
}

/*
 * One component: runs of lower-case letters and digits, with ".", "_", "__" or any number of "-"
 * between them. Returns its length; 0 where none is.
 */
static size_t path_component(const char *text)
{
        size_t len = strspn(text, LOWER DIGITS);

        while (len > 0) {
                const char *at = text + len;
                size_t separator = *at == '.'                  ? 1
                                   : strncmp(at, "__", 2) == 0 ? 2
                                   : *at == '_'                ? 1
                                                               : strspn(at, "-");
                size_t run = strspn(at + separator, LOWER DIGITS);

                if (separator == 0 || run == 0)
                        break;
                len += separator + run;
        }
        return len;
}

static bool path_is_valid(const char *path, size_t len)
{
        const char *end = path + len;

        for (;;) {
                size_t component = path_component(path);

                path += component;
                if (component == 0 || path >= end)
                        return component > 0 && path == end;
                if (*path++ != '/')
                        return false;
        }
}

/* Whether the text before the first slash is a host and not the first component of a path. */
static bool names_host(const char *text, size_t len)
{
        if (len == strlen("localhost") && strncmp(text, "localhost", len) == 0)
                return true;
        for (size_t i = 0; i < len; i++) {
                if (is_in(text[i], ".:[" UPPER))
                        return true;
        }
        return false;
}

/* Splits the text; nothing is checked but the form of the digest. */
static struct parts split(const char *text)
{
        size_t first = strcspn(text, "/");
        struct parts parts = { .path = text };
        const char *at;

        if (text[first] == '/' && names_host(text, first)) {
                parts.host = text;
                parts.host_len = first;
                parts.path = text + first + 1;
        }
        at = parts.path + strcspn(parts.path, ":@");
        parts.path_len = (size_t)(at - parts.path);
        if (*at == ':') {
                parts.tag = at + 1;
                parts.tag_len = strcspn(parts.tag, "@");
                at = parts.tag + parts.tag_len;
        }
        if (*at == '@')
                parts.digest = at + 1;
        return parts;
}

static int invalid(const char *text, const char *why, struct error *err)
{
        return error_set(err, -EINVAL, "'%.300s' is no image reference: %s", text, why);
}

static int check_parts(const char *text, const struct parts *parts, struct error *err)
{
        if (parts->host && !host_is_valid(parts->host, parts->host_len))
                return invalid(
                        text, "what stands before the first slash is no host name or address", err);
        for (size_t i = 0; i < parts->path_len; i++) {
                if (!is_in(parts->path[i], UPPER))
                        continue;
                invalid(text, "the name of a repository is lower-case", err);
                return error_hint(err, "write the name without capital letters");
        }
        if (!path_is_valid(parts->path, parts->path_len))
                return invalid(
                        text,
                        "the name must be of lower-case letters and digits, with single '.', "
                        "'_' or '__', or '-' between them",
                        err);
        if (!parts->host && !parts->tag && !parts->digest &&
            parts->path_len == 2 * (size_t)DIGEST_BYTES &&
            strspn(parts->path, DIGITS "abcdef") == parts->path_len)
                return invalid(text, "64 hexadecimal digits are the ID of an image", err);
        return 0;
}

/* Fills the host and the path as Docker Hub's short names mean them. */
static int fill_name(const char *text, const struct parts *parts, struct reference *reference,
                     struct error *err)
{
        bool is_hub = !parts->host ||
                      (parts->host_len == strlen(DEFAULT_HOST) &&
                       strncmp(parts->host, DEFAULT_HOST, parts->host_len) == 0) ||
                      (parts->host_len == strlen(LEGACY_HOST) &&
                       strncmp(parts->host, LEGACY_HOST, parts->host_len) == 0);
        bool is_official = is_hub && !memchr(parts->path, '/', parts->path_len);

        reference->host = is_hub ? strdup(DEFAULT_HOST) : strndup(parts->host, parts->host_len);
        if (!reference->host || asprintf(&reference->path, "%s%.*s", is_official ? OFFICIAL : "",
                                         (int)parts->path_len, parts->path) < 0) {
                reference->path = NULL;
                return error_set_oom(err);
        }
        if (strlen(reference->path) > REFERENCE_PATH_MAX)
                return error_set(err, -EINVAL,
                                 "'%.300s' is no image reference: the name is longer than %d "
                                 "characters",
                                 text, REFERENCE_PATH_MAX);
        return 0;
}

static int fill_tag_and_digest(const char *text, const struct parts *parts,
                               struct reference *reference, struct error *err)
{
        int r;

        if (parts->digest) {
                r = digest_parse(parts->digest, &reference->digest, err);
                if (r < 0)
                        return error_wrap(err, "'%.300s' is no image reference", text);
                reference->has_digest = true;
        }
        if (!parts->tag && parts->digest)
                return 0;
        reference->tag_is_default = !parts->tag;
        reference->tag = parts->tag ? strndup(parts->tag, parts->tag_len) : strdup("latest");
        if (!reference->tag)
                return error_set_oom(err);
        if (!reference_tag_is_valid(reference->tag))
                return invalid(
                        text,
                        "a tag is of 1 to 128 letters, digits, '_', '.' and '-', and does not "
                        "begin with '.' or '-'",
                        err);
        return 0;
}

/* Of the text that reference_format() makes. */
static size_t whole_length(const struct reference *reference)
{
        return strlen(reference->host) + 1 + strlen(reference->path) +
               (reference->tag ? 1 + strlen(reference->tag) : 0) +
               (reference->has_digest ? DIGEST_TEXT_MAX : 0);
}

int reference_parse(const char *text, struct reference *ret, struct error *err)
{
        _cleanup_(reference_done) struct reference reference = REFERENCE_INIT;
        struct parts parts;
        int r;

        if (text[0] == '\0')
                return error_set(err, -EINVAL, "an image reference is empty");
        if (strlen(text) > REFERENCE_TEXT_MAX)
                return error_set(err, -EINVAL, "an image reference is longer than %d characters",
                                 REFERENCE_TEXT_MAX);
        parts = split(text);
        r = check_parts(text, &parts, err);
        if (r < 0)
                return r;
        r = fill_name(text, &parts, &reference, err);
        if (r < 0)
                return r;
        r = fill_tag_and_digest(text, &parts, &reference, err);
        if (r < 0)
                return r;
        /* What is accepted can be written as a whole and read back. */
        if (whole_length(&reference) > REFERENCE_TEXT_MAX)
                return error_set(err, -EINVAL, "an image reference is longer than %d characters",
                                 REFERENCE_TEXT_MAX);
        *ret = reference;
        reference = REFERENCE_INIT;
        return 0;
}

int reference_candidates(const char *text, const struct strv *hosts, struct strv *ret,
                         struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        bool is_short;
        int r = reference_parse(text, &reference, err);

        if (r < 0)
                return r;
        is_short = hosts->count > 0 && !split(text).host;
        if (!is_short && strv_take(ret, reference_format(&reference)) < 0)
                r = error_set_oom(err);
        reference_done(&reference);
        for (size_t i = 0; is_short && i < hosts->count && r == 0; i++) {
                _cleanup_free_ char *whole = NULL;

                if (asprintf(&whole, "%s/%s", hosts->items[i], text) < 0) {
                        whole = NULL;
                        return error_set_oom(err);
                }
                reference = REFERENCE_INIT;
                r = reference_parse(whole, &reference, err);
                if (r == 0 && strv_take(ret, reference_format(&reference)) < 0)
                        r = error_set_oom(err);
                reference_done(&reference);
        }
        return r;
}

void reference_pin(struct reference *reference)
{
        if (!reference->has_digest)
                return;
        free(reference->tag);
        reference->tag = NULL;
}

int reference_copy(const struct reference *from, struct reference *ret)
{
        _cleanup_(reference_done) struct reference copy = *from;

        copy.host = strdup(from->host);
        copy.path = strdup(from->path);
        copy.tag = from->tag ? strdup(from->tag) : NULL;
        if (!copy.host || !copy.path || (from->tag && !copy.tag))
                return -ENOMEM;
        *ret = copy;
        copy = REFERENCE_INIT;
        return 0;
}

/* Appends tag and digest to a name and hands the text out. */
static char *finish_text(const struct reference *reference, struct buf *buf)
{
        char digest[DIGEST_TEXT_MAX];
        int r = 0;

        if (reference->tag)
                r = buf_appendf(buf, ":%s", reference->tag);
        if (r == 0 && reference->has_digest) {
                digest_format(&reference->digest, digest);
                r = buf_appendf(buf, "@%s", digest);
        }
        return r < 0 ? NULL : buf_take_str(buf);
}

char *reference_format_repository(const struct reference *reference)
{
        char *text;

        return asprintf(&text, "%s/%s", reference->host, reference->path) < 0 ? NULL : text;
}

char *reference_format(const struct reference *reference)
{
        _cleanup_(buf_done) struct buf buf = BUF_INIT;

        if (buf_appendf(&buf, "%s/%s", reference->host, reference->path) < 0)
                return NULL;
        return finish_text(reference, &buf);
}

char *reference_format_familiar(const struct reference *reference)
{
        _cleanup_(buf_done) struct buf buf = BUF_INIT;
        const char *path = reference->path;
        size_t first = strcspn(path, "/");

        /* A first component that would be read back as a host keeps the host before it. */
        if (strcmp(reference->host, DEFAULT_HOST) != 0 ||
            (path[first] == '/' && names_host(path, first))) {
                if (buf_appendf(&buf, "%s/", reference->host) < 0)
                        return NULL;
        } else if (strncmp(path, OFFICIAL, strlen(OFFICIAL)) == 0 &&
                   !strchr(path + strlen(OFFICIAL), '/')) {
                path += strlen(OFFICIAL);
        }
        if (buf_append_str(&buf, path) < 0)
                return NULL;
        return finish_text(reference, &buf);
}

int reference_parse_name(const char *text, char **ret, struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        char *whole = NULL;
        int r = reference_parse(text, &reference, err);

        if (r < 0)
                return r;
        if (reference.has_digest) {
                r = error_set(err, -EINVAL, "%s: an image cannot be named by a digest", text);
        } else if (strncmp(text, "sha256:", strlen("sha256:")) == 0) {
                r = error_set(err, -EINVAL, "%s: the name would be taken for a digest", text);
        } else {
                whole = reference_format(&reference);
                r = whole ? 0 : error_set_oom(err);
        }
        reference_done(&reference);
        if (r == 0)
                *ret = whole;
        return r;
}
