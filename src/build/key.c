#include "key.h"

#include <string.h>

int key_begin(struct key *key, const char *kind, struct error *err)
{
        int r;

        *key = (struct key){ .hasher = NULL };
        r = digest_hasher_new(&key->hasher, err);
        if (r == 0)
                key_add_text(key, kind);
        return r;
}

void key_done(struct key *key)
{
        digest_hasher_free(key->hasher);
        key->hasher = NULL;
}

static void update(struct key *key, const void *data, size_t len)
{
        struct error ignored = ERROR_INIT;

        if (key->code == 0)
                key->code = digest_hasher_update(key->hasher, data, len, &ignored);
}

void key_add(struct key *key, const void *data, size_t len)
{
        uint64_t length = len;

        update(key, &length, sizeof(length));
        update(key, data, len);
}

void key_add_text(struct key *key, const char *text)
{
        if (text)
                key_add(key, text, strlen(text));
        else
                key_add_number(key, UINT64_MAX);
}

void key_add_number(struct key *key, uint64_t number)
{
        update(key, &number, sizeof(number));
}

void key_add_strv(struct key *key, const struct strv *strv)
{
        key_add_number(key, strv->count);
        for (size_t i = 0; i < strv->count; i++)
                key_add_text(key, strv->items[i]);
}

void key_add_digest(struct key *key, const struct digest *digest)
{
        key_add(key, digest->bytes, sizeof(digest->bytes));
}

int key_finish(struct key *key, struct digest *ret, struct error *err)
{
        int r = key->code;

        if (r == 0)
                r = digest_hasher_finish(key->hasher, ret, err);
        else
                error_set_errno(err, r, "cannot compute a digest");
        key_done(key);
        return r;
}

int key_of_layers(const struct layers *layers, struct digest *ret, struct error *err)
{
        struct key key;
        int r = key_begin(&key, "layers", err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < layers->count; i++)
                key_add_digest(&key, layers->items[i].has_content ? &layers->items[i].content
                                                                  : &layers->items[i].diff_id);
        return key_finish(&key, ret, err);
}

int key_of_step(const struct digest *below, const struct digest *input, struct digest *ret,
                struct error *err)
{
        struct key key;
        int r = key_begin(&key, "step", err);

        if (r < 0)
                return r;
        key_add_digest(&key, below);
        key_add_digest(&key, input);
        return key_finish(&key, ret, err);
}
