#include "shared_config.h"

#include <criterion/criterion.h>
#include <string.h>

#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"

Test(shared_config, has_layers_and_steps_as_buildkit_has_them)
{
        const struct timespec created = { 1, 0 };
        struct shared_config *config;
        struct error err = ERROR_INIT;
        struct buf text = BUF_INIT;

        cr_assert_eq(shared_config_new(&config, &err), 0);
        cr_assert_eq(shared_config_add_layer(config, &(struct digest){ { 1 } }, -1), 0);
        cr_assert_eq(shared_config_add_layer(config, &(struct digest){ { 2 } }, 0), 1);
        cr_assert_eq(shared_config_add_step(config, &(struct digest){ { 3 } }, -1, -1, &created),
                     0);
        cr_assert_eq(shared_config_add_step(config, &(struct digest){ { 4 } }, 0, 1, &created), 1);
        cr_assert_eq(shared_config_write(config, &text, &err), 0);
        cr_assert_str_eq(buf_str(&text),
                         "{\"layers\":[{\"blob\":\"sha256:01" ZEROS
                         "\",\"parent\":-1},{\"blob\":\"sha256:02" ZEROS
                         "\",\"parent\":0}],\"records\":[{\"digest\":\"sha256:03" ZEROS
                         "\"},{\"layers\":[{\"layer\":1,\"createdat\":\"1970-01-01T00:00:01Z\"}],"
                         "\"digest\":\"sha256:04" ZEROS "\",\"inputs\":[[{\"link\":0}]]}]}");
        buf_done(&text);
        shared_config_free(config);
}

Test(shared_config, has_what_two_stages_share_once)
{
        const struct timespec created = { 1, 0 };
        const struct digest layer = { { 1 } }, step = { { 2 } };
        struct shared_config *config;
        struct error err = ERROR_INIT;

        cr_assert_eq(shared_config_new(&config, &err), 0);
        cr_assert_eq(shared_config_add_layer(config, &layer, -1), 0);
        cr_assert_eq(shared_config_add_layer(config, &layer, -1), 0);
        cr_assert_eq(shared_config_add_layer(config, &layer, 0), 1);
        cr_assert_eq(shared_config_add_step(config, &step, -1, 0, &created), 0);
        cr_assert_eq(shared_config_add_step(config, &step, -1, 0, &created), 0);
        cr_assert_eq(shared_config_add_step(config, &step, 0, 0, &created), 1);
        shared_config_free(config);
}
