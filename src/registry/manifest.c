/*
 * Manifests of a repository (distribution-spec, "Pulling manifests", "Pushing Manifests", "Deleting
 * Tags", "Deleting Manifests").
 */
#include "repository.h"

#include "base/cleanup.h"
#include "oci/index.h"
#include "oci/manifest.h"
#include "oci/media_type.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char accept_manifests[] = "Accept: " MEDIA_TYPE_OCI_INDEX ", " MEDIA_TYPE_OCI_MANIFEST
                                       ", " MEDIA_TYPE_DOCKER_LIST ", " MEDIA_TYPE_DOCKER_MANIFEST;

void registry_manifest_done(struct registry_manifest *manifest)
{
        buf_done(&manifest->bytes);
        free(manifest->media_type);
        *manifest = REGISTRY_MANIFEST_INIT;
}

/* "/v2/PATH/manifests/REFERENCE" */
static char *manifest_path(const struct location *location, const struct reference *reference)
{
        char digest[DIGEST_TEXT_MAX], *path;

        digest_format(&reference->digest, digest);
        return asprintf(&path, "/v2/%s/manifests/%s", location->path,
                        reference->has_digest ? digest : reference->tag) < 0
                       ? NULL
                       : path;
}

/* ---- getting ---- */

static int ask_manifest(struct registry *registry, const struct location *location,
                        const struct reference *reference, const char *method,
                        struct http_response *response, struct error *err)
{
        _cleanup_free_ char *path = manifest_path(location, reference);
        _cleanup_free_ char *what = reference_format_familiar(reference);
        struct strv headers = STRV_INIT;
        struct call call = {
                .endpoint = location->endpoint,
                .scope = { .path = location->path },
                .method = method,
                .path = path,
                .headers = &headers,
        };
        int r;

        if (!path || !what || strv_add(&headers, accept_manifests) < 0)
                r = error_set_oom(err);
        else
                r = call_perform(registry, &call, what, response, err);
        if (r == -ENOENT)
                error_hint(err, "`varve tags` lists the tags of a repository.");
        strv_done(&headers);
        return r;
}

/* What a Docker-Content-Digest says has to be true, too. */
static int check_digest(const struct reference *reference, const struct http_response *response,
                        const struct digest *found, struct error *err)
{
        const char *said = http_response_header(response, "docker-content-digest");
        struct digest promised = *found;
        struct error ignored = ERROR_INIT;
        char text[DIGEST_TEXT_MAX];

        if (reference && reference->has_digest)
                promised = reference->digest;
        else if (said && digest_parse(said, &promised, &ignored) < 0)
                promised = *found; /* of an algorithm that is not ours */
        if (digest_equal(&promised, found))
                return 0;
        digest_format(&promised, text);
        return error_set(err, -EBADMSG, "the manifest is not the one of digest %s", text);
}

/* Media types and fields have to agree. */
static int check_type(struct registry_manifest *manifest, struct error *err)
{
        const struct buf *bytes = &manifest->bytes;
        struct image_index index = IMAGE_INDEX_INIT;
        struct manifest parsed = MANIFEST_INIT;
        int r = -EBADMSG;

        switch (media_type_kind(manifest->media_type)) {
        case MEDIA_INDEX:
                r = image_index_parse(bytes->data, bytes->len, manifest->media_type, &index, err);
                if (r == 0)
                        image_index_done(&index);
                return r;
        case MEDIA_MANIFEST:
                r = manifest_parse(bytes->data, bytes->len, manifest->media_type, &parsed, err);
                if (r == 0)
                        manifest_done(&parsed);
                return r;
        case MEDIA_OTHER:
        case MEDIA_CONFIG:
        case MEDIA_LAYER:
                break;
        }
        error_set(err, r, "%.100s is no type of an image", manifest->media_type);
        if (strstr(manifest->media_type, "manifest.v1"))
                error_hint(err, "It is of Docker before 1.10 (schema 1); push it anew with a "
                                "newer one.");
        return r;
}

static int take_manifest(const struct reference *reference, struct http_response *response,
                         struct registry_manifest *manifest, struct error *err)
{
        const char *type = http_response_header(response, "content-type");
        int r;

        if (response->body.len > MANIFEST_BYTES_MAX)
                return error_set(err, -EFBIG, "the manifest has more than %d bytes",
                                 MANIFEST_BYTES_MAX);
        manifest->bytes = response->body;
        response->body = BUF_INIT;
        if (!type)
                return error_set(err, -EBADMSG, "it does not say of what type the manifest is");
        manifest->media_type = strndup(type, strcspn(type, "; \t"));
        if (!manifest->media_type)
                return error_set_oom(err);
        r = digest_of(buf_str(&manifest->bytes), manifest->bytes.len, &manifest->digest, err);
        if (r == 0)
                r = check_digest(reference, response, &manifest->digest, err);
        return r < 0 ? r : check_type(manifest, err);
}

static int get_from(struct registry *registry, const struct location *location,
                    const struct reference *reference, struct registry_manifest *ret,
                    struct error *err)
{
        struct registry_manifest manifest = REGISTRY_MANIFEST_INIT;
        struct http_response response = HTTP_RESPONSE_INIT;
        int r = ask_manifest(registry, location, reference, "GET", &response, err);

        if (r == 0) {
                r = take_manifest(reference, &response, &manifest, err);
                if (r < 0)
                        error_wrap(err, "%s", location->endpoint->host);
        }
        http_response_done(&response);
        if (r < 0)
                registry_manifest_done(&manifest);
        else
                *ret = manifest;
        return r;
}

