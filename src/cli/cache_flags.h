/*
 * --cache-from and --cache-to of `varve build`. Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "build/build.h"

struct cache_list {
        struct strv words;         /* owned: parts of options */
        struct build_cache *items; /* owned; their strings are words */
        size_t count;
};

void cache_list_done(struct cache_list *list);

/*
 * "type=local,src=DIR[,tag=TAG|,digest=DIGEST]", "type=registry,ref=REF", or REF alone for that.
 * Where `to`: "type=local,dest=DIR[,tag=TAG]", "type=registry,ref=REF", or REF alone, with
 * [,mode=min|max][,ignore-error=BOOL]; or "type=inline". What BuildKit has besides is taken where
 * it asks for what is done anyway, and else -EINVAL, as all that is written wrong.
 */
int cache_flags_parse(const struct strv *written, bool to, struct cache_list *ret,
                      struct error *err);
