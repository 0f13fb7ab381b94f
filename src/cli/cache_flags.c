#include "cache_flags.h"

#include "base/cleanup.h"
#include "oci/digest.h"
#include "oci/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void cache_list_done(struct cache_list *list)
{
        strv_done(&list->words);
        free(list->items);
}

/* One option that is read. */
struct reading {
        const char *flag; /* "--cache-to" */
        const char *text;
        bool to;
        struct cache_list *list;
        struct build_cache cache;
        const char *type;
        struct error *err;
};

static int bad(struct reading *reading, const char *what, const char *field)
{
        return error_set(reading->err, -EINVAL, "%s %s: %s%s", reading->flag, reading->text, what,
                         field);
}

/* What others can choose, and is always so here. */
static int read_fixed(struct reading *reading, const char *field)
{
        static const char *const fixed[] = { "image-manifest=true", "oci-mediatypes=true",
                                             "compression=gzip",    "force-compression=false",
                                             "reset=false",         "ignore-error=false" };
        size_t len = strcspn(field, "=");

        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
                if (!reading->to || strncmp(field, fixed[i], len + 1) != 0)
                        continue;
                if (strcmp(field, fixed[i]) == 0)
                        return 0;
                bad(reading, "this cannot be had: ", field);
                return error_hint(reading->err, "It is always %s.", fixed[i]);
        }
        bad(reading, "this is not known: ", field);
        return error_hint(reading->err, reading->to ? "It has type, dest or ref, tag, mode and "
                                                      "ignore-error."
                                                    : "It has type, src or ref, tag and digest.");
}

static int read_mode(struct reading *reading, const char *value)
{
        reading->cache.all_stages = strcmp(value, "max") == 0;
        if (reading->cache.all_stages || strcmp(value, "min") == 0)
                return 0;
        return bad(reading, "the mode is min or max, not ", value);
}

static int read_digest(struct reading *reading, const char *value)
{
        struct digest digest;

        reading->cache.digest = value;
        return digest_parse(value, &digest, reading->err) < 0
                       ? error_wrap(reading->err, "%s %s", reading->flag, reading->text)
                       : 0;
}

/* A field "KEY=VALUE". */
static int read_field(struct reading *reading, const char *field)
{
        const char *value = strchr(field, '=');
        size_t len = value ? (size_t)(value - field) : 0;
        _cleanup_free_ char *key = strndup(field, len);

        if (!key)
                return error_set_oom(reading->err);
        if (len == 0 || !*++value)
                return bad(reading, "there is no value for ", field);
        if (strcmp(key, "type") == 0)
                reading->type = value;
        else if (strcmp(key, "ref") == 0)
                reading->cache.place = value, reading->cache.type = BUILD_CACHE_REGISTRY;
        else if (strcmp(key, reading->to ? "dest" : "src") == 0)
                reading->cache.place = value, reading->cache.type = BUILD_CACHE_LOCAL;
        else if (strcmp(key, "tag") == 0)
                reading->cache.tag = value;
        else if (strcmp(key, "digest") == 0 && !reading->to)
                return read_digest(reading, value);
        else if (strcmp(key, "mode") == 0 && reading->to)
                return read_mode(reading, value);
        else if (strcmp(field, "ignore-error=true") == 0 && reading->to)
                reading->cache.ignore_error = true;
        else
                return read_fixed(reading, field);
        return 0;
}

static int settle_inline(struct reading *reading)
{
        if (!reading->to) {
                bad(reading, "a cache in an image is found by the image", "");
                return error_hint(reading->err, "Write --cache-from type=registry,ref=IMAGE.");
        }
        if (reading->cache.place || reading->cache.tag || reading->cache.all_stages)
                return bad(reading, "type=inline has no dest, ref, tag or mode=max", "");
        reading->cache.type = BUILD_CACHE_INLINE;
        return 0;
}

static int settle(struct reading *reading)
{
        struct build_cache *cache = &reading->cache;
        _cleanup_free_ char *name = NULL;
        const char *wanted;
        bool local;

        if (reading->type && strcmp(reading->type, "inline") == 0)
                return settle_inline(reading);
        local = reading->type && strcmp(reading->type, "local") == 0;
        if (!local && reading->type && strcmp(reading->type, "registry") != 0) {
                bad(reading, "there is no type=", reading->type);
                return error_hint(reading->err, "It is local, registry or inline.");
        }
        wanted = !local ? "ref" : reading->to ? "dest" : "src";
        if (!cache->place || cache->type != (local ? BUILD_CACHE_LOCAL : BUILD_CACHE_REGISTRY))
                return bad(reading, "it needs a ", wanted);
        if (!local && (cache->tag || cache->digest))
                return bad(reading, "tag and digest are part of the ref", "");
        if (cache->tag && !reference_tag_is_valid(cache->tag))
                return bad(reading, "this is no tag: ", cache->tag);
        if (local || reference_parse_name(cache->place, &name, reading->err) == 0)
                return 0;
        return error_wrap(reading->err, "%s %s", reading->flag, reading->text);
}

/* "KEY=VALUE,...", which becomes words of the list. */
static int read_option(struct reading *reading)
{
        const char *at = reading->text;
        int r = 0;

        if (!strchr(at, '=')) {
                reading->cache.type = BUILD_CACHE_REGISTRY;
                reading->cache.place = at;
                return settle(reading);
        }
        while (r == 0) {
                size_t len = strcspn(at, ",");
                struct strv *words = &reading->list->words;

                if (strv_take(words, strndup(at, len)) < 0)
                        return error_set_oom(reading->err);
                r = read_field(reading, words->items[words->count - 1]);
                if (!at[len])
                        break;
                at += len + 1;
        }
        return r < 0 ? r : settle(reading);
}

int cache_flags_parse(const struct strv *written, bool to, struct cache_list *ret,
                      struct error *err)
{
        int r = 0;

        ret->items = calloc(written->count + 1, sizeof(*ret->items));
        if (!ret->items)
                return error_set_oom(err);
        for (; ret->count < written->count && r == 0; ret->count++) {
                struct reading reading = { .flag = to ? "--cache-to" : "--cache-from",
                                           .text = written->items[ret->count],
                                           .to = to,
                                           .list = ret,
                                           .err = err };

                r = read_option(&reading);
                ret->items[ret->count] = reading.cache;
        }
        return r;
}
