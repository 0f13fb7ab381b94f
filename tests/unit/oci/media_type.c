#include "oci/media_type.h"

#include <criterion/criterion.h>

Test(media_type, knows_the_kinds_of_both_families)
{
        cr_assert_eq(media_type_kind(MEDIA_TYPE_OCI_INDEX), MEDIA_INDEX);
        cr_assert_eq(media_type_kind(MEDIA_TYPE_DOCKER_LIST), MEDIA_INDEX);
        cr_assert_eq(media_type_kind(MEDIA_TYPE_OCI_MANIFEST), MEDIA_MANIFEST);
        cr_assert_eq(media_type_kind(MEDIA_TYPE_DOCKER_MANIFEST), MEDIA_MANIFEST);
        cr_assert_eq(media_type_kind(MEDIA_TYPE_DOCKER_LAYER ".gzip"), MEDIA_LAYER);
        cr_assert_eq(media_type_kind(MEDIA_TYPE_OCI_LAYER "+zstd"), MEDIA_LAYER);
        cr_assert_eq(media_type_kind(MEDIA_TYPE_OCI_LAYER "+lz4"), MEDIA_OTHER);
        cr_assert_eq(media_type_kind("text/html"), MEDIA_OTHER);
        cr_assert_eq(media_type_kind(""), MEDIA_OTHER);
}

Test(media_type, heeds_neither_parameters_nor_case)
{
        cr_assert(media_type_equal("a/b; charset=utf-8", "A/b"));
        cr_assert_not(media_type_equal("a/b", "a/bc"));
        cr_assert_eq(media_type_kind(MEDIA_TYPE_OCI_INDEX ";x=y"), MEDIA_INDEX);
}

Test(media_type, tells_foreign_layers_and_docker_types)
{
        cr_assert(media_type_is_foreign(
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"));
        cr_assert(media_type_is_foreign("application/vnd.docker.image.rootfs.foreign.diff.tar"));
        cr_assert_not(media_type_is_foreign(MEDIA_TYPE_OCI_LAYER));
        cr_assert(media_type_is_docker(MEDIA_TYPE_DOCKER_CONFIG));
        cr_assert_not(media_type_is_docker(MEDIA_TYPE_OCI_CONFIG));
}
