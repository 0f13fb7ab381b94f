#include "oci/index.h"

#include "base/cleanup.h"
#include "document.h"
#include "oci/json.h"
#include "oci/media_type.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *const members_of_others[] = { "config",  "layers",     "fsLayers",
                                                 "history", "signatures", NULL };

static const struct document_kind index_kind = {
        .name = "the image index",
        .kind = MEDIA_INDEX,
        .default_media_type = MEDIA_TYPE_OCI_INDEX,
        .foreign_members = members_of_others,
};

void image_index_done(struct image_index *index)
{
        free(index->media_type);
        free(index->artifact_type);
        descriptors_done(&index->manifests);
        document_free_subject(index->subject);
        strmap_done(&index->annotations);
        *index = IMAGE_INDEX_INIT;
}

int image_index_parse(const void *data, size_t len, const char *media_type, struct image_index *ret,
                      struct error *err)
{
        _cleanup_(image_index_done) struct image_index index = IMAGE_INDEX_INIT;
        _cleanup_(document_done) struct document document = DOCUMENT_INIT;
        int r;

        r = document_parse(data, len, media_type, &index_kind, &document, err);
        if (r < 0)
                return r;
        r = document_read_list(document.object, "manifests", &index.manifests, err);
        if (r < 0)
                return error_wrap(err, "the image index is refused");
        index.media_type = TAKE_PTR(document.media_type);
        index.artifact_type = TAKE_PTR(document.artifact_type);
        index.subject = TAKE_PTR(document.subject);
        index.annotations = document.annotations;
        document.annotations = STRMAP_INIT;
        *ret = index;
        index = IMAGE_INDEX_INIT;
        return 0;
}

int image_index_write(const struct image_index *index, struct buf *ret, struct error *err)
{
        _cleanup_json_ json_t *object = NULL;
        bool docker = media_type_is_docker(index->media_type);
        const struct strmap none = STRMAP_INIT;
        int r;

        r = document_begin(index->media_type, docker ? NULL : index->artifact_type, &object, err);
        if (r < 0)
                return r;
        r = document_write_list(object, "manifests", &index->manifests, err);
        if (r < 0)
                return r;
        return document_end(object, docker ? NULL : index->subject,
                            docker ? &none : &index->annotations, ret, err);
}

static bool is_attestation(const struct descriptor *manifest)
{
        return manifest->platform && manifest->platform->os &&
               strcmp(manifest->platform->os, "unknown") == 0;
}

const struct descriptor *image_index_choose(const struct image_index *index,
                                            const struct platform *wanted)
{
        const struct descriptor *best = NULL, *without = NULL;
        size_t without_count = 0;
        int best_rank = INT_MAX;

        for (size_t i = 0; i < index->manifests.count; i++) {
                const struct descriptor *manifest = &index->manifests.items[i];
                int rank;

                if (is_attestation(manifest))
                        continue;
                if (!manifest->platform) {
                        without = manifest;
                        without_count++;
                        continue;
                }
                rank = platform_rank(wanted, manifest->platform);
                if (rank >= 0 && rank < best_rank) {
                        best = manifest;
                        best_rank = rank;
                }
        }
        if (!best && without_count == 1)
                return without;
        return best;
}
