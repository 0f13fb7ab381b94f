/*
 * Digests of what a step depends on. Private to src/build/.
 *
 * Every part goes in with its length, so that no two lists of parts are the same bytes.
 */
#pragma once

#include "base/strv.h"
#include "build/layers.h"
#include "oci/digest.h"

struct key {
        struct digest_hasher *hasher; /* owned */
        int code;                     /* the first failure; the parts after it are passed over */
};

int key_begin(struct key *key, const char *kind, struct error *err);
void key_done(struct key *key);

void key_add(struct key *key, const void *data, size_t len);
void key_add_text(struct key *key, const char *text); /* NULL is not the same as "" */
void key_add_number(struct key *key, uint64_t number);
void key_add_strv(struct key *key, const struct strv *strv);
void key_add_digest(struct key *key, const struct digest *digest);

/* Returns 0 or the first failure. */
int key_finish(struct key *key, struct digest *ret, struct error *err);

/* The digest of what a stack of layers holds: of those whose content is known, as it is of all that
 * steps have made, without their times; an image's need not be there. */
int key_of_layers(const struct layers *layers, struct digest *ret, struct error *err);

/* The key of a step's record: of what the layers below hold, and of what else went in. */
int key_of_step(const struct digest *below, const struct digest *input, struct digest *ret,
                struct error *err);
