/*
 * Manifests and indexes: no document is both, and what is accepted is written, read back, and then
 * written as the same bytes.
 */
#include "oci/index.h"
#include "oci/manifest.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_manifest(struct manifest *manifest)
{
        struct buf first = BUF_INIT, second = BUF_INIT;
        struct error err = ERROR_INIT;
        struct manifest again;

        if (manifest_write(manifest, &first, &err) < 0 ||
            manifest_parse(first.data, first.len, manifest->media_type, &again, &err) < 0 ||
            manifest_write(&again, &second, &err) < 0)
                abort();
        if (strcmp(buf_str(&first), buf_str(&second)) != 0)
                abort();
        buf_done(&first);
        buf_done(&second);
        manifest_done(&again);
}

static void check_index(struct image_index *index)
{
        struct buf first = BUF_INIT, second = BUF_INIT;
        struct error err = ERROR_INIT;
        struct image_index again;

        if (image_index_write(index, &first, &err) < 0 ||
            image_index_parse(first.data, first.len, index->media_type, &again, &err) < 0 ||
            image_index_write(&again, &second, &err) < 0)
                abort();
        if (strcmp(buf_str(&first), buf_str(&second)) != 0)
                abort();
        buf_done(&first);
        buf_done(&second);
        image_index_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct error err = ERROR_INIT, index_err = ERROR_INIT;
        struct image_index index;
        struct manifest manifest;
        bool is_manifest, is_index;

        is_manifest = manifest_parse(data, size, NULL, &manifest, &err) == 0;
        is_index = image_index_parse(data, size, NULL, &index, &index_err) == 0;
        if ((is_manifest && is_index) || error_is_set(&err) == is_manifest ||
            error_is_set(&index_err) == is_index)
                abort();
        if (is_manifest) {
                check_manifest(&manifest);
                manifest_done(&manifest);
        }
        if (is_index) {
                check_index(&index);
                image_index_done(&index);
        }
        return 0;
}