int registry_get_manifest(struct registry *registry, const struct reference *reference,
                          struct registry_manifest *ret, struct error *err)
{
        struct locations locations;
        int r = locations_of(registry, reference, &locations, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < locations.count; i++) {
                struct error failed = ERROR_INIT;

                r = get_from(registry, &locations.items[i], reference, ret, &failed);
                if (r == 0 || !locations_go_on(registry, &locations, i, r, &failed, err))
                        break;
        }
        locations_done(&locations);
        return r;
}

static int find_digest_at(struct registry *registry, const struct location *location,
                          const struct reference *reference, struct digest *ret, struct error *err)
{
        struct registry_manifest manifest = REGISTRY_MANIFEST_INIT;
        struct http_response response = HTTP_RESPONSE_INIT;
        struct error ignored = ERROR_INIT;
        const char *said = NULL;
        int r = ask_manifest(registry, location, reference, "HEAD", &response, err);

        if (r == 0)
                said = http_response_header(&response, "docker-content-digest");
        if (r == 0 && (!said || digest_parse(said, ret, &ignored) < 0)) {
                r = get_from(registry, location, reference, &manifest, err);
                *ret = manifest.digest;
                registry_manifest_done(&manifest);
        }
        http_response_done(&response);
        return r;
}

int registry_find_digest(struct registry *registry, const struct reference *reference,
                         struct digest *ret, struct error *err)
{
        struct locations locations;
        int r;

        if (reference->has_digest) {
                *ret = reference->digest;
                return 0;
        }
        r = locations_of(registry, reference, &locations, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < locations.count; i++) {
                struct error failed = ERROR_INIT;

                r = find_digest_at(registry, &locations.items[i], reference, ret, &failed);
                if (r == 0 || !locations_go_on(registry, &locations, i, r, &failed, err))
                        break;
        }
        locations_done(&locations);
        return r;
}

/* ---- putting and deleting ---- */

/* The registry itself: nothing is written to a mirror. `location->path` is borrowed. */
static int own_location(struct registry *registry, const struct reference *reference,
                        struct location *ret, struct error *err)
{
        ret->path = reference->path;
        return endpoint_get(registry, reference->host, &ret->endpoint, err);
}

int registry_put_manifest(struct registry *registry, const struct reference *reference,
                          const char *media_type, const void *data, size_t len, struct error *err)
{
        _cleanup_free_ char *path = NULL, *what = reference_format_familiar(reference);
        struct http_response response = HTTP_RESPONSE_INIT;
        struct strv headers = STRV_INIT;
        struct location location;
        struct call call = {
                .scope = { .path = reference->path, .push = true },
                .method = "PUT",
                .headers = &headers,
                .has_body = true,
                .data = data,
                .size = len,
                .patient = true,
        };
        struct digest digest;
        int r = own_location(registry, reference, &location, err);

        if (r < 0)
                return r;
        call.endpoint = location.endpoint;
        call.path = path = manifest_path(&location, reference);
        if (!path || !what || strv_addf(&headers, "Content-Type: %s", media_type) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = digest_of(data, len, &digest, err);
        if (r == 0)
                r = call_perform(registry, &call, what, &response, err);
        if (r == 0)
                r = check_digest(NULL, &response, &digest, err);
        http_response_done(&response);
        strv_done(&headers);
        return r;
}

static int delete_at(struct registry *registry, const struct location *location,
                     const struct reference *reference, long *ret_status, struct error *err)
{
        _cleanup_free_ char *path = manifest_path(location, reference);
        _cleanup_free_ char *what = reference_format_familiar(reference);
        struct http_response response = HTTP_RESPONSE_INIT;
        struct call call = {
                .endpoint = location->endpoint,
                .scope = { .path = location->path, .push = true, .remove = true },
                .method = "DELETE",
                .path = path,
        };
        int r = path && what ? call_perform(registry, &call, what, &response, err)
                             : error_set_oom(err);

        *ret_status = response.status;
        http_response_done(&response);
        return r;
}

/* To delete the manifest instead would take all its other tags along. */
static int refuse_tag(struct registry *registry, const struct location *location,
                      const struct reference *reference, struct error *err)
{
        _cleanup_free_ char *tag = reference_format_familiar(reference), *name = NULL;
        struct reference pinned = *reference;
        struct error ignored = ERROR_INIT;

        pinned.tag = NULL;
        pinned.has_digest = true;
        if (find_digest_at(registry, location, reference, &pinned.digest, &ignored) == 0)
                name = reference_format_familiar(&pinned);
        *err = ERROR_INIT;
        error_set(err, -EOPNOTSUPP,
                  "%s: the registry deletes manifests only, which other tags may name, too",
                  tag ? tag : reference->tag);
        return name ? error_hint(err,
                                 "To delete the manifest and all its tags: "
                                 "`varve tags --delete %s`",
                                 name)
                    : err->code;
}

int registry_delete_manifest(struct registry *registry, const struct reference *reference,
                             struct error *err)
{
        struct location location;
        long status = 0;
        int r = own_location(registry, reference, &location, err);

        if (r == 0)
                r = delete_at(registry, &location, reference, &status, err);
        if (r == -EIO && !reference->has_digest && (status == 400 || status == 405))
                return refuse_tag(registry, &location, reference, err);
        if (status == 405)
                error_hint(err, "The registry's administrator has to allow deletion.");
        return r;
}
