#include "build/owners.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const names[OWNERS_COUNT] = {
        [OWNERS_UNKNOWN] = "",  [OWNERS_FAKED] = "T0",          [OWNERS_EMULATED] = "T2",
        [OWNERS_REAL] = "real", [OWNERS_DECLARED] = "declared",
};

const char *owners_name(enum owners owners)
{
        return names[owners];
}

enum owners owners_of_host(const struct sandbox_host *host)
{
        if (sandbox_host_users(host) == SANDBOX_USERS_RANGES)
                return OWNERS_REAL;
        if (sandbox_host_emulation(host) != SANDBOX_EMULATE_RECORD)
                return OWNERS_FAKED;
        return OWNERS_EMULATED;
}

struct owners_search {
        const struct digest *diff_ids;
        size_t count;
        enum owners *found;
};

/* Takes a record (worker_step.c): its lines "layer DIGEST" and "owners NAME". */
static int take_record(void *context, const char *text)
{
        struct owners_search *search = context;
        const char *layer = strstr(text, "\nlayer "), *owners = strstr(text, "\nowners ");
        char digest[DIGEST_TEXT_MAX] = "", name[16] = "";
        struct error ignored = ERROR_INIT;
        enum owners known = OWNERS_UNKNOWN;
        struct digest diff_id;

        if (!layer || !owners || sscanf(layer, "\nlayer %71s", digest) != 1 ||
            sscanf(owners, "\nowners %15s", name) != 1 ||
            digest_parse(digest, &diff_id, &ignored) < 0)
                return 0;
        for (size_t i = 0; i < OWNERS_COUNT; i++)
                if (strcmp(names[i], name) == 0)
                        known = (enum owners)i;
        for (size_t i = 0; i < search->count && known != OWNERS_UNKNOWN; i++)
                if (digest_equal(&search->diff_ids[i], &diff_id) &&
                    (search->found[i] == OWNERS_UNKNOWN || known < search->found[i]))
                        search->found[i] = known;
        return 0;
}

int owners_of_layers(struct store *store, const struct digest *diff_ids, size_t count,
                     enum owners *ret, struct error *err)
{
        struct owners_search search = { diff_ids, count, ret };
        int r;

        for (size_t i = 0; i < count; i++)
                ret[i] = OWNERS_UNKNOWN;
        r = store_record_each(store, take_record, &search);
        return r < 0 ? error_set_errno(err, r, "cannot read the records of the store") : 0;
}
