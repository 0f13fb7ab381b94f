/*
 * Lists that registries give page by page: tags and referrers (distribution-spec, "Content
 * Discovery").
 */
#include "repository.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAGS_MAX  1000000u
#define PAGES_MAX 10000u

/* What a Link leads to has to be a path of the same registry: what stands before it is dropped. */
static int take_link(const struct http_response *response, char **ret, struct error *err)
{
        const char *text = http_response_header(response, "link"), *path;
        _cleanup_free_ char *link = NULL;

        *ret = NULL;
        if (text && wire_read_next_link(text, &link) < 0)
                return error_set_oom(err);
        if (!link)
                return 0;
        path = strstr(link, "/v2/");
        if (!path)
                return error_set(err, -EBADMSG, "the list goes on at a place that is none");
        *ret = strdup(path);
        return *ret ? 0 : error_set_oom(err);
}

static int get_page(struct registry *registry, struct endpoint *endpoint, const char *repository,
                    const char *path, const char *what, char **ret_next, json_t **ret,
                    struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        struct call call = {
                .endpoint = endpoint,
                .scope = { .path = repository },
                .method = "GET",
                .path = path,
        };
        int r = call_perform(registry, &call, what, &response, err);

        *ret_next = NULL;
        if (r == 0)
                r = json_parse_object(response.body.data, response.body.len, what, ret, err);
        if (r == 0)
                r = take_link(&response, ret_next, err);
        http_response_done(&response);
        return r;
}

int registry_list_tags(struct registry *registry, const struct reference *repository,
                       struct strv *ret, struct error *err)
{
        _cleanup_free_ char *path = NULL, *what = reference_format_repository(repository);
        struct endpoint *endpoint;
        size_t checked = ret->count;
        int r = endpoint_get(registry, repository->host, &endpoint, err);

        if (r == 0 && (!what || asprintf(&path, "/v2/%s/tags/list", repository->path) < 0)) {
                path = NULL;
                r = error_set_oom(err);
        }
        for (unsigned pages = 0; r == 0 && path; pages++) {
                _cleanup_json_ json_t *page = NULL;
                char *next;

                r = get_page(registry, endpoint, repository->path, path, what, &next, &page, err);
                if (r == 0)
                        r = json_get_strv(page, "tags", ret, err);
                for (; r == 0 && checked < ret->count; checked++)
                        if (!reference_tag_is_valid(ret->items[checked]))
                                r = error_set(err, -EBADMSG, "%s has a tag that cannot be one",
                                              what);
                if (r == 0 && (ret->count > TAGS_MAX || pages > PAGES_MAX))
                        r = error_set(err, -EFBIG, "%s has more than %u tags", what, TAGS_MAX);
                free(path);
                path = next;
        }
        return r;
}

/* ---- referrers ---- */

/* distribution-spec, "Referrers Tag Schema". */
static int get_fallback(struct registry *registry, const struct reference *repository,
                        const struct digest *subject, json_t **ret, struct error *err)
{
        char hex[DIGEST_HEX_MAX], tag[DIGEST_HEX_MAX + 8];
        struct reference reference = { .host = repository->host,
                                       .path = repository->path,
                                       .tag = tag };
        struct registry_manifest manifest;
        int r;

        digest_format_hex(subject, hex);
        snprintf(tag, sizeof(tag), "sha256-%s", hex);
        r = registry_get_manifest(registry, &reference, &manifest, err);
        if (r == -ENOENT) {
                *err = ERROR_INIT;
                return 0;
        }
        if (r < 0)
                return r;
        r = json_parse_object(manifest.bytes.data, manifest.bytes.len, "the list of referrers", ret,
                              err);
        registry_manifest_done(&manifest);
        return r;
}

static int take_referrers(const json_t *page, struct descriptors *ret, struct error *err)
{
        json_t *list = NULL, *item;
        size_t i;
        int r = json_get_array(page, "manifests", &list, err);

        json_array_foreach(list, i, item)
        {
                struct descriptor *descriptor = r < 0 ? NULL : descriptors_add(ret);

                if (r == 0)
                        r = descriptor ? descriptor_read(item, descriptor, err)
                                       : error_set_oom(err);
        }
        return r;
}

int registry_list_referrers(struct registry *registry, const struct reference *repository,
                            const struct digest *subject, struct descriptors *ret,
                            struct error *err)
{
        _cleanup_free_ char *path = NULL;
        char digest[DIGEST_TEXT_MAX];
        struct endpoint *endpoint;
        int r = endpoint_get(registry, repository->host, &endpoint, err);

        digest_format(subject, digest);
        if (r == 0 && asprintf(&path, "/v2/%s/referrers/%s", repository->path, digest) < 0) {
                path = NULL;
                r = error_set_oom(err);
        }
        for (unsigned pages = 0; r == 0 && path; pages++) {
                _cleanup_json_ json_t *page = NULL;
                char *next = NULL;

                r = get_page(registry, endpoint, repository->path, path, digest, &next, &page, err);
                if (r == -ENOENT && pages == 0) {
                        *err = ERROR_INIT;
                        r = get_fallback(registry, repository, subject, &page, err);
                }
                if (r == 0 && page)
                        r = take_referrers(page, ret, err);
                if (r == 0 && pages > PAGES_MAX)
                        r = error_set(err, -EFBIG, "%s has too many referrers", digest);
                free(path);
                path = next;
        }
        return r;
}
