#include "prune_flags.h"

#include "base/cleanup.h"
#include "bounds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "24h", "90m", "30d": as long ago. */
static int parse_until(const char *text, time_t *ret, struct error *err)
{
        static const struct {
                char letter;
                long seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        char *rest;
        long number = strtol(text, &rest, 10);

        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (rest > text && rest[0] == units[i].letter && rest[1] == '\0' && number >= 0 &&
                    number < 1000000) {
                        *ret = time(NULL) - number * units[i].seconds;
                        return 0;
                }
        return error_set(err, -EINVAL, "until=%s is no time such as 90m, 24h or 30d", text);
}

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
                        r = parse_until(filter + strlen("until="), &options.until, err);
                else
                        r = error_set(err, -EINVAL, "--filter is until=TIME or unused, not %s",
                                      filter);
        }
        if (r == 0)
                *ret = options;
        return r;
}
