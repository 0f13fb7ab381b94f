#include "names.h"

#include <criterion/criterion.h>
#include <string.h>

Test(names, are_two_words)
{
        char name[NAME_MAX_BYTES];

        name_make(0, 0, 0, name);
        cr_expect_str_eq(name, "agile_agassiz");
        name_make(4000000000u, 4000000001u, 7, name);
        cr_expect(strchr(name, '_'));
        cr_expect_eq(name[strlen(name) - 1], '7');
}
