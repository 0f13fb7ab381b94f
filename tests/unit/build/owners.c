#include "build/owners.h"

#include "base/io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static char directory[] = "/tmp/varve-test-XXXXXX";
static struct store *store;

static void begin(void)
{
        struct error err = ERROR_INIT;

        cr_assert_not_null(mkdtemp(directory));
        cr_assert_eq(store_open(directory, &store, &err), 0, "%s", err.message);
}

static void end(void)
{
        struct error err = ERROR_INIT;

        store_free(store);
        io_remove_tree(AT_FDCWD, directory, &err);
}

TestSuite(owners, .init = begin, .fini = end);

static struct digest digest_for(char c)
{
        struct error err = ERROR_INIT;
        struct digest digest;

        cr_assert_eq(digest_of(&c, 1, &digest, &err), 0);
        return digest;
}

/* A record, as a step leaves it; `number` tells it from others. */
static void record(char number, const struct digest *layer, const char *owners)
{
        const struct digest group = digest_for('g'), key = digest_for(number);
        char digest[DIGEST_TEXT_MAX], text[512];
        struct error err = ERROR_INIT;

        digest_format(layer, digest);
        snprintf(text, sizeof(text), "varve step 1\ncreated x\nlayer %s\nblob %s 1 t\n%s", digest,
                 digest, owners);
        cr_assert_eq(store_record_put(store, &group, &key, text, strlen(text), &err), 0);
}

Test(owners, are_those_of_the_record_of_each_layer)
{
        const struct digest layers[] = { digest_for('a'), digest_for('b'), digest_for('c') };
        struct error err = ERROR_INIT;
        enum owners found[3];

        record('1', &layers[0], "owners T2\n");
        record('2', &layers[2], "owners declared\n");
        cr_assert_eq(owners_of_layers(store, layers, 3, found, &err), 0);
        cr_expect_eq(found[0], OWNERS_EMULATED);
        cr_expect_eq(found[1], OWNERS_UNKNOWN);
        cr_expect_eq(found[2], OWNERS_DECLARED);
}

Test(owners, are_the_least_sure_of_several_records)
{
        const struct digest layer = digest_for('a');
        struct error err = ERROR_INIT;
        enum owners found;

        record('1', &layer, "owners real\n");
        record('2', &layer, "owners T0\n");
        record('3', &layer, "");
        record('4', &layer, "owners nonsense\n");
        cr_assert_eq(owners_of_layers(store, &layer, 1, &found, &err), 0);
        cr_expect_eq(found, OWNERS_FAKED);
        cr_expect_str_eq(owners_name(found), "T0");
}
