#include "prune_flags.h"

#include "base/cleanup.h"
#include "bounds.h"
#include "image_filters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int prune_flags_parse(const struct prune_flags *flags, struct cache_prune_options *ret,
                      struct error *err)
{
        struct cache_prune_options options = { .keep_bytes = 0 };
        int r = 0;

        if (flags->keep_storage)
                r = bounds_parse_bytes("--keep-storage", flags->keep_storage, &options.keep_bytes,
                                       err);
        for (size_t i = 0; i < flags->filters.count && r == 0; i++) {
                const char *filter = flags->filters.items[i];

                if (strcmp(filter, "unused") == 0)
                        options.unused_only = true;
                else if (strncmp(filter, "until=", strlen("until=")) == 0)
                        r = filter_parse_until(filter + strlen("until="), &options.until, err);
                else
                        r = error_set(err, -EINVAL, "--filter is until=TIME or unused, not %s",
                                      filter);
        }
        if (r == 0)
                *ret = options;
        return r;
}
