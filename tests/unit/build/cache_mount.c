#include "cache_mount.h"

#include "../store/fresh.h"

#include <errno.h>

static const struct tree_new_inode file = { .mode = S_IFREG | 0644,
                                            .owner = { .uid = 7, .gid = 8 } };

static void open_cache(struct fresh *fresh, const char *id, enum mount_sharing sharing,
                       struct cache_mount *ret)
{
        *ret = CACHE_MOUNT_INIT;
        cr_assert_eq(cache_mount_open(fresh->store, id, NULL, sharing, ret, &fresh->err), 0, "%s",
                     fresh->err.message);
}

static void make(struct cache_mount *cache, const char *name)
{
        struct tree_attr root, attr;

        cr_assert_eq(tree_resolve(cache->tree, "/", true, &root), 0);
        cr_assert_eq(tree_create(cache->tree, root.ino, name, &file, &attr), 0);
}

static void keep(struct fresh *fresh, struct cache_mount *cache)
{
        cr_assert_eq(cache_mount_commit(cache, &fresh->err), 0, "%s", fresh->err.message);
        cache_mount_done(cache);
}

/* Whether the cache has the file, with its owner. */
static bool has(struct fresh *fresh, const char *id, const char *path)
{
        struct cache_mount cache;
        struct tree_attr attr;
        bool found;

        open_cache(fresh, id, MOUNT_SHARED, &cache);
        found = tree_resolve(cache.tree, path, false, &attr) == 0 && attr.uid == 7 && attr.gid == 8;
        cache_mount_done(&cache);
        return found;
}

Test(cache_mount, keeps_what_was_changed_with_its_owner)
{
        struct cache_mount cache;
        struct fresh fresh;

        fresh_begin(&fresh);
        open_cache(&fresh, "a", MOUNT_SHARED, &cache);
        make(&cache, "f");
        keep(&fresh, &cache);
        cr_assert(has(&fresh, "a", "/f"));
        cr_assert(!has(&fresh, "b", "/f"));
        fresh_end(&fresh);
}

Test(cache_mount, forgets_what_was_not_committed)
{
        struct cache_mount cache;
        struct fresh fresh;

        fresh_begin(&fresh);
        open_cache(&fresh, "a", MOUNT_SHARED, &cache);
        make(&cache, "f");
        cache_mount_done(&cache);
        cr_assert(!has(&fresh, "a", "/f"));
        fresh_end(&fresh);
}

Test(cache_mount, two_that_share_it_keep_the_changes_of_both)
{
        struct cache_mount one, two;
        struct fresh fresh;

        fresh_begin(&fresh);
        open_cache(&fresh, "a", MOUNT_SHARED, &one);
        open_cache(&fresh, "a", MOUNT_SHARED, &two);
        make(&one, "f");
        make(&two, "g");
        keep(&fresh, &one);
        keep(&fresh, &two);
        cr_assert(has(&fresh, "a", "/f") && has(&fresh, "a", "/g"));
        fresh_end(&fresh);
}

Test(cache_mount, a_private_one_is_not_seen_by_another_that_is_there_meanwhile)
{
        struct cache_mount one, two;
        struct tree_attr attr;
        struct fresh fresh;

        fresh_begin(&fresh);
        open_cache(&fresh, "a", MOUNT_PRIVATE, &one);
        make(&one, "f");
        open_cache(&fresh, "a", MOUNT_PRIVATE, &two);
        make(&two, "g");
        keep(&fresh, &one);
        keep(&fresh, &two);
        open_cache(&fresh, "a", MOUNT_PRIVATE, &one);
        cr_assert_eq(tree_resolve(one.tree, "/f", false, &attr), 0);
        cr_assert_eq(tree_resolve(one.tree, "/g", false, &attr), -ENOENT);
        cache_mount_done(&one);
        fresh_end(&fresh);
}
