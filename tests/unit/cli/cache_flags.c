#include "cache_flags.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static int parse(const char *text, bool to, struct cache_list *ret, struct error *err)
{
        char *items[] = { (char *)(uintptr_t)text };
        const struct strv written = { .items = items, .count = 1 };

        *ret = (struct cache_list){ .count = 0 };
        return cache_flags_parse(&written, to, ret, err);
}

Test(cache_flags, say_where_a_cache_is)
{
        struct error err = ERROR_INIT;
        struct cache_list list;

        cr_assert_eq(
                parse("type=local,dest=/a,tag=b,mode=max,ignore-error=true", true, &list, &err), 0,
                "%s", err.message);
        cr_assert_eq(list.items[0].type, BUILD_CACHE_LOCAL);
        cr_assert_str_eq(list.items[0].place, "/a");
        cr_assert_str_eq(list.items[0].tag, "b");
        cr_assert(list.items[0].all_stages);
        cr_assert(list.items[0].ignore_error);
        cache_list_done(&list);

        cr_assert_eq(
                parse("ref=host/a:1,mode=min,type=registry,image-manifest=true", true, &list, &err),
                0, "%s", err.message);
        cr_assert_eq(list.items[0].type, BUILD_CACHE_REGISTRY);
        cr_assert_str_eq(list.items[0].place, "host/a:1");
        cr_assert_not(list.items[0].all_stages);
        cache_list_done(&list);

        cr_assert_eq(parse("type=inline,mode=min", true, &list, &err), 0);
        cr_assert_eq(list.items[0].type, BUILD_CACHE_INLINE);
        cache_list_done(&list);
}

Test(cache_flags, of_a_reference_alone_are_of_a_registry)
{
        struct error err = ERROR_INIT;
        struct cache_list list;

        cr_assert_eq(parse("host:5000/a:1", false, &list, &err), 0);
        cr_assert_eq(list.items[0].type, BUILD_CACHE_REGISTRY);
        cr_assert_str_eq(list.items[0].place, "host:5000/a:1");
        cache_list_done(&list);
}

Test(cache_flags, that_cannot_be_honoured_are_refused_by_name)
{
        static const struct {
                const char *text;
                const char *says;
                bool to;
        } bad[] = {
                { "type=gha", "there is no type=gha", true },
                { "type=local", "it needs a dest", true },
                { "type=local", "it needs a src", false },
                { "type=local,dest=", "there is no value for dest=", true },
                { "type=local,dest=a", "dest=a", false },
                { "type=local,dest=a,tag=,", "tag=", true },
                { "type=local,dest=a,tag=..", "this is no tag", true },
                { "type=local,ref=a", "it needs a dest", true },
                { "type=registry,dest=a", "it needs a ref", true },
                { "type=registry,ref=A", "repository", true },
                { "type=registry,ref=a,tag=b", "part of the ref", true },
                { "type=registry,ref=a,mode=all", "not all", true },
                { "type=registry,ref=a,mode=max", "mode=max", false },
                { "type=registry,ref=a,compression=zstd", "compression=zstd", true },
                { "type=registry,ref=a,image-manifest=false", "image-manifest=false", true },
                { "type=registry,ref=a,colour=red", "colour=red", true },
                { "type=local,src=a,digest=sha256:1", "sha256:1", false },
                { "type=inline,mode=max", "mode=max", true },
                { "type=inline", "found by the image", false },
                { "", "", true },
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                struct error err = ERROR_INIT;
                struct cache_list list;

                cr_assert_eq(parse(bad[i].text, bad[i].to, &list, &err), -EINVAL, "%s",
                             bad[i].text);
                cr_assert(strstr(err.message, bad[i].says), "%s: %s", bad[i].text, err.message);
                cr_assert(strstr(err.message, bad[i].to ? "--cache-to" : "--cache-from"), "%s",
                          err.message);
                cache_list_done(&list);
        }
}
