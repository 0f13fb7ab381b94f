#include "oci/digest.h"

#include <criterion/criterion.h>
#include <errno.h>

/* Of "abc": FIPS 180-4. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

Test(digest, of_bytes_is_that_of_the_standard_and_reads_back)
{
        struct error err = ERROR_INIT;
        struct digest digest, back;
        char text[DIGEST_TEXT_MAX], hex[DIGEST_HEX_MAX];

        cr_assert_eq(digest_of("abc", 3, &digest, &err), 0);
        digest_format(&digest, text);
        cr_assert_str_eq(text, "sha256:" ABC);
        digest_format_hex(&digest, hex);
        cr_assert_str_eq(hex, ABC);
        cr_assert_eq(digest_parse(text, &back, &err), 0);
        cr_assert(digest_equal(&digest, &back));
        cr_assert_eq(digest_parse_hex(hex, &back, &err), 0);
        cr_assert(digest_equal(&digest, &back));
}

Test(digest, of_a_stream_does_not_depend_on_its_pieces)
{
        struct error err = ERROR_INIT;
        struct digest_hasher *hasher;
        struct digest whole, pieces;

        cr_assert_eq(digest_of("abc", 3, &whole, &err), 0);
        cr_assert_eq(digest_hasher_new(&hasher, &err), 0);
        cr_assert_eq(digest_hasher_update(hasher, "a", 1, &err), 0);
        cr_assert_eq(digest_hasher_update(hasher, "", 0, &err), 0);
        cr_assert_eq(digest_hasher_update(hasher, "bc", 2, &err), 0);
        cr_assert_eq(digest_hasher_finish(hasher, &pieces, &err), 0);
        cr_assert(digest_equal(&whole, &pieces));
        digest_hasher_free(hasher);
        digest_hasher_free(NULL);
}

Test(digest, refuses_everything_but_64_lower_case_digits_of_sha256)
{
        static const char *const bad[] = {
                "",
                "sha256",
                "sha256:",
                ABC,
                "sha256:" ABC "0",
                "sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "SHA256:" ABC,
                "sha512:" ABC ABC,
                "md5:d41d8cd98f00b204e9800998ecf8427e",
                "sha256:../../../../../../../../../../../../../../../../../../../../etc/pa",
                "sha256:gg7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                " sha256:" ABC,
                "sha256: " ABC,
        };
        struct digest digest;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(digest_parse(bad[i], &digest, &err), -EINVAL, "%s", bad[i]);
                cr_assert(error_is_set(&err));
        }
}

Test(digest, names_the_algorithm_that_it_does_not_know)
{
        struct error err = ERROR_INIT;
        struct digest digest;

        cr_assert_eq(digest_parse("sha512:00", &digest, &err), -EINVAL);
        cr_assert_str_eq(
                err.message,
                "the digest 'sha512:00' is not of the algorithm sha256, the only one supported");
}
