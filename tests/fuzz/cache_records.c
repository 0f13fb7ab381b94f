/*
 * Any bytes as the records of a cache that others share: they are refused, or each record's bytes,
 * taken for what a step has observed, are refused, or can be compared with a tree.
 */
#include "../../src/build/shared_records.h"

#include "base/cleanup.h"
#include "fs/trace.h"

#include <errno.h>
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct observations *observations)
{
        struct tree_options options = { .spool_memory_max = 1 << 16 };
        _cleanup_close_ int dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct buf difference = BUF_INIT;
        struct error err = ERROR_INIT;
        struct tree *tree = NULL;

        options.spool_dir_fd = dir_fd;
        if (tree_new(&options, NULL, 0, &tree, &err) == 0)
                observations_check(observations, tree, 50, &difference, &err);
        buf_done(&difference);
        tree_free(tree);
}

static void take(const void *data, size_t len)
{
        struct observations *observations;
        struct error err = ERROR_INIT;
        int r = observations_read(data, len, &observations);

        if (r < 0) {
                if (r != -EBADMSG)
                        abort();
                return;
        }
        if (observations_distrust(observations, &err) == 0)
                compare(observations);
        observations_free(observations);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct shared_record *records;
        size_t count;

        take(data, size);
        if (shared_records_parse((const char *)data, size, &records, &count) < 0)
                return 0;
        for (size_t i = 0; i < count; i++)
                take(records[i].text, records[i].len);
        free(records);
        return 0;
}
