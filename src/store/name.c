/*
 * What names mean, and which an image gets.
 */
#include "store/images.h"

#include "base/cleanup.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

int store_set_search(struct store *store, const struct strv *hosts, struct error *err)
{
        return strv_extend(&store->search, hosts) < 0 ? error_set_oom(err) : 0;
}

const struct strv *store_search(const struct store *store)
{
        return &store->search;
}

static bool is_listed(const struct image_index *list, const char *name)
{
        for (size_t i = 0; i < list->manifests.count; i++) {
                const char *other = store_image_name(&list->manifests.items[i]);

                if (other && strcmp(other, name) == 0)
                        return true;
        }
        return false;
}

int store_name_read(struct store *store, const char *text, struct reference *ret, struct error *err)
{
        struct image_index list = IMAGE_INDEX_INIT;
        struct strv names = STRV_INIT;
        size_t at = 0;
        int r = reference_candidates(text, &store->search, &names, err);

        if (r == 0)
                r = store_images_read(store, &list, err);
        if (r == 0) {
                while (at < names.count && !is_listed(&list, names.items[at]))
                        at++;
                r = reference_parse(names.items[at < names.count ? at : 0], ret, err);
                image_index_done(&list);
        }
        strv_done(&names);
        return r;
}

int store_name_new(const struct store *store, const char *text, char **ret, struct error *err)
{
        _cleanup_free_ char *checked = NULL;
        struct strv names = STRV_INIT;
        int r = reference_parse_name(text, &checked, err);

        if (r == 0)
                r = reference_candidates(text, &store->search, &names, err);
        if (r == 0) {
                *ret = strdup(names.items[0]);
                r = *ret ? 0 : error_set_oom(err);
        }
        strv_done(&names);
        return r;
}

char *store_name_show(const struct store *store, const struct reference *reference)
{
        return store->search.count > 0 ? reference_format(reference)
                                       : reference_format_familiar(reference);
}
