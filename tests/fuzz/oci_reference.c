/*
 * References: what is accepted is written and read back as the same, in both forms.
 */
#include "oci/reference.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, const char *expected)
{
        struct reference reference;
        struct error err = ERROR_INIT;
        char *whole;

        if (reference_parse(text, &reference, &err) < 0)
                abort();
        whole = reference_format(&reference);
        if (strcmp(whole, expected) != 0)
                abort();
        free(whole);
        reference_done(&reference);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = strndup((const char *)data, size);
        struct error err = ERROR_INIT;
        struct reference reference;
        char *whole, *familiar;

        if (reference_parse(text, &reference, &err) == 0) {
                whole = reference_format(&reference);
                familiar = reference_format_familiar(&reference);
                check(whole, whole);
                check(familiar, whole);
                free(whole);
                free(familiar);
                reference_done(&reference);
        } else if (!error_is_set(&err)) {
                abort();
        }
        free(text);
        return 0;
}
