#include "fresh.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

static void expect_read(struct fresh *fresh, const char *text, const char *whole)
{
        struct reference reference = REFERENCE_INIT;
        _cleanup_free_ char *name = NULL;

        cr_assert_eq(store_name_read(fresh->store, text, &reference, &fresh->err), 0, "%s",
                     fresh->err.message);
        name = reference_format(&reference);
        cr_assert_str_eq(name, whole);
        reference_done(&reference);
}

static void expect_new(struct fresh *fresh, const char *text, const char *whole)
{
        _cleanup_free_ char *name = NULL;

        cr_assert_eq(store_name_new(fresh->store, text, &name, &fresh->err), 0, "%s",
                     fresh->err.message);
        cr_assert_str_eq(name, whole);
}

static void expect_shown(struct fresh *fresh, const char *whole, const char *shown)
{
        struct reference reference = REFERENCE_INIT;
        _cleanup_free_ char *name = NULL;

        cr_assert_eq(reference_parse(whole, &reference, &fresh->err), 0);
        name = store_name_show(fresh->store, &reference);
        cr_assert_str_eq(name, shown);
        reference_done(&reference);
}

static void search(struct fresh *fresh, const char *host)
{
        struct strv hosts = STRV_INIT;

        cr_assert_eq(strv_add(&hosts, host), 0);
        cr_assert_eq(store_set_search(fresh->store, &hosts, &fresh->err), 0);
        strv_done(&hosts);
}

Test(name, without_a_host_is_docker_hubs_unless_others_are_searched)
{
        struct fresh fresh;

        fresh_begin(&fresh);
        expect_read(&fresh, "a:1", "docker.io/library/a:1");
        expect_new(&fresh, "a:1", "docker.io/library/a:1");
        expect_shown(&fresh, "docker.io/library/a:1", "a:1");
        search(&fresh, "h:1");
        expect_read(&fresh, "a:1", "h:1/a:1");
        expect_new(&fresh, "a:1", "h:1/a:1");
        expect_shown(&fresh, "docker.io/library/a:1", "docker.io/library/a:1");
        expect_shown(&fresh, "h:1/a:1", "h:1/a:1");
        fresh_end(&fresh);
}

Test(name, means_the_first_image_that_the_store_has_and_a_new_one_gets_the_first_host)
{
        struct stored_image found;
        struct descriptor image;
        struct fresh fresh;

        fresh_begin(&fresh);
        search(&fresh, "first.example");
        search(&fresh, "second.example");
        image = fresh_image(&fresh, "a");
        cr_assert_eq(store_images_put(fresh.store, "second.example/a:1", &image, &fresh.err), 0);
        expect_read(&fresh, "a:1", "second.example/a:1");
        expect_new(&fresh, "a:1", "first.example/a:1");
        cr_assert_eq(store_image_find(fresh.store, "a:1", NULL, &found, &fresh.err), 0, "%s",
                     fresh.err.message);
        stored_image_done(&found);
        cr_assert_eq(store_image_find(fresh.store, "a:2", NULL, &found, &fresh.err), -ENOENT);
        cr_assert_eq(store_images_put(fresh.store, "first.example/a:1", &image, &fresh.err), 0);
        expect_read(&fresh, "a:1", "first.example/a:1");
        descriptor_done(&image);
        fresh_end(&fresh);
}

Test(name, that_is_none_is_refused_as_it_was_written)
{
        struct fresh fresh;
        char *name = NULL;

        fresh_begin(&fresh);
        search(&fresh, "h:1");
        cr_assert_eq(store_name_new(fresh.store, "sha256:1", &name, &fresh.err), -EINVAL);
        fresh.err = ERROR_INIT;
        cr_assert_eq(store_name_new(fresh.store, "A", &name, &fresh.err), -EINVAL);
        cr_assert_null(name);
        fresh_end(&fresh);
}
