/*
 * Image references, "host:port/path:tag@digest": floor 1.
 *
 * The grammar is that of distribution/reference, short names of Docker Hub included: "debian" is
 * docker.io/library/debian:latest.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "oci/digest.h"

#include <stdbool.h>

#define REFERENCE_TEXT_MAX 1024 /* of a whole reference */
#define REFERENCE_PATH_MAX 255
#define REFERENCE_TAG_MAX  128

struct reference {
        char *host;          /* "docker.io", "localhost:5000", "[::1]:5000"; owned */
        char *path;          /* "library/debian"; owned */
        char *tag;           /* NULL where there is a digest and no tag; owned */
        bool tag_is_default; /* neither tag nor digest was written: `tag` is "latest" */
        bool has_digest;     /* the digest, not the tag, says which image is meant */
        struct digest digest;
};

#define REFERENCE_INIT ((struct reference){ .host = NULL })

/* Returns 0, -ENOMEM, or -EINVAL with an error that quotes the reference and says what is wrong. */
int reference_parse(const char *text, struct reference *ret, struct error *err);
void reference_done(struct reference *reference);

/* Reads a name that an image shall get, and yields the whole reference, which the caller frees. As
 * reference_parse(); -EINVAL also where it has a digest, or could be taken for one. */
int reference_parse_name(const char *text, char **ret, struct error *err);

/*
 * The whole references that a name stands for, best first, appended: where it names no host, one
 * for each of `hosts`, docker.io where there is none. As reference_parse().
 */
int reference_candidates(const char *text, const struct strv *hosts, struct strv *ret,
                         struct error *err);

/* Takes the tag away where there is a digest, which says more: what has the digest need not have
 * the tag. */
void reference_pin(struct reference *reference);

/* A copy. Returns 0 or -ENOMEM. */
int reference_copy(const struct reference *from, struct reference *ret);

/*
 * The whole reference ("docker.io/library/debian:latest"), and the one that people write
 * ("debian:latest"). NULL when memory ran out; the caller frees them.
 */
char *reference_format(const struct reference *reference);
char *reference_format_familiar(const struct reference *reference);

/* "host/path", without tag and digest. NULL when memory ran out; the caller frees it. */
char *reference_format_repository(const struct reference *reference);

/* Whether `text` may stand as a tag. */
bool reference_tag_is_valid(const char *text);
