/*
 * Image configs: what is accepted is written, read back, and then written as the same bytes.
 */
#include "oci/config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct image_config config, again;
        struct buf first = BUF_INIT, second = BUF_INIT;
        struct error err = ERROR_INIT;

        if (image_config_parse(data, size, &config, &err) < 0) {
                if (!error_is_set(&err))
                        abort();
                return 0;
        }
        if (image_config_write(&config, &first, &err) < 0 ||
            image_config_parse(first.data, first.len, &again, &err) < 0 ||
            image_config_write(&again, &second, &err) < 0)
                abort();
        if (strcmp(buf_str(&first), buf_str(&second)) != 0)
                abort();
        buf_done(&first);
        buf_done(&second);
        image_config_done(&config);
        image_config_done(&again);
        return 0;
}
