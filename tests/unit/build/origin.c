#include "origin.h"

#include "../store/fresh.h"

#include <stdlib.h>

/* Notes that a repository has layers of these bytes. */
static void note(struct fresh *fresh, const char *repository, const char *first, const char *second)
{
        const char *const layers[] = { first, second };
        struct manifest manifest = MANIFEST_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(layers) && layers[i]; i++) {
                struct descriptor *layer = descriptors_add(&manifest.layers);

                cr_assert_not_null(layer);
                layer->digest = fresh_digest(layers[i]);
        }
        cr_assert_eq(origin_note(fresh->store, repository, &manifest, &fresh->err), 0, "%s",
                     fresh->err.message);
        manifest_done(&manifest);
}

static int compare_texts(const void *left, const void *right)
{
        return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The repositories that have a layer of these bytes, in order, each followed by a blank. */
static void assert_found(struct fresh *fresh, const char *layer, const char *expected)
{
        struct digest digest = fresh_digest(layer);
        struct strv found = STRV_INIT;
        char text[500] = "";

        cr_assert_eq(origin_find(fresh->store, &digest, &found, &fresh->err), 0);
        if (found.count > 0)
                qsort(found.items, found.count, sizeof(*found.items), compare_texts);
        for (size_t i = 0; i < found.count; i++) {
                strncat(text, found.items[i], sizeof(text) - strlen(text) - 1);
                strncat(text, " ", sizeof(text) - strlen(text) - 1);
        }
        cr_assert_str_eq(text, expected);
        strv_done(&found);
}

Test(origin, is_unknown_of_what_was_never_noted)
{
        struct fresh fresh;

        fresh_begin(&fresh);
        assert_found(&fresh, "one", "");
        note(&fresh, "r.example/app", "one", NULL);
        assert_found(&fresh, "two", "");
        fresh_end(&fresh);
}

Test(origin, may_be_several_repositories)
{
        struct fresh fresh;

        fresh_begin(&fresh);
        note(&fresh, "r.example/app", "one", "two");
        note(&fresh, "[::1]:5000/team/app", "two", "three");
        assert_found(&fresh, "one", "r.example/app ");
        assert_found(&fresh, "two", "[::1]:5000/team/app r.example/app ");
        assert_found(&fresh, "three", "[::1]:5000/team/app ");
        fresh_end(&fresh);
}

Test(origin, has_what_its_images_have_together)
{
        struct fresh fresh;

        fresh_begin(&fresh);
        note(&fresh, "r.example/app", "one", "two");
        note(&fresh, "r.example/app", "one", "three");
        note(&fresh, "r.example/app", "one", "three");
        assert_found(&fresh, "one", "r.example/app ");
        assert_found(&fresh, "two", "r.example/app ");
        assert_found(&fresh, "three", "r.example/app ");
        fresh_end(&fresh);
}

Test(origin, is_known_of_every_layer_of_many)
{
        struct manifest manifest = MANIFEST_INIT;
        struct fresh fresh;
        char text[20];

        fresh_begin(&fresh);
        for (size_t i = 0; i < 1000; i++) {
                struct descriptor *layer = descriptors_add(&manifest.layers);

                snprintf(text, sizeof(text), "layer %zu", i);
                cr_assert_not_null(layer);
                layer->digest = fresh_digest(text);
        }
        cr_assert_eq(origin_note(fresh.store, "r.example/app", &manifest, &fresh.err), 0);
        manifest_done(&manifest);
        note(&fresh, "r.example/other", "one", NULL);
        assert_found(&fresh, "layer 0", "r.example/app ");
        assert_found(&fresh, "layer 999", "r.example/app ");
        assert_found(&fresh, "one", "r.example/other ");
        fresh_end(&fresh);
}

Test(origin, is_known_to_the_next_process)
{
        struct fresh fresh;

        fresh_begin(&fresh);
        note(&fresh, "r.example/app", "one", NULL);
        fresh_reopen(&fresh);
        assert_found(&fresh, "one", "r.example/app ");
        fresh_end(&fresh);
}

Test(origin, is_no_record_of_another_kind_that_names_the_blob)
{
        struct digest blob = fresh_digest("one"), group = fresh_digest("group");
        char digest[DIGEST_TEXT_MAX], text[DIGEST_TEXT_MAX + 20];
        struct fresh fresh;

        fresh_begin(&fresh);
        digest_format(&blob, digest);
        snprintf(text, sizeof(text), "step\nblob %s\n", digest);
        cr_assert_eq(store_record_put(fresh.store, &group, &blob, text, strlen(text), &fresh.err),
                     0);
        assert_found(&fresh, "one", "");
        fresh_end(&fresh);
}
